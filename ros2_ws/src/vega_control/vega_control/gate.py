"""The gate itself: which chunk is executed, when it holds, and what it has counted."""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_control import chunk as checks
from vega_control.chunk import Chunk
from vega_control.config import GateConfig
from vega_control.feedback import Feedback
from vega_control.limits import Limiter
from vega_control.schedule import Schedule
from vega_control.stop import Stop

# Commands may catch up with at most this much time after a stall: four periods at 200 Hz.
_LONGEST_CATCH_UP_S = 0.02
_TIME_TOLERANCE_S = 1e-6


class Mode(enum.IntEnum):
    """What the gate does; the numbers are those of vega_msgs/GateState."""

    INACTIVE = 0
    HOLD = 1
    EXECUTING = 2


class Target(NamedTuple):
    """The plan at one control step, within the position limits."""

    time_s: float
    chunk_sequence: int
    step: int
    positions: NDArray[np.float64]


class Command(NamedTuple):
    """What to send now: positions of all joints, and the control step if a new one began."""

    positions: NDArray[np.float64]
    target: Target | None


class Event(NamedTuple):
    """Something an operator should read, once. `level` is info, warn or error."""

    level: str
    text: str


@dataclass
class Counters:
    """What happened since the gate was activated."""

    chunks_accepted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    commands_sent: int = 0
    commands_clamped: int = 0
    holds: int = 0


