"""The twin in real time: physics at the rate of the arms' feedback, images as time allows.

For emulated hardware, whose drivers twin in the system's time: when the computer is too slow, there
are fewer images, and only then fewer simulated seconds. Nothing here knows ROS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vega_sim.arm_process import Asked
from vega_sim.cosimulation import EpisodeState
from vega_sim.progress import Progress
from vega_sim.twin import Twin

STATE_HZ, _TASK_STATE_HZ = 200, 10
_CATCH_UP_S = 0.5  # ticks that came late are made up for, but no more than this
_SLICE_S = 0.05  # longest wait in one call, so that the caller can stop
_AT_HOME = np.array(([0.2] * 6 + [0.05]) * 2)
_JUDGED_AFTER_S, _SLOW = 3.0, 0.95

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]


class Arm(Protocol):
    """Where an arm's targets come from and its measurements go."""

    @property
    def asked(self) -> Asked | None: ...
    def observe(self, q: Array, dq: Array, effort: Array) -> None: ...


class Leading(Protocol):
    """The part of `vega_sim.leaders.Leaders` that is used here."""

    positions: Array

    def follow_reset(self, twin: Twin) -> None: ...
    def tick(self) -> None: ...


class Clock(Protocol):
    """Where time comes from; the module `time` is one."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class TwinListener(Protocol):
    """Hears of the twin, in the thread that calls `tick`."""

    def episode_state(self, state: EpisodeState) -> None:
        """How the episode stands: 10 times a second, and at once when the task has succeeded."""

    def too_slow(self, text: str) -> None:
        """The computer is too slow, in a sentence for people; called once."""

    def leader_moved(self, arm: str, q: Array) -> None:
        """Where the leader of an arm is now, [7]; called each tick."""


class NotAtHome(ValueError):
    """Objects cannot be placed where an arm is; the text says which joint is away."""


class RealtimeTwin:
    """Steps the twin as wall time passes, with its arms led by their controllers.

    Args:
        twin: the scene; `reset` is called by `reset`.
        arms: what leads each arm.
        listener: hears how the episode stands.
        seed: of the first episode.
        leaders: the leader arms, if there are any, at home at first.
        clock: of the wall.

    Attributes:
        twin: the present scene.
        frames: images that each camera has sent.
    """

    def __init__(
        self,
        twin: Twin,
        arms: Mapping[str, Arm],
        listener: TwinListener,
        seed: int = 0,
        leaders: Leading | None = None,
        clock: Clock = time,
    ) -> None:
        self.twin = twin
        self._leaders, self._listener, self._clock = leaders, listener, clock
        self.frames = dict.fromkeys(map(str, twin.hw.cameras), 0)
        self._arms = dict(arms)
        self._lock = threading.Lock()
        self._period_s = 1.0 / STATE_HZ
        self._steps = round(self._period_s / twin.timestep)
        self._success_every = max(1, round(STATE_HZ / twin.hw.rates.control_hz))
        self._episode = 0
        self._warned = False
        self.reset(seed)

    def reset(self, seed: int, twin: Twin | None = None) -> None:
        """Places objects anew, in another scene if one is given; the arms stay where they are.

        Raises:
            NotAtHome: An arm is where objects are placed.
        """
        before = self.twin.positions()
        if self._episode:
            self._check_home(before)
        with self._lock:
            self.twin = twin or self.twin
            self.twin.reset(seed)
            if self._episode:
                self.twin.move_arms_to(before)
            self._progress = Progress(self.twin)
        if self._leaders is not None and self._episode:
            self._leaders.follow_reset(self.twin)
        self._seed = seed
        self._episode += 1
        self._tick = 0
        self._frames_before = dict(self.frames)
        self._measure()
        self.resume()

    def resume(self) -> None:
        """Call before ticking on after a pause."""
        self._begun_s = self._judged_from_s = self._clock.monotonic()
        self._due_s = self._begun_s + self._period_s
        self._begun_tick = self._judged_from_tick = self._tick

    def tick(self) -> None:
        """Waits until the next tick is due, 50 ms at most, and makes it."""
        left_s = self._due_s - self._clock.monotonic()
        if left_s > 0.0:
            self._clock.sleep(min(left_s, _SLICE_S))
            if left_s > _SLICE_S:
                return
        self._due_s = max(self._due_s + self._period_s, self._clock.monotonic() - _CATCH_UP_S)
        self._operate()
        with self._lock:
            self._obey()
            self.twin.step(self._steps)
            self._tick += 1
            # Within the lock: distances are computed in memory that an image is copied from.
            succeeded = self._tick % self._success_every == 0 and self._progress.update()
        self._measure()
        if succeeded or self._tick % (STATE_HZ // _TASK_STATE_HZ) == 0:
            self._listener.episode_state(self.state())
            self._judge()

    def take(self, camera: str) -> tuple[Twin, tuple[int, Pixels]]:
        """What was rendered, its system time in ns and the image; in one thread, not `tick`'s."""
        with self._lock:
            twin = self.twin
            data = twin.still()
            stamp_ns = time.time_ns()
        pixels = twin.render(camera, data=data)
        return twin, (stamp_ns, pixels)

    def state(self) -> EpisodeState:
        """How the present episode stands."""
        wall_s = self._clock.monotonic() - self._begun_s
        ticks = self._tick - self._begun_tick
        return EpisodeState(
            seed=self._seed,
            episode=self._episode,
            time_s=self._tick * self._period_s,
            success=self._progress.success,
            progress=self.twin.progress(),
            milestones=dict(self._progress.milestones),
            signals=self._progress.signals,
            real_time_factor=ticks * self._period_s / wall_s if wall_s > 0.0 else 0.0,
            frames={k: n - self._frames_before[k] for k, n in self.frames.items()},
        )

    def _check_home(self, positions: Array) -> None:
        away = np.abs(positions - self.twin.hw.home)
        if (away > _AT_HOME).any():
            worst = int(np.argmax(away / _AT_HOME))
            way = "gate/home" if self._leaders is None else "operator/act with data: false"
            raise NotAtHome(
                f"objects are laid while the arms are at home; {self.twin.hw.joint_names[worst]} "
                f"is {away[worst]:.2f} away: send the arms home first (service {way})"
            )

    def _operate(self) -> None:
        if self._leaders is None:
            return
        self._leaders.tick()
        for name in self._arms:
            self._listener.leader_moved(
                name, self._leaders.positions[self.twin.world.arm_slice(name)]
            )

    def _obey(self) -> None:
        target = self.twin.positions()
        powered, damped = np.ones(len(target), bool), np.zeros(len(target), bool)
        home = np.array(self.twin.hw.home)
        for name, arm in self._arms.items():
            place, asked = self.twin.world.arm_slice(name), arm.asked
            if asked is None:
                target[place] = home[place]
                continue
            target[place] = asked.target
            powered[place], damped[place] = asked.powered, asked.damped
        self.twin.power(powered, damped)
        self.twin.command(target)

    def _measure(self) -> None:
        twin = self.twin
        q, dq, effort = twin.positions(), twin.velocities(), twin.efforts()
        for name, arm in self._arms.items():
            place = twin.world.arm_slice(name)
            arm.observe(q[place], dq[place], effort[place])

    def _judge(self) -> None:
        wall_s = self._clock.monotonic() - self._judged_from_s
        if self._warned or wall_s < _JUDGED_AFTER_S:
            return
        factor = (self._tick - self._judged_from_tick) * self._period_s / wall_s
        self._judged_from_s, self._judged_from_tick = self._clock.monotonic(), self._tick
        if factor < _SLOW:
            self._warned = True
            self._listener.too_slow(
                f"this computer is too slow: the twin's physics runs at {factor:.2f} of real time; "
                "close other programs"
            )


