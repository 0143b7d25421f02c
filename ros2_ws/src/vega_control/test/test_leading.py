"""Who leads the arms: operator's hold, the way home, the leaders, the emergency stop."""

import dataclasses

import numpy as np
import pytest
from vega_control import homing
from vega_control.chunk import Chunk
from vega_control.config import GateConfig
from vega_control.estop import EmergencyStop, Level
from vega_control.gate import Gate, Mode, Now
from vega_control.workspace import Workspace

import hw_config

from .conftest import CONFIG

HARDWARE = hw_config.load()
CELL = GateConfig.from_hardware(HARDWARE)


def ramp(rig, steps=25, slope=0.02):
    return np.tile(rig.positions, (steps, 1)) + np.arange(1, steps + 1)[:, None] * [slope, 0, 0, 0]


def test_paused_it_comes_to_rest_and_takes_no_chunk_until_it_is_told(rig):
    rig.accept(ramp(rig))
    rig.run(0.2)
    assert rig.gate.pause() is None
    rig.run(0.3)
    assert rig.sent[-1] == pytest.approx(rig.sent[-2])
    assert rig.gate.mode is Mode.HOLD
    assert "gate/follow_policy" in rig.gate.reason
    assert rig.accept(ramp(rig), 2) == "paused"
    assert rig.gate.follow_policy() is None
    assert rig.accept(ramp(rig), 3) is None
    assert rig.limit_check.violations == {}


def test_home_is_reached_within_the_limits_and_then_it_is_paused(rig):
    assert rig.gate.home(rig.now) is None
    assert rig.gate.mode is Mode.HOMING
    assert rig.accept(ramp(rig)) == "homing"
    rig.run(4.0)
    assert rig.gate.mode is Mode.HOLD
    assert rig.gate.reason.startswith("at home; paused")
    assert rig.positions == pytest.approx(CONFIG.home, abs=1e-3)
    assert rig.limit_check.violations == {}
    assert rig.limit_check.greatest["velocity"] < 0.4


def test_homing_ends_with_a_hold_when_an_arm_falls_silent(rig):
    rig.gate.home(rig.now)
    rig.run(0.3)
    rig.silent = {"left"}
    rig.run(0.5)
    assert rig.gate.mode is Mode.HOLD
    rig.silent = set()
    rig.run(0.1)
    assert rig.accept(ramp(rig)) == "paused"
    assert rig.limit_check.violations == {}


def posture(**joints):
    """Home with some joints moved: left1=0.3 turns the left arm's first joint by 0.3 rad."""
    q = np.array(HARDWARE.home)
    for name, change in joints.items():
        q[7 * (name[:-1] == "right") + int(name[-1]) - 1] += change
    return q


def test_the_way_home_is_looked_at_before_anything_moves():
    workspace = Workspace(HARDWARE)
    way = homing.plan(CELL, workspace, posture(left1=0.8), 0.0)
    assert way.at(way.duration_s).positions == pytest.approx(HARDWARE.home)
    assert way.at(way.duration_s + 0.1) is None
    in_the_table = posture(left2=1.2)
    assert workspace.clearance(in_the_table[None])[0] < 0.0
    elsewhere = dataclasses.replace(CELL, home=tuple(in_the_table))
    with pytest.raises(homing.NoWayHome, match=r"the floor.*lead the arms away from it"):
        homing.plan(elsewhere, workspace, posture(), 0.0)


def test_arms_that_are_outside_the_workspace_may_come_home():
    assert homing.plan(CELL, Workspace(HARDWARE), posture(left2=1.2), 0.0).duration_s > 1.0


def test_leaders_take_over_only_where_the_arms_are(rig):
    assert "no joint states of the left leader" in rig.gate.follow_leader(rig.now)
    rig.leaders = rig.positions + np.array([0.5, 0.0, 0.0, 0.0])
    rig.tick()
    refusal = rig.gate.follow_leader(rig.now)
    assert refusal == "the leaders do not stand where the arms are; move left_a by -0.50 rad"
    assert rig.gate.mode is Mode.HOLD


