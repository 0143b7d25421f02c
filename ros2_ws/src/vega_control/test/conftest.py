"""A gate of two small arms, and the chunks to feed it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from vega_control.chunk import Chunk
from vega_control.config import GateConfig
from vega_control.gate import Command, Gate, Now

import hw_config
from benches.control.limit_check import LimitCheck

PERIOD_S = 0.005
NAMES = ("left_a", "left_jaw", "right_a", "right_jaw")
CONFIG = GateConfig(
    joint_names=NAMES,
    arms={"left": slice(0, 2), "right": slice(2, 4)},
    lower=(-1.0, 0.0, -1.0, 0.0),
    upper=(1.0, 0.07, 1.0, 0.07),
    velocity=(2.0, 0.2, 2.0, 0.2),
    acceleration=(10.0, 2.0, 10.0, 2.0),
    jerk=(200.0, 40.0, 200.0, 40.0),
    home=(0.5, 0.04, -0.5, 0.04),
    follows=(0.5, float("inf"), 0.5, float("inf")),
    control_period_s=0.04,
    period_s=PERIOD_S,
    max_chunk_age_s=1.0,
    max_state_age_s=0.1,
)


class Rig:
    """A gate, a clock, and arms that do exactly what they are told."""

    def __init__(self) -> None:
        self.gate = Gate(CONFIG)
        self.now_s = 10.0
        self.positions = np.array([0.1, 0.04, -0.1, 0.04])
        self.leaders: np.ndarray | None = None
        self.sent: list[np.ndarray] = []
        self.times_s: list[float] = []
        self.targets: list[tuple[float, int]] = []
        self.silent: set[str] = set()
        self.limit_check = LimitCheck(CONFIG)

    @property
    def now(self) -> Now:
        """The present: one clock for everything."""
        return Now.simulated(self.now_s)

    def tick(self, seconds: float = PERIOD_S) -> Command | None:
        """One period: joint states, then the gate, then the arms."""
        self.now_s += seconds
        self.observe()
        command = self.gate.update(self.now)
        if command is not None:
            self.limit_check.add(command)
            self.sent.append(command.positions.copy())
            self.times_s.append(self.now_s)
            self.positions = command.positions.copy()
            if command.target is not None:
                self.targets.append((command.target.time_s, command.target.step))
        return command

    def observe(self) -> None:
        """Joint states of the arms, and of the leaders if there are any."""
        for arm, place in CONFIG.arms.items():
            if arm not in self.silent:
                self.gate.feedback.observe(arm, self.positions[place], self.now_s)
            if self.leaders is not None:
                self.gate.leaders.feedback.observe(arm, self.leaders[place], self.now_s)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD_S)):
            self.tick()

    def chunk(
        self, rows: object, sequence: int = 1, age_s: float = 0.0, **changes: object
    ) -> Chunk:
        table = np.asarray(rows, np.float64)
        fields: dict = {
            "sequence": sequence,
            "observed_s": self.now_s - age_s,
            "deadline_s": self.now_s + 1.0,
            "dt_s": 0.04,
            "names": NAMES,
            "steps": len(table),
            "positions": table.ravel(),
        }
        return Chunk(**{**fields, **changes})

    def accept(self, rows: object, sequence: int = 1, **changes: object) -> str | None:
        return self.gate.accept(self.chunk(rows, sequence, **changes), self.now)

    def texts(self) -> list[str]:
        texts = [event.text for event in self.gate.events]
        self.gate.events.clear()
        return texts


@pytest.fixture
def rig() -> Rig:
    """An active gate that holds, its start-up messages read."""
    rig = Rig()
    rig.gate.activate()
    rig.tick()
    rig.texts()
    return rig


@pytest.fixture
def steady_rows(rig: Rig) -> Callable[[int], np.ndarray]:
    """Rows that ask for where the arms are."""
    return lambda steps: np.tile(rig.positions, (steps, 1))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cell whose gate waits for joint states as long as a busy computer may need."""
    folder = shutil.copytree(hw_config.config_dir(), tmp_path / "cell")
    rates = (folder / "rates.yaml").read_text()
    (folder / "rates.yaml").write_text(
        re.sub(r"(max_(state|chunk)_age_s): \S+", r"\1: 10.0", rates)
    )
    monkeypatch.setenv("VEGA_HW_CONFIG", str(folder))
