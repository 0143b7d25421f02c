"""A session in the twin that nobody attends: what comes next, from how everything stands.

    reset the scene -> start -> the operator acts -> success, and a moment more -> save
                                                -> a bad take, or no success in time -> discard

With a person at the keyboard only the scene is placed: taking, saving and discarding is theirs.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from teleop.session.state import SessionPhase

# A success has to last, and the end of a demonstration should show it.
_AFTER_SUCCESS_S = 0.6
# So many takes in a row that fail are no bad luck.
_MOST_FAILURES = 8
_PATIENCE_S = 120.0
_AFTER_FAILURE_S = 3.0
# The longest that is waited for arms on their way home before the scene is reset all the same.
_WAY_HOME_S = 60.0


class Action(enum.Enum):
    """What is asked of whom."""

    RESET = "sim/reset"
    START = "teleop/start"
    ACT = "operator/act"
    REST = "operator/act, to rest"
    SAVE = "teleop/save"
    DISCARD = "teleop/discard"
    END = "manager/shutdown"


class SessionRequest(NamedTuple):
    """One thing to ask for; `seed` is that of the scene to reset."""

    what: Action
    seed: int = 0


@dataclass(frozen=True)
class SceneReport:
    """What the twin says.

    Attributes:
        seed: Of the present scene.
        success: Whether its task is done.
        stamp_s: When it said so (ROS time).
    """

    seed: int
    success: bool
    stamp_s: float


@dataclass(frozen=True)
class Situation:
    """How everything stands.

    Attributes:
        phase: Of the session.
        seed: Of the scene that the session knows to be placed; None when it knows none.
        take_s: Length of the present take (s).
        problems: What makes it bad.
        lacking: What the session says, for people.
        scene: What the twin says; None before it has said anything.
        home: Whether both arms rest at home.
        stopped: Whether the emergency stop is pressed.
    """

    phase: SessionPhase
    seed: int | None
    take_s: float
    problems: tuple[str, ...]
    lacking: str
    scene: SceneReport | None
    home: bool
    stopped: bool = False


class GivenUp(Exception):
    """The session cannot go on unattended; the text says why."""


class _Step(enum.Enum):
    RESET = enum.auto()
    PLACED = enum.auto()
    STARTED = enum.auto()
    ACTING = enum.auto()
    ENDING = enum.auto()
    ENDED = enum.auto()
    DONE = enum.auto()


class UnattendedSession:
    """Decides what to ask for next. Requests are carried out one at a time.

    Attributes:
        discarded: Takes that were given up, and why each.
    """

    def __init__(
        self,
        scripted: bool,
        time_limit_s: float,
        next_seed: Callable[[], int],
        log: Callable[[str], object] = lambda text: None,
        home_first: bool = False,
    ) -> None:
        """Takes who operates.

        Args:
            scripted: Whether a script operates; otherwise a person does, at the keyboard.
            time_limit_s: A take without success is given up after it (ROS time).
            next_seed: Of the next scene.
            log: Gets what a person may want to know.
            home_first: Whether the arms have to go home by themselves before a scene is reset, as
                emulated ones do; where a gate leads them it would stop if they were put there.
        """
        self._home_first = home_first
        self._scripted, self._limit_s = scripted, time_limit_s
        self._next_seed, self._log = next_seed, log
        self._step = _Step.RESET
        self._seed = 0
        self._success_s: float | None = None
        self._broken = self._why = ""
        self._given_up = False
        self._failures = 0
        self._waits_since_s: float | None = None
        self._ready_since_s: float | None = None
        self.discarded: list[str] = []

    def next(self, now: Situation, wall_s: float) -> SessionRequest | None:
        """What to ask for now, if anything; `done` or `refused` must follow before the next.

        Raises:
            GivenUp: It cannot go on.
        """
        if now.stopped and self._step in (_Step.RESET, _Step.PLACED, _Step.ENDED):
            # However long it takes: a stop never ends a session.
            self._waits_since_s = self._ready_since_s = None
            return None
        if self._step is _Step.RESET:
            return self._reset_scene(now)
        if self._step is _Step.PLACED:
            return self._start(now, wall_s)
        if self._step is _Step.STARTED:
            return SessionRequest(Action.ACT)
        if self._step is _Step.ACTING:
            return self._watch(now)
        if self._step is _Step.ENDING and now.phase is not SessionPhase.SAVING:
            return SessionRequest(Action.REST)
        if self._step is _Step.ENDED:
            if now.phase is SessionPhase.FINISHED:
                return SessionRequest(Action.END) if self._scripted else None
            if now.phase in (SessionPhase.READY, SessionPhase.WAITING) and self._may_reset(
                now, wall_s
            ):
                self._step = _Step.RESET
        return None

    def done(self, request: SessionRequest) -> None:
        """A request was carried out.

        Raises:
            GivenUp: Too many takes failed.
        """
        self._step = {
            Action.RESET: _Step.PLACED,
            Action.START: _Step.STARTED,
            Action.ACT: _Step.ACTING,
            Action.SAVE: _Step.ENDING,
            Action.DISCARD: _Step.ENDING,
            Action.REST: _Step.ENDED,
            Action.END: _Step.DONE,
        }[request.what]
        self._waits_since_s = self._ready_since_s = None
        if request.what is Action.SAVE:
            self._failures = 0
        if request.what is Action.DISCARD and self._failures >= _MOST_FAILURES:
            raise GivenUp(f"{self._failures} takes in a row failed, the last one: {self._why}")

    def refused(self, request: SessionRequest, why: str) -> None:
        """A request was refused.

        Raises:
            GivenUp: It cannot go on without.
        """
        if request.what is Action.START:
            return  # asked again, for a while
        if request.what is Action.ACT:
            self._step, self._broken = _Step.ACTING, f"the operator does not act: {why}"
            return
        if request.what in (Action.SAVE, Action.DISCARD):
            # The take may just have ended by itself, or become bad: looked at again.
            return
        raise GivenUp(f"{request.what.value} is refused: {why}")

    def unanswered(self, request: SessionRequest) -> None:
        """Nobody knows what became of a request; it is looked at again."""
        if request.what is Action.ACT:
            self.refused(request, "no answer")

    def _may_reset(self, now: Situation, wall_s: float) -> bool:
        if self._waits_since_s is None:
            self._waits_since_s = wall_s
        late = wall_s - self._waits_since_s > _WAY_HOME_S
        return now.home or late or not self._home_first

    def _reset_scene(self, now: Situation) -> SessionRequest | None:
        if now.phase is SessionPhase.FINISHED:
            self._step = _Step.ENDED
            return None
        if now.phase not in (SessionPhase.READY, SessionPhase.WAITING):
            return None
        self._seed, self._success_s = self._next_seed(), None
        self._broken, self._given_up = "", False
        return SessionRequest(Action.RESET, self._seed)

    def _start(self, now: Situation, wall_s: float) -> SessionRequest | None:
        if not self._scripted:
            if now.phase is SessionPhase.RECORDING:
                self._step = _Step.ACTING
            return None
        if now.phase is SessionPhase.RECORDING:
            self._step = _Step.STARTED  # the answer got lost
            return None
        if now.phase is SessionPhase.READY and now.seed == self._seed and now.home:
            if self._ready_since_s is None:
                self._ready_since_s = wall_s
            # What made the last take bad shows in the rates of a few seconds.
            if not self._failures or wall_s - self._ready_since_s >= _AFTER_FAILURE_S:
                return SessionRequest(Action.START)
            return None
        self._ready_since_s = None
        if self._waits_since_s is None:
            self._waits_since_s = wall_s
        if wall_s - self._waits_since_s > _PATIENCE_S:
            raise GivenUp(f"no take could begin for {_PATIENCE_S:g} s: {now.lacking}")
        return None

    def _watch(self, now: Situation) -> SessionRequest | None:
        if not self._scripted:
            if now.phase in (SessionPhase.READY, SessionPhase.WAITING, SessionPhase.FINISHED):
                self._step = _Step.ENDING
            return None
        if now.phase is not SessionPhase.RECORDING:
            if now.phase is not SessionPhase.PAUSED:
                self._step = _Step.ENDING  # somebody else ended it
            return None
        if now.problems or self._broken:
            return self._fail(self._broken or "; ".join(now.problems))
        if self._has_succeeded(now.scene):
            return SessionRequest(Action.SAVE)
        if now.take_s > self._limit_s:
            return self._fail(f"no success within {self._limit_s:g} s")
        return None

    def _has_succeeded(self, scene: SceneReport | None) -> bool:
        if scene is None or not scene.success or scene.seed != self._seed:
            self._success_s = None
            return False
        if self._success_s is None:
            self._success_s = scene.stamp_s
        return scene.stamp_s - self._success_s >= _AFTER_SUCCESS_S

    def _fail(self, why: str) -> SessionRequest:
        if self._given_up:
            return SessionRequest(Action.DISCARD)
        self._given_up = True
        self._failures += 1
        text = f"seed {self._seed}: {why}"
        self.discarded.append(text)
        self._log(f"take given up, {text}")
        self._why = why
        return SessionRequest(Action.DISCARD)