def test_leaders_lead_after_a_ramp_and_hand_back_to_the_policy(rig):
    rig.leaders = rig.positions + np.array([0.15, 0.0, -0.1, 0.0])
    rig.accept(ramp(rig))
    rig.run(0.1)
    assert "call gate/hold first" in rig.gate.follow_leader(rig.now)
    rig.gate.pause()
    rig.run(0.3)
    assert rig.gate.follow_leader(rig.now) is None
    before = rig.positions.copy()
    rig.run(0.05)
    assert rig.positions == pytest.approx(before, abs=0.01)
    rig.run(1.5)
    assert rig.positions == pytest.approx(rig.leaders, abs=1e-3)
    for _ in range(100):
        rig.leaders = rig.leaders + np.array([0.002, 0.0, 0.0, 0.0])
        rig.tick()
    assert rig.positions[0] == pytest.approx(rig.leaders[0], abs=0.03)
    assert rig.accept(ramp(rig), 2) == "leader"
    assert rig.gate.follow_policy() is None
    rig.run(0.3)
    assert rig.accept(ramp(rig), 3) is None
    assert rig.gate.mode is Mode.EXECUTING
    assert rig.limit_check.violations == {}


def test_silent_leaders_end_in_a_hold_that_must_be_ended_explicitly(rig):
    rig.leaders = rig.positions.copy()
    rig.tick()
    rig.gate.follow_leader(rig.now)
    rig.run(0.1)
    rig.leaders = None
    rig.run(0.2)
    assert rig.gate.mode is Mode.HOLD
    assert rig.gate.reason.startswith("no joint states of the left leader for 0.1 s; paused")
    assert rig.accept(ramp(rig)) == "paused"


def test_an_emergency_stop_ends_commanding_at_once_and_stays(rig):
    rig.accept(ramp(rig))
    rig.run(0.2)
    rig.gate.press_estop(Level.HOLD, "a hand")
    assert rig.tick() is None
    assert rig.gate.mode is Mode.ESTOP
    assert "emergency stop (hold) by a hand" in rig.gate.reason
    assert rig.accept(ramp(rig), 2) == "estop"
    for ask in (rig.gate.follow_policy, rig.gate.pause):
        assert "emergency stop" in ask()
    assert "emergency stop" in rig.gate.home(rig.now)
    rig.gate.deactivate()
    rig.gate.activate()
    assert rig.tick() is None
    assert rig.gate.mode is Mode.ESTOP


def test_the_way_back_is_told_and_needed_in_order(rig):
    rig.gate.press_estop(Level.DAMPED, "a hand")
    rig.gate.feedback.set_enabled("left", False, "emergency stop: hold the arm, then reset it")
    refusal = rig.gate.reset_estop(rig.now)
    assert refusal.startswith("not yet: the left arm is disabled: emergency stop")
    order = ["support both arms", "left/follower/reset", "left/follower/enable", "estop_reset"]
    assert [refusal.index(word) for word in order] == sorted(refusal.index(w) for w in order)
    rig.gate.feedback.set_enabled("left", True)
    assert rig.gate.reset_estop(rig.now) is None
    rig.positions = rig.positions - [0.3, 0, 0, 0]  # it sank
    command = rig.tick()
    assert command.positions == pytest.approx(rig.positions)
    assert rig.accept(ramp(rig), 2) == "paused"
    rig.gate.follow_policy()
    assert rig.accept(ramp(rig), 3) is None
    assert rig.gate.reset_estop(rig.now) == "there is no emergency stop to reset"


def test_a_stop_can_only_be_raised():
    stop = EmergencyStop(["left", "right"])
    assert stop.press(Level.DAMPED, "a")
    assert not stop.press(Level.HOLD, "b")
    assert stop.press(Level.POWER, "c")
    assert stop.level is Level.POWER
    assert not any("reset:" in step or "follower/reset" in step for step in stop.steps())


def test_a_chunk_that_leads_into_the_table_is_refused_with_arm_and_step():
    gate = Gate(CELL, Workspace(HARDWARE))
    gate.activate()
    home = np.array(HARDWARE.home)
    for arm, place in CELL.arms.items():
        gate.feedback.observe(arm, home[place], 1.0)
    gate.update(Now.simulated(1.0))
    rows = np.linspace(home, home + np.eye(14)[8] * 1.3, 25)
    chunk = Chunk(1, 1.0, 2.0, 0.04, CELL.joint_names, 25, rows.ravel())
    assert gate.accept(chunk, Now.simulated(1.0)) == "workspace"
    text = gate.events[-1].text
    assert "chunk 1 refused (workspace): in step " in text
    assert "the right " in text
    assert gate.counters.refusals == {"workspace": 1}
