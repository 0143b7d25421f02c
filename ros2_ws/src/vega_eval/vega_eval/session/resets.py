"""How the scene of a trial should look, and how it looked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vega_eval.session import reset_help
from vega_eval.session.reset_help import Picture, References
from vega_eval.session.twin_view import TwinView
from vega_eval.trials.schedule import Placement
from vega_eval.trials.session_spec import TaskSpec

RESET = "reset.jpg"


class Resets:
    """The reference picture of the present placement, and what it is compared with.

    The reference is the picture with which the first trial at this placement began. Before there is
    one, a person who lays the objects is shown what the twin would show.

    Args:
        card: Whose scenes they are.
        by_hand: Whether a person lays them.
        tell: Gets what went wrong, for people.
    """

    def __init__(self, task_spec: TaskSpec, by_hand: bool, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._twin_view = TwinView(task_spec, tell) if by_hand else None
        self._references: References | None = None
        self._index = 0
        self._shown: Picture | None = None

    def keep_in(self, folder: Path) -> None:
        """Photos are kept in this session's folder."""
        self._references = References(folder)

    def prepare(self, placement: Placement, index: int) -> None:
        """The next trial has this placement."""
        self._index = index
        self._shown = self._photo()
        if self._shown is None and self._twin_view is not None:
            self._shown = self._twin_view.of(placement.seed)

    def blended(self, live: Picture | None) -> Picture | None:
        """The reference over the live picture; None where one of them is missing."""
        if live is None or self._shown is None:
            return None
        return reset_help.blend(self._shown, live)

    def photograph(self, folder: Path, live: Picture | None) -> float | None:
        """Keeps how the trial begins in its folder; how much it differs from the first one."""
        if live is None or self._references is None:
            return None
        before = self._photo()
        try:
            reset_help.save(folder / RESET, self._shown, live)
            self._references.keep(self._index, live)
        except OSError as error:
            self._tell(f"the reset picture cannot be written: {error}")
        return None if before is None else round(reset_help.difference(before, live), 2)

    def _photo(self) -> Picture | None:
        return None if self._references is None else self._references.of(self._index)
