"""Consent of people: whether they stand clear of the arms. Asked here alone before arms move.

Whatever stops the arms, or may have brought somebody near them, ends it: an emergency stop, a hold,
a fault and its end. From then on nothing begins to move before somebody has said again that they
stand clear. Sessions that nobody attends are excepted by name: `unattended`.
"""

from __future__ import annotations

from typing import NamedTuple


class _Newest(NamedTuple):
    """What came last: a consent, or what ended it."""

    given: bool
    why: str


class Consent:
    """The newest consent, and what has happened since; asked and told from any thread.

    Attributes:
        interruptions: How often something has happened after which people have to be asked.
    """

    def __init__(self, unattended: bool = False, given: bool = False) -> None:
        """Begins.

        Args:
            unattended: Nobody can be hurt, as in the twin; nothing ends it.
            given: Whether who launched the session has said by that that they stand clear.
        """
        self._unattended = unattended
        self._newest = _Newest(given, "")
        self._was_given = given
        self.interruptions = 0

    @property
    def given(self) -> bool:
        """Whether arms may begin to move now."""
        return self._unattended or self._newest.given

    @property
    def why(self) -> str:
        """What ended the last consent, for people; empty while there is one, or was none yet."""
        return self._newest.why

    def barred(self) -> str:
        """Why nothing may begin to move now, for people; empty if it may."""
        if self.given:
            return ""
        return self.why or "nobody has said yet that people stand clear"

    def give(self) -> None:
        """Somebody has said that they stand clear."""
        self._was_given = True
        self._newest = _Newest(True, "")

    def use(self) -> None:
        """The arms have begun to move, once; to begin again they need another one."""
        self._newest = _Newest(False, "")

    def interrupt(self, why: str) -> None:
        """Something has stopped the arms, or was wrong; the first reason is the one that is told.

        Before the first consent there is nothing to end, and nothing to tell.

        Args:
            why: What it was, for people.
        """
        self.interruptions += 1
        self._newest = _Newest(False, (self._newest.why or why) if self._was_given else "")