class Gate:
    """Turns chunks into limited commands at a steady rate; silence means decelerate and hold.

    `accept` takes chunks as they come, `update` is called once a period. Times are seconds of one
    clock; joint states may be watched on another (monotonic) one.
    """

    def __init__(self, config: GateConfig) -> None:
        self._config = config
        self._lower = np.array(config.lower, np.float64)
        self._upper = np.array(config.upper, np.float64)
        self._follows = np.array(config.follows, np.float64)
        self._limiter = Limiter(config.lower, config.upper, config.velocity, _LONGEST_CATCH_UP_S)
        self._schedule = Schedule(config.crossfade_s)
        self.feedback = Feedback(config.arms, len(config.joint_names), config.max_state_age_s)
        self.events: deque[Event] = deque(maxlen=100)
        self.counters = Counters()
        self.mode = Mode.INACTIVE
        self.reason = "not active"
        self._clear()

    def _clear(self) -> None:
        self._started = False
        self._commanded = np.zeros(len(self._config.joint_names))
        self._velocity = np.zeros(len(self._config.joint_names))
        self._stop: Stop | None = None
        self._last_s = 0.0
        self._last_sequence = -1
        self._last_end_s = float("-inf")
        self._problem = ""
        self._next_target_s: float | None = None
        self._refusing: str | None = None
        self._schedule.clear()

    def activate(self) -> None:
        """From now on `update` commands the arms: first where they are, then what chunks say."""
        self._clear()
        self.counters = Counters()
        self.mode, self.reason = Mode.HOLD, "no chunk yet"

    def deactivate(self) -> list[NDArray[np.float64]]:
        """Ends commanding; the commands returned, one a period, bring the arms to rest.

        The last of them is the position that is held. Empty when nothing was ever commanded.
        """
        commands = []
        if self._started:
            if self.mode is Mode.EXECUTING:
                self._start_stop(self._last_s)
            stop, now_s = self._stop, self._last_s
            end_s = now_s if stop is None else stop.end_s
            count = max(1, int(np.ceil((end_s - now_s) / self._config.period_s - 1e-9)))
            for _ in range(count):
                now_s += self._config.period_s
                wanted = self._commanded if stop is None else stop.at(now_s)
                commands.append(self._limited(wanted, now_s))
        self.mode, self.reason = Mode.INACTIVE, "not active"
        self._clear()
        return commands

    def accept(self, chunk: Chunk, now_s: float, watch_s: float | None = None) -> str | None:
        """Puts a chunk in force from now on, or refuses it and says why in one word.

        Args:
            chunk: The chunk.
            now_s: Present time, on the clock of the chunk's stamps.
            watch_s: Present time on the clock of the joint states, if that is another.
        """
        refusal = self._refusal(chunk, now_s, now_s if watch_s is None else watch_s)
        if refusal is not None:
            word, text = refusal
            self.counters.refusals[word] += 1
            # A sender that repeats its mistake 3 times a second is reported once. What makes the
            # gate hold anyway has been reported already.
            if word != self._refusing and word not in ("not_active", "not_ready"):
                self._tell("warn", f"chunk {chunk.sequence} refused ({word}): {text}")
            self._refusing = word
            return word
        self._refusing = None
        self._last_sequence, self._last_end_s = chunk.sequence, chunk.end_s
        self._schedule.splice(chunk, now_s, self._commanded)
        self.counters.chunks_accepted += 1
        if self.mode is not Mode.EXECUTING:
            self.mode, self.reason, self._stop = Mode.EXECUTING, "", None
            self._next_target_s = now_s
            self._tell("info", f"executing, from chunk {chunk.sequence} on")
        return None

    def _refusal(self, chunk: Chunk, now_s: float, watch_s: float) -> tuple[str, str] | None:
        config = self._config
        if self.mode is Mode.INACTIVE:
            return "not_active", "the gate is not active"
        # In this order: each check relies on the ones before it.
        for word, check in (
            ("wrong_shape", lambda: checks.wrong_shape(chunk, config.joint_names)),
            ("stale", lambda: checks.stale(chunk, now_s, config.max_chunk_age_s)),
            ("out_of_order", lambda: self._out_of_order(chunk, now_s)),
            ("non_finite", lambda: checks.non_finite(chunk)),
            ("out_of_range", lambda: checks.out_of_range(chunk)),
        ):
            text = check()
            if text is not None:
                return word, text
        problem = self.feedback.problem(watch_s)
        if problem is not None or not self._started:
            return "not_ready", problem or "the arms have not been commanded yet"
        return None

    def _out_of_order(self, chunk: Chunk, now_s: float) -> str | None:
        # A sender that was started anew counts from the beginning: its chunks are taken once
        # nothing is left of its predecessor's.
        if chunk.sequence > self._last_sequence or now_s > self._last_end_s:
            return None
        return f"chunk {self._last_sequence} was accepted before it"

    def update(self, now_s: float, watch_s: float | None = None) -> Command | None:
        """The command of this period, or None while there is nothing to command.

        Args:
            now_s: Present time.
            watch_s: Present time on the clock of the joint states, if that is another.
        """
        if self.mode is Mode.INACTIVE:
            return None
        if self._started and now_s < self._last_s - _TIME_TOLERANCE_S:
            self._time_went_back()
        problem = self.feedback.problem(now_s if watch_s is None else watch_s)
        if not self._started and not self._start_where_the_arms_are(problem, now_s):
            return None
        self._settle_mode(problem, now_s)
        target = self._next_target(now_s)
        return Command(self._limited(self._wanted(now_s), now_s), target)

    def _start_where_the_arms_are(self, problem: str | None, now_s: float) -> bool:
        if problem is not None:
            if problem != self.reason:
                self.reason = problem
                self._tell("warn", f"nothing commanded yet: {problem}")
            return False
        self._anchor(slice(None))
        self._started, self._last_s = True, now_s
        self.reason = "no chunk yet"
        self._tell("info", "holding where the arms are, waiting for chunks")
        return True

    def _settle_mode(self, problem: str | None, now_s: float) -> None:
        if problem is not None:
            # The same problem may have gone and come back between two periods, with a chunk
            # accepted in between: executing never goes on with a problem.
            if problem != self._problem or self.mode is Mode.EXECUTING:
                self._problem = problem
                self._hold("error", problem, now_s)
            for place in self.feedback.disabled_arms:
                self._anchor(place)
            return
        if self._problem:
            self._problem = ""
            self._tell("info", "the arms are well again")
            if self.mode is Mode.HOLD:
                self.reason = "waiting for the next chunk"
        self._check_following(now_s)
        chunk = self._schedule.chunk
        if chunk is not None and self._schedule.has_run_out(now_s):
            text = f"chunk {chunk.sequence} has run out and no newer one came"
            self._hold("warn", text, now_s)

    def _check_following(self, now_s: float) -> None:
        away = np.abs(self._commanded - self.feedback.positions)
        if (away <= self._follows).all():
            return
        worst = int(np.argmax(away - self._follows))
        name = self._config.joint_names[worst]
        self._anchor(slice(None))
        self._hold(
            "error",
            f"{name} is {away[worst]:.2f} from its command (limit {self._follows[worst]:g}); "
            "going on from where the arms are",
            now_s,
        )

    def _hold(self, level: str, reason: str, now_s: float) -> None:
        if self.mode is Mode.EXECUTING:
            self.counters.holds += 1
            self._start_stop(now_s)
        self.mode, self.reason = Mode.HOLD, reason
        self._tell(level, f"holding: {reason}")

    def _start_stop(self, now_s: float) -> None:
        # The ramp starts with the last command, so that no period passes at the old velocity.
        start_s = min(now_s, self._last_s)
        self._stop = Stop(self._commanded, self._velocity, start_s, self._config.stop_s)
        self._schedule.clear()

    def _wanted(self, now_s: float) -> NDArray[np.float64]:
        if self.mode is Mode.EXECUTING:
            planned = self._schedule.at(now_s)
            assert planned is not None
            return planned
        return self._commanded if self._stop is None else self._stop.at(now_s)

    def _limited(self, wanted: NDArray[np.float64], now_s: float) -> NDArray[np.float64]:
        interval_s = now_s - self._last_s
        command, changed = self._limiter.apply(wanted, self._commanded, interval_s)
        self.counters.commands_sent += 1
        self.counters.commands_clamped += changed
        if interval_s > 0.0:
            self._velocity = (command - self._commanded) / interval_s
            self._last_s = now_s
        self._commanded = command
        return command

    def _next_target(self, now_s: float) -> Target | None:
        """The plan at the newest control step, when one began since the last call."""
        if self.mode is not Mode.EXECUTING or self._next_target_s is None:
            return None
        late_s = now_s - self._next_target_s
        if late_s < -_TIME_TOLERANCE_S:
            return None
        period_s = self._config.control_period_s
        time_s = self._next_target_s + max(0.0, late_s // period_s) * period_s
        self._next_target_s = time_s + period_s
        planned, chunk = self._schedule.at(time_s), self._schedule.chunk
        if planned is None or chunk is None:
            return None
        within = np.minimum(np.maximum(planned, self._lower), self._upper)
        return Target(time_s, chunk.sequence, self._schedule.step(time_s), within)

    def _anchor(self, place: slice) -> None:
        """Takes the measured positions for the commanded ones: nothing pulls at the arms."""
        self._commanded = self._commanded.copy()
        self._commanded[place] = self.feedback.positions[place]
        self._velocity = self._velocity.copy()
        self._velocity[place] = 0.0
        if self._stop is not None:
            self._stop.rest(place, self._commanded)

    def _time_went_back(self) -> None:
        self._clear()
        self.feedback.forget()
        self.mode, self.reason = Mode.HOLD, "time went back"
        self._tell("warn", "time went back: starting again from where the arms are")

    def _tell(self, level: str, text: str) -> None:
        self.events.append(Event(level, text))
