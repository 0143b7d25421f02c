import dataclasses

import numpy as np
import pytest
from vega_control.config import GateConfig
from vega_control.estop import Level
from vega_control.gate import Mode, Now

import hw_config

from .conftest import CONFIG, PERIOD_S, Rig


def speeds(rig, joint=0):
    """Velocities between consecutive commands."""
    return np.diff([q[joint] for q in rig.sent]) / np.diff(rig.times_s)


def test_nothing_is_commanded_before_every_arm_was_heard():
    rig = Rig()
    rig.gate.activate()
    rig.silent = {"right"}
    assert rig.tick() is None
    assert rig.texts() == ["nothing commanded yet: no joint states of the right arm yet"]
    rig.silent = set()
    assert rig.tick() is not None


def test_the_first_command_is_where_the_arms_are():
    rig = Rig()
    rig.gate.activate()
    start = rig.positions.copy()
    rig.tick()
    assert rig.sent[0] == pytest.approx(start)
    assert rig.gate.mode is Mode.HOLD


def test_a_chunk_is_executed_and_then_held(rig, steady_rows):
    rows = steady_rows(5) + np.linspace(0.01, 0.05, 5)[:, None] * [1, 0, 0, 0]
    assert rig.accept(rows) is None
    assert rig.gate.mode is Mode.EXECUTING
    rig.run(0.2)
    assert rig.positions == pytest.approx(rows[-1], abs=0.003)
    assert rig.texts() == ["executing, from chunk 1 on"]
    rig.run(0.5)
    assert rig.gate.mode is Mode.HOLD
    assert rig.texts() == ["holding: chunk 1 has run out and no newer one came"]
    assert rig.gate.counters.holds == 1
    assert rig.sent[-1] == pytest.approx(rig.sent[-20])


def test_running_out_at_speed_decelerates_within_the_limits(rig, steady_rows):
    rows = steady_rows(8) + np.arange(1, 9)[:, None] * [0.04, 0, 0, 0]  # 1 rad/s
    rig.accept(rows)
    rig.run(1.0)
    falling = speeds(rig)[int(0.32 / PERIOD_S) :]
    assert falling[0] > 0.7
    assert np.diff(falling).max() < 0.01
    assert np.abs(falling[int(0.2 / PERIOD_S) :]).max() == 0.0
    assert rig.limit_check.violations == {}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("wrong_shape", {"steps": 4}),
        ("wrong_shape", {"steps": 0}),
        ("wrong_shape", {"names": ("a", "b", "c", "d")}),
        ("wrong_shape", {"names": ()}),
        ("wrong_shape", {"dt_s": 0.0}),
        ("wrong_shape", {"dt_s": float("nan")}),
        ("stale", {"age_s": 1.1}),
        ("stale", {"age_s": -1.0}),
        ("stale", {"age_s": 0.5}),  # all 5 steps of 40 ms are past
        ("stale", {"deadline_s": 1.0}),
        ("non_finite", {"positions": np.full(20, np.nan)}),
        ("non_finite", {"positions": np.full(20, np.inf)}),
        ("out_of_range", {"positions": np.full(20, 5729.6)}),
    ],
)
def test_what_is_refused_is_counted_and_leaves_the_hold(rig, steady_rows, reason, changes):
    assert rig.accept(steady_rows(5), **changes) == reason
    assert rig.gate.counters.refusals == {reason: 1}
    assert rig.gate.mode is Mode.HOLD
    (text,) = rig.texts()
    assert text.startswith(f"chunk 1 refused ({reason})")


def test_a_refusal_names_the_joint_and_is_told_once(rig, steady_rows):
    rows = steady_rows(5)
    rows[3, 2] = np.nan
    for sequence in range(1, 6):
        rig.accept(rows, sequence)
    assert rig.texts() == ["chunk 1 refused (non_finite): right_a is nan in step 3"]
    assert rig.gate.counters.refusals["non_finite"] == 5


def test_an_inactive_gate_refuses_in_silence_and_sends_nothing(steady_rows):
    rig = Rig()
    assert rig.accept(np.zeros((5, 4))) == "not_active"
    assert rig.tick() is None
    assert rig.texts() == []


def test_chunks_must_rise_in_sequence(rig, steady_rows):
    assert rig.accept(steady_rows(25), sequence=7) is None
    assert rig.accept(steady_rows(25), sequence=7) == "out_of_order"
    assert rig.accept(steady_rows(25), sequence=6) == "out_of_order"
    assert rig.accept(steady_rows(25), sequence=8) is None


def test_a_sender_that_starts_anew_is_taken_when_nothing_is_left_of_the_old_one(rig, steady_rows):
    rig.accept(steady_rows(5), sequence=900)
    assert rig.accept(steady_rows(5), sequence=1) == "out_of_order"
    rig.run(0.25)
    assert rig.accept(steady_rows(5), sequence=1) is None


