"""Measures demonstrations by the scripted operator at the leader arms, without ROS or images.

    python -m benches.twin_leaders --task close_laptop --seeds 20 --topology bus_per_arm --check

With shared_bus the followers obey their leaders by themselves; with bus_per_arm the gate, with its
limits and its workspace, stands in between. The lag is that of the followers behind the leaders.
`--check` fails when fewer seeds succeed than without leaders (`python -m benches.twin`).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vega_control.config import GateConfig
from vega_control.gate import Gate, Mode, Now
from vega_control.workspace import Workspace
from vega_description.transforms import Array
from vega_sim.commands import Command, CommandInbox
from vega_sim.cosimulation import Cosimulation, EpisodeState
from vega_sim.leaders import SCRIPTED, SHARED_BUS, Leaders
from vega_sim.pacing import Pacer
from vega_sim.render import RenderError
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin

import hw_config
from benches import harness, twin
from vega_core.command_line import positive
from vega_core.stamps import NS

TOPOLOGIES = (SHARED_BUS, "bus_per_arm")
_STATE_HZ = 200
_VALID_NS = NS // 10
_SETTLE_S, _HOME_S = 0.5, 15.0
_AT_HOME = np.array(([0.02] * 6 + [0.01]) * 2)
_LONGEST_LAG = 40  # ticks


class LedTwin:
    """The twin with leader arms, in simulated time as fast as it goes.

    Attributes:
        twin: the scene.
        leaders: the leader arms.
        gate: between leaders and arms; None where they share a bus.
    """

    def __init__(self, task: str, variant: str = "easy", topology: str = SHARED_BUS) -> None:
        hw = hw_config.load()
        self.twin = Twin(task, variant, hw)
        self.leaders = Leaders(self.twin, SCRIPTED, _STATE_HZ)
        self.leaders.leads = topology == SHARED_BUS
        self.gate: Gate | None = None
        self._names = {str(name): arm.joint_names for name, arm in hw.arms.items()}
        self._inbox = CommandInbox(self._names)
        self._wall_s = 0.0
        pacer = Pacer(self._inbox, wall=lambda: self._wall_s, sleep=self._sleep)
        self._simulation = Cosimulation(
            self.twin, {}, _STATE_HZ, hw.rates.control_hz, self, self._inbox, pacer,
            wall=lambda: self._wall_s, leaders=self.leaders,
        )  # fmt: skip
        self.state = self._simulation.state()
        if not self.leaders.leads:
            config = GateConfig.from_hardware(hw)
            self.gate = Gate(config, Workspace(hw))
            self.gate.activate()
            self.run(_SETTLE_S)
            self.follow()

    def follow(self) -> None:
        """Hands the arms over to the leaders, through the gate.

        Raises:
            ValueError: The gate refuses; the text says why.
        """
        assert self.gate is not None
        refusal = self.gate.follow_leader(Now.simulated(self._simulation.stamp_ns / NS))
        if refusal:
            raise ValueError(refusal)
        self.run(1.0)

    def reset(self, seed: int) -> None:
        """Resets the scene to a seed; the arms should be at home."""
        self._simulation.reset(seed)
        self.state = self._simulation.state()

    def tick(self) -> None:
        """Moves on by 5 ms."""
        while not self._simulation.tick():
            pass
        if self.gate is not None:
            self._command(self.gate)

    def run(self, seconds: float) -> None:
        """Moves on by so many seconds."""
        for _ in range(round(seconds * _STATE_HZ)):
            self.tick()

    def go_home(self) -> bool:
        """Lets the leaders lead the arms home; False when they do not get there."""
        self.leaders.act(False)
        for _ in range(round(_HOME_S * _STATE_HZ)):
            self.tick()
            if (np.abs(self.twin.positions() - self.twin.hw.home) < _AT_HOME).all():
                return True
        return False

    def _command(self, gate: Gate) -> None:
        now_ns = self._simulation.stamp_ns
        command = gate.update(Now.simulated(now_ns / NS))
        if command is None:
            return
        for arm, names in self._names.items():
            positions = command.positions[self.twin.world.arm_slice(arm)].tolist()
            self._inbox.offer(arm, Command(names, positions, now_ns, now_ns + _VALID_NS))

    def _sleep(self, seconds: float) -> None:
        self._wall_s += seconds

    # What the twin measures.

    def joint_state(self, arm: str, stamp_ns: int, q: Array, dq: Array, effort: Array) -> None:
        """For the gate."""
        if self.gate is not None:
            self.gate.feedback.observe(arm, q, stamp_ns / NS)

    def leader_state(self, arm: str, stamp_ns: int, q: Array, dq: Array) -> None:
        """For the gate."""
        if self.gate is not None:
            self.gate.leaders.feedback.observe(arm, q, stamp_ns / NS)

    def clock(self, stamp_ns: int) -> None:
        """Nobody asks."""

    def wants(self, camera: str) -> bool:
        """Nobody looks."""
        return False

    def image(self, camera: str, stamp_ns: int, pixels: object) -> None:
        """There are none."""

    def episode(self, stamp_ns: int, state: EpisodeState) -> None:
        """How the episode stands."""
        self.state = state


class Lag:
    """How far, and how long, the followers are behind the leaders while these work."""

    def __init__(self, twin: Twin) -> None:
        self._joints = [i for i, n in enumerate(twin.hw.joint_names) if not n.endswith("gripper")]
        self._paths: list[tuple[list[Array], list[Array]]] = []

    def begin(self) -> None:
        """A demonstration begins."""
        self._paths.append(([], []))

    def add(self, leaders: Array, followers: Array) -> None:
        """Positions [14] at the same time, once a tick."""
        led, followed = self._paths[-1]
        led.append(leaders[self._joints])
        followed.append(followers[self._joints])

    def figures(self) -> dict[str, float]:
        """By name: distance of the joint that is farthest away, rad, and delay, ms."""
        paths = [(np.array(led), np.array(followed)) for led, followed in self._paths]
        away = np.concatenate([np.abs(led - followed).max(axis=1) for led, followed in paths])
        errors = [
            sum(float(((led[: len(led) - k] - followed[k:]) ** 2).sum()) for led, followed in paths)
            for k in range(_LONGEST_LAG)
        ]
        return {
            "lag_rad_median": float(np.median(away)),
            "lag_rad_p95": float(np.percentile(away, 95)),
            "lag_rad_max": float(away.max()),
            "lag_ms": 1e3 * int(np.argmin(errors)) / _STATE_HZ,
        }


def measure(task: str, variant: str, seeds: int, topology: str) -> dict[str, Any]:
    """Figures of a task, by name."""
    plain = Twin(task, variant)
    without = sum(twin.run_seed(plain, seed) is not None for seed in range(seeds))
    plain.close()
    led = LedTwin(task, variant, topology)
    lag = Lag(led.twin)
    times: dict[int, float | None] = {}
    stayed_away = []
    for seed in range(seeds):
        led.reset(seed)
        led.leaders.act(True)
        lag.begin()
        while not led.state.success and led.twin.time_s < led.twin.task.config.time_limit_s:
            led.tick()
            lag.add(led.leaders.positions, led.twin.positions())
        times[seed] = led.state.time_s if led.state.success else None
        led.run(0.6)
        if not led.go_home():
            stayed_away.append(seed)
        if led.gate is not None and led.gate.mode is not Mode.LEADER:
            led.follow()
    done = [seconds for seconds in times.values() if seconds is not None]
    return {
        "task": task,
        "variant": variant,
        "topology": topology,
        "seeds": seeds,
        "success_rate": len(done) / seeds,
        "success_rate_without_leaders": without / seeds,
        "failed_seeds": [seed for seed, seconds in times.items() if seconds is None],
        "time_s_median": float(np.median(done)) if done else None,
        "not_home_after": stayed_away,
        **lag.figures(),
    }


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code of `harness.run`."""
    parser = harness.parser("twin_leaders", __doc__, "fail below the rate without leaders")
    parser.add_argument("--task", default="close_laptop", help=", ".join(built_tasks()))
    parser.add_argument("--variant", default="easy", help="easy or hard")
    parser.add_argument("--seeds", type=positive, default=20, help="seeds 0 .. N-1")
    parser.add_argument("--topology", choices=TOPOLOGIES, default=SHARED_BUS)
    args = parser.parse_args(argv)
    return harness.run(
        args,
        lambda: measure(args.task, args.variant, args.seeds, args.topology),
        _show,
        RenderError,
    )


def _show(figures: dict[str, Any]) -> list[str]:
    for name, value in figures.items():
        print(f"{name}: {value}")
    fewer = figures["success_rate"] < figures["success_rate_without_leaders"]
    if fewer or figures["not_home_after"]:
        return ["fewer successes than without leaders, or arms that did not get home"]
    return []


if __name__ == "__main__":
    sys.exit(main())
