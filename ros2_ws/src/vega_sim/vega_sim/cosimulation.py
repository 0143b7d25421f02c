"""Steps the twin on the ROS side's behalf: what is due when, at exact simulated capture times.

A tick is one period of the joint state (5 ms, two physics steps). After it the outputs that are
due go to an `Outputs`: joint states, the clock, then the images, so that whoever reads the clock
already has the state of that time. Nothing here knows ROS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vega_core.stamps import NS
from vega_sim.commands import ARMS, CommandInbox
from vega_sim.failure_signals import FailureSignals
from vega_sim.pacing import Pacer
from vega_sim.progress import Judged, Progress

Array = NDArray[np.float64]
_ARM_SLICES = {"left": slice(0, 7), "right": slice(7, 14)}
_TASK_STATE_HZ = 10
FAULTS = ("camera_silent", "joint_states_silent", "arm_disabled", "none")


class CosimulationError(ValueError):
    """A fault or a rate that does not exist; the text says which do."""


class SimulatedScene(Judged, Protocol):
    """The part of `vega_sim.twin.Twin` that is used here."""

    def reset(self, seed: int) -> None: ...
    def command(self, joints: Array) -> None: ...
    def step(self, n: int = 1) -> None: ...
    def positions(self) -> Array: ...
    def velocities(self) -> Array: ...
    def efforts(self) -> Array: ...
    def render(self, camera: str) -> NDArray[np.uint8]: ...
    def progress(self) -> str: ...
    @property
    def timestep(self) -> float: ...


class Outputs(Protocol):
    """Where the twin's measurements go. Stamps are ROS time in ns."""

    def joint_state(self, arm: str, stamp_ns: int, q: Array, dq: Array, effort: Array) -> None: ...
    def leader_state(self, arm: str, stamp_ns: int, q: Array, dq: Array) -> None: ...
    def clock(self, stamp_ns: int) -> None: ...
    def wants(self, camera: str) -> bool: ...
    def image(self, camera: str, stamp_ns: int, pixels: NDArray[np.uint8]) -> None: ...
    def episode(self, stamp_ns: int, state: EpisodeState) -> None: ...


class Leading(Protocol):
    """The part of `vega_sim.leaders.Leaders` that is used here."""

    leads: bool
    positions: Array
    velocities: Array

    def start(self, twin: Any) -> None: ...
    def tick(self) -> None: ...


@dataclass(frozen=True)
class EpisodeState:
    """How the present episode stands; times in s."""

    seed: int
    episode: int
    time_s: float
    success: bool
    progress: str
    milestones: dict[str, bool]
    signals: FailureSignals
    real_time_factor: float
    frames: dict[str, int]