@pytest.mark.parametrize("arm", ["left", "right"])
def test_silent_joint_states_end_in_a_decelerated_hold_and_one_message(rig, steady_rows, arm):
    rig.accept(steady_rows(25) + np.arange(1, 26)[:, None] * [0.02, 0, 0.02, 0])
    rig.run(0.2)
    rig.texts()
    rig.silent = {arm}
    rig.run(0.5)
    assert rig.gate.mode is Mode.HOLD
    assert rig.texts() == [f"holding: no joint states of the {arm} arm for 0.1 s"]
    stopping = speeds(rig, CONFIG.arms[arm].start)[int(0.2 / PERIOD_S) :]
    assert stopping[0] == pytest.approx(0.5, abs=0.1)
    assert stopping[-1] == 0.0
    assert rig.limit_check.violations == {}
    assert rig.accept(steady_rows(25), sequence=2) == "not_ready"
    rig.silent = set()
    rig.tick()
    assert rig.texts() == ["the arms are well again"]
    assert rig.accept(steady_rows(25), sequence=3) is None


def test_unusable_joint_states_are_silence(rig):
    for _ in range(30):
        rig.now_s += PERIOD_S
        rig.gate.feedback.observe("left", [float("nan"), 0.0], rig.now_s)
        rig.gate.feedback.observe("right", [0.0], rig.now_s)
        rig.gate.update(rig.now)
    assert "left arm" in rig.gate.reason


def test_a_disabled_arm_is_commanded_where_it_is_so_that_enabling_does_not_jump(rig, steady_rows):
    rig.accept(steady_rows(25))
    rig.tick()
    rig.texts()
    rig.gate.feedback.set_enabled("left", False, "motor 3 too hot")
    rig.tick()
    assert rig.texts() == ["holding: the left arm is disabled: motor 3 too hot"]
    rig.positions[0] = -0.6  # it sinks
    command = rig.tick()
    assert command.positions[0] == pytest.approx(-0.6)


def test_chunks_that_are_late_again_and_again_become_one_sentence_that_says_why(rig, steady_rows):
    told = []
    for sequence in range(1, 41):
        assert rig.accept(steady_rows(3), sequence) is None
        rig.run(0.2)
        told += rig.texts()
    assert len(told) < 12, told
    (why,) = [text for text in told if "this computer is too slow, or the policy" in text]
    assert why.startswith("holding: chunk 5 has run out")
    rig.run(20.0)
    rig.accept(steady_rows(3), 50)
    rig.run(0.2)
    assert [text.partition(",")[0] for text in rig.texts()][-1].startswith("holding: chunk 50")


def test_an_arm_that_is_unplugged_is_told_however_late_chunks_have_been(rig, steady_rows):
    for sequence in range(1, 11):
        assert rig.accept(steady_rows(3), sequence) is None
        rig.run(0.2)
    rig.texts()
    rig.silent = {"left"}
    rig.run(0.2)
    assert rig.texts() == ["holding: no joint states of the left arm for 0.1 s"]


def test_an_arm_with_a_loose_cable_is_not_blamed_on_a_slow_computer_alone(rig):
    told = []
    for _ in range(8):
        rig.silent = {"left"}
        rig.run(0.15)
        rig.silent = set()
        rig.run(0.15)
        told += rig.texts()
    (why,) = [text for text in told if "again and again" in text]
    assert "no joint states of the left arm" in why
    assert "a cable or an adapter is loose" in why


def test_each_recovery_is_told(rig):
    for _ in range(2):
        rig.silent = {"left"}
        rig.run(0.15)
        rig.silent = set()
        rig.run(0.15)
        assert rig.texts()[-1] == "the arms are well again"


def test_each_stop_is_told_also_while_the_gate_is_not_active(rig):
    rig.gate.deactivate()
    for _ in range(2):
        rig.gate.press_estop(Level.HOLD, "a hand")
        (text,) = rig.texts()
        assert text.startswith("emergency stop (hold) by a hand")
        assert rig.gate.reset_estop(rig.now) is None


def test_an_arm_that_is_disabled_is_told_once_however_late_its_states_come(rig, steady_rows):
    rig.gate.feedback.set_enabled("left", False, "motor 3 too hot")
    told = []
    for _ in range(20):
        rig.tick(0.15)
        rig.silent = {"left", "right"}
        rig.run(0.15)
        rig.silent = set()
        rig.tick()
        told += rig.texts()
    assert sum("too hot" in text for text in told) == 1
    assert len(told) < 8


def test_an_arm_disabled_again_between_two_periods_is_held_again(rig, steady_rows):
    rig.accept(steady_rows(25))
    rig.tick()
    rig.gate.feedback.set_enabled("left", False, "motor 3 too hot")
    rig.tick()
    rig.gate.feedback.set_enabled("left", True)
    assert rig.accept(steady_rows(25), 2) is None
    rig.gate.feedback.set_enabled("left", False, "motor 3 too hot")
    rig.tick()
    assert rig.gate.mode is Mode.HOLD
    assert "disabled" in rig.gate.reason


