"""Consent of people: whether they stand clear of the arms. Asked here alone before arms move.

An operator's `start` says that they do. One consent is good for one motion: once the arms have
begun to move it is used up, and whatever stops them has to be followed by another one.
"""

from __future__ import annotations


class Consent:
    """What people have said about standing clear, since arms last began to move.

    Attributes:
        given: Whether arms may begin to move now.
    """

    def __init__(self, unattended: bool = False) -> None:
        """Begins as given: who launches a session stands clear.

        Args:
            unattended: Nobody can be hurt, as in the twin; it is never used up.
        """
        self._unattended = unattended
        self.given = True

    def give(self) -> None:
        """Somebody has said that they stand clear."""
        self.given = True

    def use(self) -> None:
        """The arms have begun to move; to begin again they need another one."""
        self.given = self._unattended