class Cosimulation:
    """The twin behind the topics.

    ROS time starts one tick after zero and never falls: a reset restarts the episode, not the
    clock. Success and milestones are latched until the next reset.

    Args:
        scene: the twin; `reset` is called by `reset`.
        cameras: frames a second of each camera; none of them is rendered while nobody listens.
        state_hz: ticks a second; a whole number of physics steps must fit in one.
        control_hz: how often success is checked, as in the Gymnasium environments.
        outputs: receives what is measured.
        inbox: holds the newest command of each arm.
        pacer: keeps the simulation to real time and to the sender of commands.
        seed: of the first episode.
        wall: clock that the real-time factor is measured with, s.
        leaders: the leader arms, if there are any.
    """

    def __init__(
        self,
        scene: SimulatedScene,
        cameras: Mapping[str, float],
        state_hz: float,
        control_hz: float,
        outputs: Outputs,
        inbox: CommandInbox,
        pacer: Pacer,
        seed: int = 0,
        wall: Callable[[], float] = time.monotonic,
        leaders: Leading | None = None,
    ) -> None:
        self._scene = scene
        self._leaders = leaders
        self._cameras = dict(cameras)
        self._outputs = outputs
        self._inbox = inbox
        self._pacer = pacer
        self._wall = wall
        self._state_hz = state_hz
        self._steps = round(1.0 / state_hz / scene.timestep)
        if self._steps < 1 or abs(self._steps * scene.timestep * state_hz - 1.0) > 1e-6:
            raise CosimulationError(
                f"a joint state rate of {state_hz:g} Hz is no whole number of physics steps of "
                f"{scene.timestep * 1e3:g} ms"
            )
        self._success_every = max(1, round(state_hz / control_hz))
        self._tick = 0
        self._captures = dict.fromkeys(self._cameras, 0)
        self._faults: dict[str, set[str]] = {kind: set() for kind in FAULTS[:-1]}
        self._powered = dict.fromkeys(ARMS, True)
        self._episode = 0
        self.reset(seed)

    @property
    def stamp_ns(self) -> int:
        """Present ROS time, ns."""
        return round(self._tick * NS / self._state_hz)

    def reset(self, seed: int, scene: SimulatedScene | None = None) -> None:
        """Starts the next episode, in another scene if one is given."""
        if scene is not None:
            self._scene = scene
        self._scene.reset(seed)
        self._target = self._scene.positions()
        if self._leaders is not None:
            self._leaders.start(self._scene)
        self._inbox.forget()
        self._seed = seed
        self._episode += 1
        self._first_tick = self._tick
        self._progress = Progress(self._scene)
        self._frames = dict.fromkeys(self._cameras, 0)
        self._wall_s = 0.0
        self._pacer.restart(self.stamp_ns)

    def tick(self) -> bool:
        """Waits until the next tick may run, runs it and sends what is due.

        Returns:
            False when the pacer still has to wait; call again.
        """
        started = self._wall()
        stamp_ns = round((self._tick + 1) * NS / self._state_hz)
        ready = self._pacer.wait(stamp_ns)
        if ready:
            self._tick += 1
            self._obey(stamp_ns)
            self._scene.step(self._steps)
            self._send(stamp_ns)
        self._wall_s += self._wall() - started
        return ready

    def resume(self) -> None:
        """Call before ticking on after a pause."""
        self._pacer.restart(self.stamp_ns)

    def inject(self, kind: str, target: str) -> None:
        """Makes a camera or joint states fall silent or an arm go limp; "none" heals everything.

        Raises:
            CosimulationError: There is no such fault or target.
        """
        if kind not in FAULTS:
            raise CosimulationError(f"unknown fault {kind!r}; known: {', '.join(FAULTS)}")
        if kind == "none":
            for targets in self._faults.values():
                targets.clear()
            return
        known = tuple(self._cameras) if kind == "camera_silent" else ARMS
        if target not in known:
            raise CosimulationError(f"{kind} needs one of {', '.join(known)}, got {target!r}")
        self._faults[kind].add(target)

    def power(self, arm: str, on: bool) -> None:
        """Gives an arm power or takes it; without, it obeys no command and stays where it is."""
        self._powered[arm] = on

    def enabled(self, arm: str) -> bool:
        """Whether the arm obeys commands."""
        return self._powered[arm] and arm not in self._faults["arm_disabled"]

    def state(self) -> EpisodeState:
        """How the present episode stands."""
        time_s = (self._tick - self._first_tick) / self._state_hz
        return EpisodeState(
            seed=self._seed,
            episode=self._episode,
            time_s=time_s,
            success=self._progress.success,
            progress=self._scene.progress(),
            milestones=dict(self._progress.milestones),
            signals=self._progress.signals,
            real_time_factor=time_s / self._wall_s if self._wall_s > 0 else 0.0,
            frames=dict(self._frames),
        )

    def _obey(self, stamp_ns: int) -> None:
        asked = self._inbox.take(stamp_ns)
        if self._leaders is not None:
            self._leaders.tick()
            if self._leaders.leads:
                asked = {arm: self._leaders.positions[part] for arm, part in _ARM_SLICES.items()}
        for arm, positions in asked.items():
            if self.enabled(arm):
                self._target[_ARM_SLICES[arm]] = positions
        self._scene.command(self._target)

    def _send(self, stamp_ns: int) -> None:
        outputs = self._outputs
        q, dq, effort = self._scene.positions(), self._scene.velocities(), self._scene.efforts()
        for arm, part in _ARM_SLICES.items():
            if arm not in self._faults["joint_states_silent"]:
                outputs.joint_state(arm, stamp_ns, q[part], dq[part], effort[part])
        if self._leaders is not None:
            q, dq = self._leaders.positions, self._leaders.velocities
            for arm, part in _ARM_SLICES.items():
                outputs.leader_state(arm, stamp_ns, q[part], dq[part])
        outputs.clock(stamp_ns)
        self._capture(stamp_ns)
        since_reset = self._tick - self._first_tick
        succeeded = since_reset % self._success_every == 0 and self._progress.update()
        if succeeded or since_reset % round(self._state_hz / _TASK_STATE_HZ) == 0:
            outputs.episode(stamp_ns, self.state())

    def _capture(self, stamp_ns: int) -> None:
        for camera, fps in self._cameras.items():
            # Frame k is due at k / fps and is taken at the first tick from then on.
            due = int(stamp_ns * fps // NS)
            if due <= self._captures[camera]:
                continue
            self._captures[camera] = due
            if camera in self._faults["camera_silent"] or not self._outputs.wants(camera):
                continue
            self._frames[camera] += 1
            self._outputs.image(camera, stamp_ns, self._scene.render(camera))