class Shutter:
    """Takes the cameras' images one after the other; those there is no time for are left out.

    Args:
        twin: the twin.
        cameras: frames a second of each.
        write: gets a camera's name, its image and the system time of capture in ns.
    """

    def __init__(
        self,
        twin: RealtimeTwin,
        cameras: Mapping[str, float],
        write: Callable[[str, Pixels, int], object],
        clock: Clock = time,
    ) -> None:
        self._twin = twin
        self._clock = clock
        self._write = write
        self._periods_s = {name: 1.0 / fps for name, fps in cameras.items()}
        self._rendered: Twin | None = None
        self.skipped = dict.fromkeys(cameras, 0)
        self.resume()

    def resume(self) -> None:
        """Call before ticking on after a pause."""
        now_s = self._clock.monotonic()
        # Cameras run freely, each at its own phase.
        self._due_s = {
            name: now_s + period_s * number / len(self._periods_s)
            for number, (name, period_s) in enumerate(self._periods_s.items())
        }

    def tick(self) -> None:
        """Waits until the next image is due, 50 ms at most, and takes it."""
        camera = min(self._due_s, key=lambda name: self._due_s[name])
        left_s = self._due_s[camera] - self._clock.monotonic()
        if left_s > 0.0:
            self._clock.sleep(min(left_s, _SLICE_S))
            if left_s > _SLICE_S:
                return
        period_s = self._periods_s[camera]
        late = max(int((self._clock.monotonic() - self._due_s[camera]) / period_s), 0)
        self._due_s[camera] += (late + 1) * period_s
        self.skipped[camera] += late
        stamp_ns, pixels = self._take(camera)
        self._write(camera, pixels, stamp_ns)
        self._twin.frames[camera] += 1

    def test(self) -> None:
        """Renders an image for nobody.

        Raises:
            RenderError: No OpenGL library can be used.
        """
        self._take(next(iter(self._periods_s)))

    def close(self) -> None:
        """Frees the OpenGL context."""
        if self._rendered is not None:
            self._rendered.close()
            self._rendered = None

    def _take(self, camera: str) -> tuple[int, Pixels]:
        twin, taken = self._twin.take(camera)
        if self._rendered is not twin:
            # An OpenGL context is freed by the thread that made it.
            self.close()
            self._rendered = twin
        return taken