def test_an_arm_that_does_not_follow_is_held_where_it_is(rig, steady_rows):
    rig.accept(steady_rows(25))
    rig.tick()
    rig.texts()
    rig.positions[2] = 0.7
    command = rig.tick()
    assert command.positions[2] == pytest.approx(0.7)
    (text,) = rig.texts()
    assert text.startswith("holding: right_a is 0.80 from its command")


def test_control_steps_keep_their_grid_when_chunks_take_over(rig, steady_rows):
    for sequence in range(1, 8):
        rig.accept(steady_rows(25), sequence, age_s=0.07 + 0.011 * (sequence % 3))
        rig.run(0.31)
    times = np.array([time_s for time_s, _ in rig.targets])
    assert len(times) > 50
    assert np.diff(times) == pytest.approx(0.04)


def test_a_burst_of_time_gives_one_command_and_no_jump(rig, steady_rows):
    rig.accept(steady_rows(25) + np.arange(1, 26)[:, None] * [0.03, 0, 0, 0])
    rig.run(0.3)
    before = rig.positions.copy()
    rig.tick(0.09)
    assert 0.0 < rig.positions[0] - before[0] < 2.0 * 0.021
    assert rig.limit_check.violations == {}


def test_after_a_long_stall_it_starts_from_rest_as_the_arms_have_stopped(rig, steady_rows):
    rig.accept(steady_rows(25) + np.arange(1, 26)[:, None] * [0.03, 0, 0, 0])
    rig.run(0.3)
    before = rig.positions.copy()
    command = rig.tick(0.3)
    assert command.anew.all()
    assert rig.positions[0] - before[0] < 0.001


def test_time_that_goes_back_starts_anew_from_where_the_arms_are(rig, steady_rows):
    rig.accept(steady_rows(25) + np.array([0.3, 0, 0, 0]))
    rig.run(0.1)
    rig.texts()
    rig.now_s = 0.0
    rig.tick()
    assert rig.texts()[0] == "time went back: starting again from where the arms are"
    rig.tick()
    assert rig.gate.mode is Mode.HOLD
    assert rig.accept(steady_rows(25)) is None


def test_a_clock_that_is_set_forward_ends_in_a_hold_where_the_arms_are(rig, steady_rows):
    rig.accept(steady_rows(25) + np.arange(1, 26)[:, None] * [0.03, 0, 0, 0])
    rig.run(0.3)
    before = rig.positions.copy()
    rig.tick(3600.0)
    assert rig.gate.mode is Mode.HOLD
    assert rig.gate.reason == "chunk 1 has run out and no newer one came"
    rig.run(0.5)
    assert np.abs(rig.positions - before).max() < 0.001
    assert rig.accept(steady_rows(25), 2, age_s=3600.0) == "stale"
    assert rig.accept(steady_rows(25), 3) is None
    assert rig.limit_check.violations == {}


def test_deactivating_at_speed_ends_with_a_hold(rig, steady_rows):
    rig.accept(steady_rows(25) + np.arange(1, 26)[:, None] * [0.03, 0, 0, 0])
    rig.run(0.4)
    last = rig.sent[-2:]
    commands = rig.gate.deactivate()
    steps = np.diff([q[0] for q in (*last, *commands)])
    assert steps[1] == pytest.approx(steps[0], rel=0.1)
    assert np.abs(np.diff(steps)).max() < 10.0 * PERIOD_S**2 * 1.01
    assert steps[-1] < 1e-5
    assert rig.gate.mode is Mode.INACTIVE
    assert rig.tick() is None


def test_deactivating_at_rest_repeats_the_hold_once(rig):
    assert [list(q) for q in rig.gate.deactivate()] == [list(rig.positions)]


def test_joint_states_can_be_watched_on_another_clock(rig, steady_rows):
    for arm, place in CONFIG.arms.items():
        rig.gate.feedback.observe(arm, rig.positions[place], 5000.0)
    rig.gate.update(Now(rig.now_s, 5000.05))
    assert rig.gate.mode is Mode.HOLD
    assert rig.gate.reason == "no chunk yet"
    rig.gate.update(Now(rig.now_s, 5000.2))
    assert "no joint states of the left arm" in rig.gate.reason


def test_the_gate_of_this_cell_has_all_joints_and_free_grippers():
    config = GateConfig.from_hardware(hw_config.load())
    assert config.arms == {"left": slice(0, 7), "right": slice(7, 14)}
    assert [n for n, f in zip(config.joint_names, config.follows) if f == float("inf")] == [
        "left_gripper",
        "right_gripper",
    ]
    assert dataclasses.asdict(config)["period_s"] == 0.005
