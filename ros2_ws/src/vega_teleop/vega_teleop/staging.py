"""Where the objects belong: planned on a real table, placed by seed in the twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from rclpy.node import Node
from vega_msgs.msg import TaskState
from vega_runtime import qos

from hw_config import TaskConfig
from teleop.dataset.episode import EpisodeInfo
from teleop.placements import Grid, GridCell, twin_scenes
from teleop.session.state import Placement

Plan = Callable[[Sequence[EpisodeInfo]], Placement | None]


def by_hand(task: TaskConfig, variant: str) -> Plan:
    """What an operator is asked to place next: the cell that is covered least.

    A task without a grid has no plan.
    """
    if task.placement is None:
        return lambda infos: None
    return Grid(task, variant).next_placement


def in_twin(task: TaskConfig, variant: str, seed: int) -> Placement:
    """What the twin has placed for a seed."""
    return twin_scenes().placement_record(task, variant, seed)


class _PlacedScene(NamedTuple):
    """What is there since when: `episode` rises each time that something is placed."""

    task: str
    variant: str
    seed: int
    episode: int


class TwinScene:
    """Keeps a session told of what the twin has placed."""

    def __init__(
        self,
        node: Node,
        task: TaskConfig,
        variant: str,
        placed: Callable[[Placement], None],
        submit: Callable[[Callable[[], None]], object],
    ) -> None:
        """Listens to the twin.

        Args:
            node: Who listens.
            task: What is demonstrated.
            variant: Of the task.
            placed: Gets each placement.
            submit: Runs something elsewhere: to find out where a seed places things takes a while.
        """
        self._node, self._task, self._variant = node, task, variant
        self._placed, self._submit = placed, submit
        self._now: _PlacedScene | None = None
        self._known: _PlacedScene | None = None
        self._subscription = node.create_subscription(
            TaskState, "sim/task_state", self._on_state, qos.LATCHED
        )

    def use(self) -> None:
        """A take has ended: things have been moved, so the scene has to be placed anew."""
        self._known = None

    def _on_state(self, state: TaskState) -> None:
        scene = _PlacedScene(state.task, state.variant, int(state.seed), int(state.episode))
        if scene != self._now:
            self._now = scene
            if not self._other():
                self._submit(partial(self._find, scene))

    def _other(self) -> str:
        now = self._now
        if now is None or (now.task, now.variant) == (self._task.name, self._variant):
            return ""
        return (
            f"the twin shows {now.task} ({now.variant}), the session records {self._task.name} "
            f"({self._variant}): reset its scene with sim/reset"
        )

    def _find(self, scene: _PlacedScene) -> None:
        placement = in_twin(self._task, scene.variant, scene.seed)
        if scene == self._now:
            self._placed(placement)
            self._known = scene

    def lacking(self) -> list[str]:
        """Why no take can begin with the present scene."""
        if self._now is None:
            return ["the twin says nothing of its scene"]
        if self._known == self._now:
            return []
        return [self._other() or "the scene is being reset"]

    def close(self) -> None:
        """Stops listening."""
        self._node.destroy_subscription(self._subscription)


class Seeds:
    """Which scene the twin places next: of the cell that is covered least, one not used before."""

    def __init__(self, task: TaskConfig, variant: str, first: int) -> None:
        self._grid = Grid(task, variant) if task.placement is not None else None
        self._task, self._variant, self._first = task.name, variant, first
        self._tried: dict[GridCell | None, int] = {}

    def next(self, infos: Iterable[EpisodeInfo]) -> int:
        """A seed, `first` or more, that is neither in `infos` nor was returned before."""
        infos = [info for info in infos if info.task == self._task]
        cell = self._grid.next_cell(self._grid.counts(infos)) if self._grid else None
        after = self._tried.get(cell, self._first - 1)
        for info in infos:
            if self._grid is None or self._grid.cell_of_episode(info) == cell:
                used = (info.placement or {}).get("seed")
                after = max(after, used if isinstance(used, int) else -1)
        seed = after + 1
        if cell is not None:
            seed = twin_scenes().seed_for(self._task, self._variant, cell, after)
        self._tried[cell] = seed
        return seed
