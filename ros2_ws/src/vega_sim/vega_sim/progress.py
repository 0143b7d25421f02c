"""How an episode has come along: success and milestones, latched, and its failure signals."""

from __future__ import annotations

from typing import Protocol

from vega_sim.failure_signals import FailureSignals


class Judged(Protocol):
    """The part of `vega_sim.twin.Twin` that is used here."""

    def success(self) -> bool: ...
    def milestones(self) -> dict[str, bool]: ...
    def update_signals(self) -> FailureSignals: ...


class Progress:
    """Follows one episode of a scene that has just been reset.

    Attributes:
        success: the task was done once.
        milestones: which of the task's milestones were reached once.
        signals: what has happened up to the last update.
    """

    def __init__(self, scene: Judged) -> None:
        self._scene = scene
        self.success = False
        self.milestones = dict.fromkeys(scene.milestones(), False)
        self.signals = scene.update_signals()

    def update(self) -> bool:
        """Reads the scene, once a control step; True when the task has just been done."""
        self.signals = self._scene.update_signals()
        for name, reached in self._scene.milestones().items():
            self.milestones[name] |= bool(reached)
        if self.success or not self._scene.success():
            return False
        self.success = True
        return True
