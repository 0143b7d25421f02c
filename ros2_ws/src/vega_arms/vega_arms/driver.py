"""The driver of one arm, without ROS: a thread that listens to the bus and one that sends."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from vega_arms import health, protocol, sdk_adapter
from vega_arms.command_filter import CommandFilter, Target
from vega_arms.config import FOLLOWER, DriverConfig
from vega_arms.enabling import Enabling, NotEnabled
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.following import FollowingWatch
from vega_arms.health import HealthMonitor, Problem
from vega_arms.limits import Reconciled, outside
from vega_arms.link import Link
from vega_arms.measurement import ArmState
from vega_arms.sdk_port import SdkPort
from vega_arms.status_snapshot import StatusSnapshot, details

_SUPERVISE_S = 0.02
_JOB_S = 15.0
_STALE_S = 0.1
_GIVEN_UP = "given up: something else was asked for meanwhile"
# An arm that has been switched on, or plugged in, is not heard at once.
_START_S = 2.0
_NOT_HEARD_YET = ("silent", "no_feedback", "no_data")


class ArmDriver:
    """Listens to one bus, reports what it hears, and leads its follower as it is commanded.

    Callbacks come from the driver's threads: `on_follower` and `on_leader` at the arm's own rate,
    `on_status` whenever what an operator should know has changed.
    """

    def __init__(
        self,
        config: DriverConfig,
        opener: sdk_adapter.Opener,
        on_follower: Callable[[ArmState], object],
        on_leader: Callable[[ArmState], object],
        on_status: Callable[[StatusSnapshot], object],
    ) -> None:
        self.config = config
        self._on_follower, self._on_status = on_follower, on_status
        self.port = SdkPort(config.channel, opener, config.mount)
        self.decoder = FeedbackDecoder(self.port.sdk, self._publish, on_leader)
        self._command_filter = CommandFilter(config, self.port, self.decoder)
        self._closing = threading.Event()
        self._wake = threading.Condition()
        self._jobs: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._target: Target | None = None
        self._sender = threading.Thread(target=self._send, name=f"{config.channel} send")
        self._link = Link(self.port, self.decoder, self._on_back)
        watch = FollowingWatch(config.following, config.gripper_effort)
        self._health = HealthMonitor(config.channel, self._link, config.role == FOLLOWER, watch)
        self._enable_call = f"call {config.arm}/follower/enable"
        # What an operator should know of an arm that is enabled.
        self._notes: tuple[str, ...] = ()
        self._was_reset = False
        # Set while an enabling under way must not go on.
        self._abandoned = threading.Event()
        self._armed = False
        # Why it is not enabled, and whether that is a fault rather than somebody's wish.
        self._reason, self._at_fault = "", False
        self._problem: Problem | None = None
        self._reported: tuple = ()
        self._starts_until_s = self._stale_until_s = 0.0

    def open(self) -> None:
        """Opens the bus and begins to listen; nothing is commanded.

        Raises:
            OSError: The bus cannot be opened; the text says what to do.
        """
        self.port.open()
        self._on_back()
        self._link.start()
        self._sender.start()

    def close(self) -> None:
        """Ends both threads and closes the bus; an arm with power stays where it is."""
        self.release("the driver was closed")
        self._closing.set()
        with self._wake:
            self._wake.notify_all()
        if self._sender.is_alive():
            self._sender.join(timeout=5.0)
        self._link.close()

    @property
    def enabled(self) -> bool:
        """Whether commands are executed."""
        return self._armed

    @property
    def limits(self) -> Reconciled:
        """The limits that hold for the arm."""
        return self._command_filter.limits

    @property
    def counters(self) -> Counter[str]:
        """What became of the commands, and what ended them."""
        return self._command_filter.counters

    @property
    def problem(self) -> str:
        """What is wrong with bus or arm now; empty when nothing is."""
        return "" if self._problem is None else self._problem.text

    def enable(self) -> None:
        """Gives the arm power where it stands and takes commands from now on.

        Raises:
            NotEnabled: It cannot be; the text says why and what to do.
        """
        if self.config.role != FOLLOWER:
            raise NotEnabled(f"{self.config.channel}: a bus of role leader commands no arm")
        self._abandoned.clear()
        self._submit(self._enable).result(_JOB_S)

    def release(self, reason: str = "released") -> None:
        """Takes no commands any more; the arm holds where it is."""
        self._disarm(reason)

    def disable(self) -> None:
        """Takes the arm's power away: a raised arm falls."""
        self._disarm(f"disabled: the arm has no power; {self._enable_call}")
        self.port.disable_motors()
        self._stale_until_s = time.monotonic() + _STALE_S

    def stop(self) -> None:
        """Emergency stop: the arm sinks slowly until it is reset."""
        self._disarm("emergency stop: hold the arm, then reset it", at_fault=True)
        self.port.emergency_stop()
        self._stale_until_s = time.monotonic() + _STALE_S

    def reset(self) -> None:
        """Clears a stop or a collision. The arm loses power at once: a raised arm falls."""
        self._disarm(f"reset: the arm has no power; {self._enable_call}", was_reset=True)
        self.port.reset()
        self._stale_until_s = time.monotonic() + _STALE_S
        self.decoder.foreign_high_follow = False

    def command(self, positions: Sequence[float], sequence: int, validity_s: float) -> str | None:
        """Takes a command (joints 1-6 rad, gripper m) that is valid for `validity_s` from now.

        Returns:
            Why it was refused: not_enabled, stale, out_of_order, wrong_shape,
            non_finite. None when it was taken.
        """
        refusal: str | None = "not_enabled"
        if self._armed:
            refusal = self._command_filter.refusal(positions, sequence, validity_s)
        if refusal is not None:
            self.counters[f"refused_{refusal}"] += 1
            return refusal
        target = self._command_filter.take(positions, sequence, validity_s)
        with self._wake:
            self._target = target
            self._wake.notify()
        return None

    def snapshot(self) -> StatusSnapshot:
        """What an operator should know now."""
        values = {"channel": self.config.channel, "role": self.config.role}
        told = details(self.decoder, self.limits, self.counters, self.port.bus)
        notes = (*self.limits.notes, *self._notes)
        return StatusSnapshot(self._armed, self._text(), self._wrong(), notes, {**values, **told})

    # The sending thread.

    def _send(self) -> None:
        while not self._closing.is_set():
            with self._wake:
                if not self._jobs and self._target is None:
                    self._wake.wait(_SUPERVISE_S)
                job = self._jobs.popleft() if self._jobs else None
                target, self._target = self._target, None
            self._supervise()
            if job is not None:
                self._run(*job)
            elif target is not None and self._armed:
                self._command_filter.follow(target)
        while self._jobs:
            self._jobs.popleft()[1].set_exception(NotEnabled("the driver is being closed"))

    def _run(self, work: Callable[[], None], future: Future[None]) -> None:
        try:
            work()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    def _submit(self, work: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        with self._wake:
            self._jobs.append((work, future))
            self._wake.notify()
        return future

    def _enable(self) -> None:
        if self._armed:
            return
        try:
            self._give_power()
        except NotEnabled as error:
            if not self._abandoned.is_set():
                self._reason, self._at_fault = str(error), True
                self._problem = error.problem
            raise
        self._health.reset()
        with self._wake:
            if self._abandoned.is_set():
                raise NotEnabled(_GIVEN_UP)
            self._armed, self._reason = True, ""
        self._notify()

    def _give_power(self) -> None:
        # What the arm said before it was reset may still be on its way.
        self._asleep(max(0.0, self._stale_until_s - time.monotonic()))
        self.decoder.forget_power()
        enabling = self._enabling()
        enabling.hear()
        if self._was_reset:
            enabling.power_off()
            with self._wake:
                self._was_reset = self._abandoned.is_set()
        self._ask_settings()
        state = self.decoder.follower
        refusal = self.limits.refusal or (outside(state.q, self.limits) if state else "")
        if refusal:
            raise NotEnabled(f"{self.config.channel}: {refusal}")
        self._notes = self._gripper_notes()
        enabling.run(
            self._command_filter.follow_mode,
            self.config.speed_percent,
            self.config.gripper_stroke_mm,
            self.config.gripper_effort,
        )
        state = self.decoder.follower
        assert state is not None
        self._command_filter.begin(state.q)

    def _gripper_notes(self) -> tuple[str, ...]:
        notes = []
        if self.decoder.gripper_stroke_mm == 0:
            stroke_mm = self.config.gripper_stroke_mm
            notes.append(f"the gripper had no stroke configured; it was told {stroke_mm} mm")
        if not (self.decoder.gripper_bits or 0) & protocol.HOMED:
            notes.append(": ".join(protocol.NEVER_ZEROED))
        return tuple(notes)

    def _ask_settings(self) -> None:
        self._enabling().settings()
        self._command_filter.reconcile()

    def _enabling(self) -> Enabling:
        return Enabling(self.port, self.decoder, self._forbidding, self._asleep)

    def _asleep(self, seconds: float) -> bool:
        return self._closing.wait(seconds)

    def _supervise(self) -> None:
        armed, watch, commands = self._armed, self._health, self._command_filter
        problem = watch.problem(commands.sent_q, commands.follow_mode) if armed else watch.at_rest()
        before, self._problem = self._problem, problem
        if problem is None:
            if before is not None and not armed:
                self._is_over(before)
            self._starts_until_s = 0.0
        elif self._armed:
            self.counters[f"stopped_{problem.kind}"] += 1
            self._disarm(problem.text, at_fault=True)
            state = self.decoder.follower
            if problem.kind == "following" and state is not None:
                commands.hold(state.q)
        self._notify()

    def _is_over(self, problem: Problem) -> None:
        """The old cause is no news any more: what is wanted now is the next step."""
        first = self._starts_until_s > 0.0  # nothing was well since the bus was opened
        if problem.over and (self._reason or not first):
            self._reason = f"{self.config.channel}{problem.over}: {self._enable_call}"

    def _forbidding(self) -> Problem | None:
        """What forbids to go on with enabling; a gripper's error does not, it is cleared by it."""
        if self._abandoned.is_set():
            return Problem("given_up", _GIVEN_UP)
        return self._health.bus_or_arm()

    def _disarm(self, reason: str, at_fault: bool = False, was_reset: bool = False) -> None:
        with self._wake:
            self._abandoned.set()
            self._was_reset = self._was_reset or was_reset
            self._armed, self._reason, self._at_fault = False, reason, at_fault
            self._target = None
        self._notify()

    def _starting(self) -> bool:
        problem = self._problem
        early = problem is not None and problem.kind in _NOT_HEARD_YET
        return early and time.monotonic() < self._starts_until_s

    def _text(self) -> str:
        if self._armed:
            return "; ".join(("enabled", *self.limits.notes, *self._notes))
        if self._starting():
            return "waiting for feedback"
        if self._problem is not None:
            return self._problem.text
        if self.config.role != FOLLOWER:
            return "listening"
        return f"not enabled ({self._reason})" if self._reason else "not enabled yet"

    def _wrong(self) -> bool:
        if self._armed or self._starting():
            return False
        return self._problem is not None or self._at_fault

    def _notify(self) -> None:
        said = (self._armed, self._text())
        if said != self._reported:
            self._reported = said
            self._on_status(self.snapshot())

    def _on_back(self) -> None:
        self._starts_until_s = time.monotonic() + _START_S
        if self.config.role == FOLLOWER:
            self._submit(self._ask_settings)

    def _publish(self, state: ArmState) -> None:
        # What is frozen is no measurement. The problem alone does not tell: it is looked for every
        # 20 ms, and becomes another one while the bus is silent.
        problem = self._problem
        known = problem is not None and problem.kind == "frozen"
        if not known and not health.frozen(self.decoder, time.monotonic()):
            self._on_follower(state)
