"""What a task of the twin is: its objects, where they start, when it is done, how it is solved.

A task module defines one class `Scene(Task)`. Its instance belongs to one `Twin` and may keep what
it drew at the last reset. Call order: `build` once, before the model is compiled; then, for every
episode, `reset`, and after each step any of `success`, `milestones`, `progress`, `handled`.

Everything random comes from the generator that `reset` is given, so an episode is a function of
its seed alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import mujoco
import numpy as np

from hw_config import TaskConfig

if TYPE_CHECKING:
    from vega_sim.arm_script import ArmScript
    from vega_sim.world import World

Circle = tuple[float, float, float]


@dataclass(frozen=True)
class Handled:
    """A thing that an arm has to take, or to push, as it is now.

    Attributes:
        body: the body that fingers have to touch.
        to_go_m: how far it still has to go.
        near: it is so near to where it belongs that to let go of it here is meant to place it.
        arrived: it is where it belongs, in a hand or not.
        grasped: it is taken between two fingers; otherwise it is pushed, and nothing holds it.
    """

    body: str
    to_go_m: float
    near: bool
    arrived: bool
    grasped: bool = True


class Task(ABC):
    """Base of all tasks.

    Attributes:
        config: the task as hw_config describes it (instruction, arms, time limit).
        variant: "easy" or "hard".
        parts: semantic name -> names of the bodies that carry it, in class order. The label image
            gives background 0, table 1, left arm 2, right arm 3, these parts from 4 on, clutter
            last.
        main: the body that the grid of placements in hw_config is about.
        main_yaw: direction of its x axis (rad) when it is turned by 0 degrees in that grid.
    """

    parts: ClassVar[Mapping[str, tuple[str, ...]]]
    main: ClassVar[str]
    main_yaw: ClassVar[float] = 0.0

    def __init__(self, config: TaskConfig, variant: str) -> None:
        self.config = config
        self.variant = variant

    @property
    def hard(self) -> bool:
        """Whether placements are wide and colours vary (clutter, light, table: see `variation`)."""
        return self.variant == "hard"

    @abstractmethod
    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the task's bodies to the cell.

        Objects that move get a free joint; give colliding geoms `vega_sim.shapes` collision bits.
        """

    @abstractmethod
    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Places the objects on the table; nothing needs to have settled yet."""

    @abstractmethod
    def success(self, world: World) -> bool:
        """The success predicate; its docstring is the definition."""

    @abstractmethod
    def milestones(self, world: World) -> dict[str, bool]:
        """Steps on the way that hold now, in order, the last one equal to `success`."""

    @abstractmethod
    def progress(self, world: World) -> str:
        """One short line for people."""

    @abstractmethod
    def handled(self, world: World) -> list[Handled]:
        """What the arms have to take or push, and how far each of it has come; always alike."""

    @abstractmethod
    def keep_out(self, world: World) -> list[Circle]:
        """Circles (x, y, radius) in m, in `footprint`, that clutter must leave free."""

    @abstractmethod
    def scripts(self, world: World) -> list[ArmScript]:
        """Scripts of the arms that work, for the scripted operator; idle arms stay at home."""
