"""The gate itself: who leads the arms, when it holds, and what it has counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vega_control import homing
from vega_control.chunk import Chunk
from vega_control.chunk_validation import ChunkValidator, Refusal
from vega_control.collision_guard import CollisionGuard
from vega_control.config import GateConfig
from vega_control.estop import EmergencyStop, Level
from vega_control.feedback import Feedback, Now
from vega_control.report import CHUNKS, Counters, Event, Log, Mode
from vega_control.schedule import TIME_TOLERANCE_S, Command, ControlSteps, Target
from vega_control.sources import Sources
from vega_control.trajectory_limiter import TrajectoryLimiter
from vega_control.workspace import Workspace

__all__ = ["Command", "Counters", "Event", "Gate", "Mode", "Now", "Target"]

_PAUSED = "paused; call gate/follow_policy to let the policy go on"


class Gate:
    """Turns what leads the arms into limited commands at a steady rate.

    Chunks of a policy, leaders, or the way home lead; silence means decelerate and hold. `accept`
    takes chunks as they come, `update` is called once a period. Each is told what time it is `Now`.
    """

    def __init__(
        self, config: GateConfig, workspace: Workspace | None = None, *, check_chunks: bool = True
    ) -> None:
        """Takes what is enforced.

        Args:
            config: Limits and times.
            workspace: Where the arms may be; without it positions are limited joint by joint.
            check_chunks: False takes chunks that lead out of the workspace, up to where they do:
                for measurements of what then still keeps the arms inside.
        """
        self._config = config
        self._workspace = workspace
        self._validator = ChunkValidator(config, workspace if check_chunks else None)
        self._control_steps = ControlSteps(config)
        guard = None if workspace is None else CollisionGuard(workspace)
        self._limiter = TrajectoryLimiter(config, guard)
        self._sources = Sources(config)
        self.leaders = self._sources.leaders
        self.feedback = Feedback.of(config, "arm")
        self.estop = EmergencyStop(list(config.arms))
        self._log = Log()
        self.events = self._log.events
        self.counters = Counters()
        self.mode = Mode.INACTIVE
        self.reason = "not active"
        self._clear()

    def _clear(self) -> None:
        self._started = False
        self._paused = False
        self._blocked = False
        self._problem = ""
        self._validator.reset()
        self._control_steps.end()
        self._sources.clear()

    def activate(self) -> None:
        """From now on `update` commands the arms: first where they are, then what leads says."""
        self._clear()
        self.counters = Counters()
        self.mode, self.reason = Mode.HOLD, "no chunk yet"
        if self.estop.active:
            self.mode, self.reason = Mode.ESTOP, self.estop.text

    def deactivate(self) -> list[NDArray[np.float64]]:
        """Ends commanding; the commands returned, one a period, bring the arms to rest.

        The last of them is the position that is held. Empty when nothing was ever commanded.
        """
        steps = self._limiter.come_to_rest() if self._started else []
        self.counters.commands_sent += len(steps)
        self.mode, self.reason = Mode.INACTIVE, "not active"
        self._clear()
        return [step.positions for step in steps]

    # What leads.

    def accept(self, chunk: Chunk, now: Now) -> str | None:
        """Puts a chunk in force from now on, or refuses it and returns the reason, one word."""
        self._log.now_s = now.monotonic_s
        refusal = self._refusal(chunk, now)
        if refusal is not None:
            reason, text = refusal
            self.counters.refusals[reason] += 1
            self._log.refusal(reason, text and f"chunk {chunk.sequence} refused ({reason}): {text}")
            return reason
        self._log.refusal(None)
        self._validator.note_accepted(chunk)
        self._sources.schedule.splice(chunk, now.ros_s, self._limiter.positions)
        self.counters.chunks_accepted += 1
        if self.mode is not Mode.EXECUTING:
            self._lead(Mode.EXECUTING)
            self._log.in_time(f"executing, from chunk {chunk.sequence} on")
            self._control_steps.begin(now.ros_s)
        return None

    def _refusal(self, chunk: Chunk, now: Now) -> Refusal | None:
        # What makes the gate hold anyway has been told already.
        if self.mode not in (Mode.HOLD, Mode.EXECUTING):
            inactive = self.mode is Mode.INACTIVE
            return Refusal("not_active" if inactive else self.mode.name.lower(), "")
        if self._paused:
            return Refusal("paused", "")
        refusal = self._validator.malformed(chunk, now.ros_s)
        if refusal is not None:
            return refusal
        if self.feedback.problem(now.monotonic_s) is not None or not self._started:
            return Refusal("not_ready", "")
        return self._validator.out_of_workspace(chunk)

    def home(self, now: Now) -> str | None:
        """Begins to lead the arms home; afterwards it is paused. Says why not otherwise."""
        refusal = self._cannot_lead(now)
        if refusal is None:
            try:
                positions = self._limiter.positions
                way = homing.plan(self._config, self._workspace, positions, now.ros_s)
            except homing.NoWayHome as error:
                return str(error)
            self._sources.way_home = way
            self._lead(Mode.HOMING)
            self._log.add("info", f"on the way home, {way.duration_s:.1f} s")
        return refusal

    def follow_leader(self, now: Now) -> str | None:
        """Hands the arms over to the leaders, which must stand where the arms are."""
        refusal = (
            self._cannot_lead(now)
            or self.leaders.feedback.problem(now.monotonic_s)
            or self.leaders.misaligned(self._limiter.positions)
        )
        if refusal is None:
            self.leaders.take_over(self._limiter.positions, now.ros_s)
            self._lead(Mode.LEADER)
            self._log.in_time("the leaders lead")
        return refusal

    def follow_policy(self) -> str | None:
        """Lets the policy's next chunk lead; until it comes, the arms come to rest and hold."""
        if self.mode in (Mode.INACTIVE, Mode.ESTOP):
            return self._not_now()
        if self.mode is not Mode.EXECUTING:
            self._hold("info", "waiting for the next chunk")
        self._paused = False
        return None

    def pause(self, reason: str = _PAUSED) -> str | None:
        """Brings the arms to rest and holds them until somebody is asked to lead."""
        if self.mode in (Mode.INACTIVE, Mode.ESTOP):
            return self._not_now()
        self._hold("info", reason)
        self._paused = True
        return None

    def press_estop(self, level: Level, by: str) -> None:
        """Ends commanding at once, in whatever mode; nothing moves until `reset_estop`."""
        if not self.estop.press(level, by):
            return
        self.counters.estops += 1
        self._log.always("error", self.estop.text)
        if self.mode is not Mode.INACTIVE:
            self._clear()
            self.mode, self.reason = Mode.ESTOP, self.estop.text

    def reset_estop(self, now: Now) -> str | None:
        """Unlatches the emergency stop; the gate is paused then. Or says what comes first."""
        refusal = self.estop.reset(self.feedback.problem(now.monotonic_s))
        if refusal is None and self.mode is Mode.ESTOP:
            self.mode, self.reason, self._paused = Mode.HOLD, _PAUSED, True
            self._log.add("info", f"the emergency stop is reset; {_PAUSED}")
        return refusal

    def _cannot_lead(self, now: Now) -> str | None:
        if self.mode in (Mode.INACTIVE, Mode.ESTOP):
            return self._not_now()
        if self.mode is not Mode.HOLD:
            return f"the gate is {self.mode.name.lower()}; call gate/hold first"
        problem = self.feedback.problem(now.monotonic_s)
        if problem is None and not self._started:
            return "the arms have not been commanded yet"
        return problem

    def _not_now(self) -> str:
        return self.estop.text if self.mode is Mode.ESTOP else "the gate is not active"

    def _lead(self, mode: Mode) -> None:
        self.mode, self.reason, self._blocked = mode, "", False

    # Once a period.

    def update(self, now: Now) -> Command | None:
        """The command of this period, or None while there is nothing to command."""
        if self.mode in (Mode.INACTIVE, Mode.ESTOP):
            return None
        now_s, self._log.now_s = now.ros_s, now.monotonic_s
        if self._started and now_s < self._limiter.last_s - TIME_TOLERANCE_S:
            self._time_went_back()
        problem = self.feedback.problem(now.monotonic_s)
        if not self._started and not self._start_where_the_arms_are(problem, now_s):
            return None
        self._settle_mode(problem, now)
        target = self._control_steps.due(self._sources.schedule, now_s)
        step = self._limiter.step(self._sources.wanted(self.mode, now_s), now_s)
        self.counters.commands_sent += 1
        self.counters.commands_clamped += step.limited
        self._note_blocked(step.blocked)
        return Command(step.positions, target, step.advance_s, step.anew)

    def _start_where_the_arms_are(self, problem: str | None, now_s: float) -> bool:
        if problem is not None:
            if problem != self.reason:
                self.reason = problem
                self._log.add("warn", f"nothing commanded yet: {problem}")
            return False
        self._limiter.start(self.feedback.positions, now_s)
        self._started = True
        self.reason = _PAUSED if self._paused else "no chunk yet"
        self._log.add("info", "holding where the arms are, waiting for chunks")
        return True

    def _settle_mode(self, problem: str | None, now: Now) -> None:
        if problem is not None:
            # The same problem may have gone and come back between two periods, with a chunk
            # accepted in between: executing never goes on with a problem.
            if problem != self._problem or self.mode is not Mode.HOLD:
                self._problem = problem
                silent = problem == self.feedback.silence(now.monotonic_s)
                self._hold("error", problem, late=problem if silent else "")
            for place in self.feedback.disabled_arms:
                self._limiter.place(self.feedback.positions, place)
            return
        if self._problem:
            self._problem = ""
            self._log.in_time("the arms are well again")
            self.reason = _PAUSED if self._paused else "waiting for the next chunk"
        self._check_following()
        self._check_source(now)

    def _check_following(self) -> None:
        text = self._limiter.left_behind(self.feedback.positions)
        if text is not None:
            self._limiter.place(self.feedback.positions, slice(None))
            self._hold("error", f"{text}; going on from where the arms are")

    def _check_source(self, now: Now) -> None:
        why = self._sources.ended(self.mode, now)
        if why is not None and self.mode is Mode.EXECUTING:
            self._hold("warn", why, late=CHUNKS)
        elif why is not None:
            self._hold("info", f"{why}; {_PAUSED}", late=why if self.mode is Mode.LEADER else "")
            self._paused = True

    def _hold(self, level: str, reason: str, late: str = "") -> None:
        if self.mode is not Mode.HOLD:
            self.counters.holds += 1
        # Whoever took the arms from the policy gives them back explicitly.
        self._paused = self._paused or self.mode in (Mode.HOMING, Mode.LEADER)
        self.mode, self.reason = Mode.HOLD, reason
        self._sources.schedule.clear()
        if late:
            self._log.late(level, f"holding: {reason}", late)
        else:
            self._log.add(level, f"holding: {reason}")

    def _note_blocked(self, blocked: bool) -> None:
        self.counters.commands_blocked += blocked
        if blocked and not self._blocked:
            text = self._limiter.blocked_by()
            if self.mode is Mode.LEADER:
                self._log.add("warn", f"the leaders lead out of the workspace: {text}")
            else:
                self._hold("warn", f"the way led out of the workspace: {text}")
        self._blocked = blocked

    def _time_went_back(self) -> None:
        paused = self._paused or self.mode in (Mode.HOMING, Mode.LEADER)
        self._clear()
        self._paused = paused
        self.feedback.forget()
        self.leaders.feedback.forget()
        self.mode, self.reason = Mode.HOLD, "time went back"
        self._log.add("warn", "time went back: starting again from where the arms are")
