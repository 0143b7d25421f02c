"""Feeds the gate what no policy should send, and lets an independent check judge its commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vega_control.chunk import Chunk
from vega_control.config import GateConfig
from vega_control.gate import Gate, Now
from vega_control.workspace import Workspace

import hw_config
from benches.control.limit_check import LimitCheck

Array = NDArray[np.float64]

_STEPS = 25
_TICKS_A_CHUNK = 12
_TICKS_A_BATCH = 3000
_HOME_EVERY = 150
_LEADERS_EVERY = 40


@dataclass(frozen=True)
class TortureResult:
    """What came of it.

    Attributes:
        chunks: Chunks that were sent, by kind.
        accepted: Of these, accepted, by kind.
        refusals: Refused ones, by reason.
        commands: Commands that the gate emitted.
        blocked: Of these, brakes because the way led out of the workspace.
        exceeded: Commands that exceeded a limit, by limit.
        breaches: Commands that were outside the workspace.
        greatest: Greatest share of each limit that was used.
    """

    chunks: dict[str, int]
    accepted: dict[str, int]
    refusals: dict[str, int]
    commands: int
    blocked: int
    exceeded: dict[str, int]
    breaches: int
    greatest: dict[str, float]

    @property
    def clean(self) -> bool:
        """Whether no command ever exceeded a limit or left the workspace."""
        return not self.exceeded and not self.breaches


class Policies:
    """Random policies of six kinds, in turn.

    Args:
        config: What the gate is told.
        rng: Where chance comes from.
        tape: Targets [T, 14] of another task, to be replayed.
    """

    def __init__(self, config: GateConfig, rng: np.random.Generator, tape: Array) -> None:
        self._lower, self._upper = np.array(config.lower), np.array(config.upper)
        self._velocity = np.array(config.velocity) * config.control_period_s
        self._rng = rng
        self._tape = tape
        self._kinds: dict[str, Callable[[Array], Array]] = {
            "noise": self._noise,
            "shake": self._shake,
            "wander": self._wander,
            "steps": self._steps,
            "nan": self._nan,
            "replay": self._replay,
        }

    def next(self, number: int, positions: Array) -> tuple[str, Array]:
        """Kind and rows [K, 14] of a chunk, while the arms are at `positions` [14]."""
        kinds = list(self._kinds)
        kind = kinds[number % len(kinds)]
        return kind, self._kinds[kind](positions)

    def _noise(self, positions: Array) -> Array:
        room = 0.2 * (self._upper - self._lower)
        return self._rng.uniform(self._lower - room, self._upper + room, (_STEPS, len(positions)))

    def _shake(self, positions: Array) -> Array:
        return positions + self._rng.uniform(-0.15, 0.15, (_STEPS, len(positions)))

    def _wander(self, positions: Array) -> Array:
        speed = self._rng.uniform(-1.3, 1.3, len(positions)) * self._velocity
        return positions + np.arange(1, _STEPS + 1)[:, None] * speed

    def _steps(self, positions: Array) -> Array:
        rows = np.tile(positions, (_STEPS, 1))
        rows[self._rng.integers(1, _STEPS) :] += self._rng.choice([-0.5, 0.0, 0.5], len(positions))
        return rows

    def _nan(self, positions: Array) -> Array:
        rows = np.tile(positions, (_STEPS, 1))
        bad = self._rng.choice([np.nan, np.inf, -np.inf, 1e300])
        rows[self._rng.integers(_STEPS), self._rng.integers(len(positions))] = bad
        return rows

    def _replay(self, positions: Array) -> Array:
        start = int(self._rng.integers(0, max(1, len(self._tape) - _STEPS)))
        return self._tape[start : start + _STEPS]


def torture(chunks: int, seed: int, tape: Array, *, checked: bool = True) -> TortureResult:
    """Sends `chunks` chunks to a gate with arms that do exactly what they are told.

    Args:
        chunks: How many.
        seed: Of chance.
        tape: Targets [T, 14] of another task, to be replayed.
        checked: False leaves out the check of a whole chunk, so that all depends on the check of
            each command.
    """
    hardware = hw_config.load()
    config = GateConfig.from_hardware(hardware)
    workspace = Workspace(hardware)
    gate = Gate(config, workspace, check_chunks=checked)
    rng = np.random.default_rng(seed)
    run = _Run(config, gate, LimitCheck(config, workspace), rng)
    policies = Policies(config, rng, tape)
    sent: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for number in range(chunks):
        run.change_sides(number)
        kind, rows = policies.next(number, run.positions)
        sent[kind] += 1
        accepted[kind] += run.send(number, rows) is None
        run.ticks(_TICKS_A_CHUNK)
    run.judge()
    return TortureResult(
        chunks=dict(sent),
        accepted=dict(accepted),
        refusals=dict(gate.counters.refusals),
        commands=run.limit_check.commands,
        blocked=gate.counters.commands_blocked,
        exceeded=run.limit_check.violations,
        breaches=run.breaches,
        greatest=run.limit_check.greatest,
    )


class _Run:
    def __init__(
        self, config: GateConfig, gate: Gate, limit_check: LimitCheck, rng: np.random.Generator
    ) -> None:
        self._config, self._gate, self.limit_check, self._rng = config, gate, limit_check, rng
        self.positions = np.array(config.home)
        self._leaders = self.positions.copy()
        self._now_s = 1.0
        self.breaches = 0
        gate.activate()
        self.ticks(2)

    @property
    def _now(self) -> Now:
        return Now.simulated(self._now_s)

    def change_sides(self, number: int) -> None:
        """Now and then the arms go home, or random leaders lead for a while."""
        gate = self._gate
        if number % _HOME_EVERY == 0:
            gate.pause()
            self.ticks(100)
            gate.home(self._now)
            self.ticks(600)
            gate.follow_policy()
        elif number % _LEADERS_EVERY == 0:
            gate.pause()
            self.ticks(100)
            self._leaders = self.positions.copy()
            self.ticks(1)
            if gate.follow_leader(self._now) is None:
                self._lead()
            gate.follow_policy()

    def _lead(self) -> None:
        for _ in range(20):
            self._leaders = self._leaders + self._rng.uniform(-0.3, 0.3, len(self._leaders))
            self.ticks(10)

    def send(self, number: int, rows: Array) -> str | None:
        """A chunk whose observation is up to 0.3 s old."""
        now_s, names = self._now_s, self._config.joint_names
        observed_s = now_s - float(self._rng.uniform(0.0, 0.3))
        dt_s = self._config.control_period_s
        chunk = Chunk(number + 1, observed_s, now_s + 1.0, dt_s, names, len(rows), rows.ravel())
        return self._gate.accept(chunk, self._now)

    def ticks(self, count: int) -> None:
        """Periods, with the jitter of a busy computer."""
        for _ in range(count):
            late_s = abs(float(self._rng.normal(0.0, 0.0005)))
            self._now_s += self._config.period_s + late_s
            for arm, place in self._config.arms.items():
                self._gate.feedback.observe(arm, self.positions[place], self._now_s)
                self._gate.leaders.feedback.observe(arm, self._leaders[place], self._now_s)
            command = self._gate.update(self._now)
            if command is not None:
                self.limit_check.add(command)
                self.positions = command.positions
            if self.limit_check.commands % _TICKS_A_BATCH == 0:
                self.judge()

    def judge(self) -> None:
        """Looks at the workspace for what was emitted since the last time."""
        self._gate.events.clear()
        self.breaches += self.limit_check.workspace_breaches()


def tape_of(task: str, seed: int = 0) -> Array:
    """Targets [T, 14] of the twin's scripted operator."""
    from vega_sim import operators
    from vega_sim.twin import Twin

    twin, operator = Twin(task), operators.make(task)
    twin.reset(seed)
    operator.reset(twin)
    rows: list[Array] = []
    while twin.time_s < twin.task.config.time_limit_s and not twin.success():
        rows.append(operator.act(twin))
        twin.advance(rows[-1])
    twin.close()
    return np.array(rows)
