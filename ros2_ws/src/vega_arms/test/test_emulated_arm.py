"""How an emulated arm behaves, frame by frame and without a clock."""

from __future__ import annotations

from collections import Counter

import pytest
from vega_arms import frames, protocol
from vega_arms.emulator import POSE, Follower, Leader, Settings, SimpleArm
from vega_arms.emulator.leader import still, sweep


class Bench:
    """An arm, and hands to send frames to it."""

    def __init__(self, **settings):
        self.arm = Follower(Settings(**settings), SimpleArm(POSE[:6], POSE[6]))

    def send(self, identifier, frame):
        return self.arm.receive(*protocol.encode(identifier, frame))

    def enable(self, *motors):
        for motor in motors or range(1, 7):
            self.send(frames.ENABLE, frames.Enable(motor, 2))

    def can_mode(self, speed=100, follow=0):
        self.send(frames.MODE, frames.Mode(1, 1, speed, follow))

    def target(self, *q):
        for frame in protocol.joint_pairs(
            frames.JOINT_TARGET, map(protocol.to_millidegrees, [*q, *POSE[len(q) : 6]])
        ):
            self.arm.receive(*frame)

    def run(self, seconds):
        said = []
        for _ in range(round(seconds / 0.005)):
            said += self.arm.tick()
        return said

    def gripper(self, opening, code=1):
        self.send(frames.GRIPPER_TARGET, frames.GripperTarget(round(opening * 1e6), 1000, code))

    @property
    def q(self):
        return self.arm.physics.measured.q


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def ready(bench):
    bench.enable()
    bench.can_mode()
    return bench


def test_a_follower_says_3040_frames_a_second(bench):
    said = Counter(identifier for identifier, _ in bench.run(1.0))
    assert said.total() == 3040
    assert said[frames.STATUS] == said[frames.GRIPPER_FEEDBACK] == 200
    assert said[frames.LOW_SPEED[0]] == 40
    assert said[frames.FIRMWARE] == 0


def test_it_moves_only_enabled_in_can_mode_and_with_targets(bench):
    bench.target(0.3)
    bench.enable()
    bench.target(0.3)
    bench.run(0.5)
    assert bench.q[0] == 0.0
    bench.can_mode()
    bench.run(0.5)
    assert bench.q[0] == 0.0, "an old target must not be followed"
    bench.target(0.3)
    bench.run(1.0)
    assert bench.q[0] == pytest.approx(0.3, abs=1e-4)
    bench.target(0.6)
    bench.target(0.1)
    bench.run(1.0)
    assert bench.q[0] == pytest.approx(0.1, abs=1e-4), "the newest target holds"


def test_speed_percent_and_acceleration_bound_it(ready):
    ready.can_mode(speed=10)
    ready.target(1.0)
    before, fastest, steepest, last = 0.0, 0.0, 0.0, 0.0
    for _ in range(100):
        ready.run(0.005)
        speed = (ready.q[0] - before) / 0.005
        fastest, steepest = max(fastest, speed), max(steepest, abs(speed - last) / 0.005)
        before, last = ready.q[0], speed
    assert fastest == pytest.approx(0.3, rel=0.01)
    assert steepest <= 5.0 * 1.01


def test_without_power_it_falls(ready):
    ready.send(frames.ENABLE, frames.Enable(7, 1))
    ready.run(1.0)
    assert ready.q[1] == pytest.approx(0.0)
    assert ready.q[2] == pytest.approx(0.0)


def test_an_emergency_stop_sinks_slowly_and_needs_reset_and_enabling_twice(ready):
    ready.send(frames.MOTION, frames.Motion(1))
    ready.run(0.2)
    assert ready.arm.status.arm_status == protocol.EMERGENCY_STOP
    assert 0.8 < ready.q[1] < 0.9
    ready.can_mode()
    ready.target(0.3)
    ready.run(0.5)
    assert ready.q[0] == 0.0
    ready.send(frames.MOTION, frames.Motion(2))
    assert ready.arm.status.arm_status == 0
    ready.run(0.6)
    ready.enable()
    assert all(ready.arm.enabled), "a reset arm keeps its power for a while, and hears nothing"
    ready.run(0.2)
    assert not any(ready.arm.enabled)
    ready.enable()
    assert not any(ready.arm.enabled)
    ready.enable()
    assert all(ready.arm.enabled)


def test_one_motor_without_power_keeps_all_from_moving(ready):
    ready.send(frames.ENABLE, frames.Enable(6, 1))
    ready.target(0.3)
    ready.run(0.5)
    assert ready.q[0] == 0.0


def test_a_gripper_needs_its_stroke_and_obeys_then():
    bench = Bench(gripper=frames.GripperSetup(100, 0, 1))
    bench.gripper(0.01)
    said = dict(bench.run(0.5))
    assert protocol.decode(frames.GRIPPER_FEEDBACK, said[frames.GRIPPER_FEEDBACK]).stroke == 0
    bench.send(frames.SET_GRIPPER, frames.GripperSetup(100, 70, 1))
    bench.gripper(0.01, code=2)
    bench.gripper(0.01, code=3)
    said = dict(bench.run(0.5))
    feedback = protocol.decode(frames.GRIPPER_FEEDBACK, said[frames.GRIPPER_FEEDBACK])
    assert feedback.stroke == 10_000
    assert feedback.status & protocol.ENABLED
    bench.gripper(0.5)
    bench.run(1.0)
    assert bench.arm.physics.measured.gripper == pytest.approx(0.07)


def test_enabling_all_at_once_moves_the_gripper_one_by_one_does_not():
    at_once, one_by_one = Bench(), Bench()
    at_once.enable(7)
    one_by_one.enable()
    at_once.run(0.5)
    one_by_one.run(0.5)
    assert at_once.arm.physics.measured.gripper == 0.0
    assert one_by_one.arm.physics.measured.gripper == POSE[6]


def test_a_target_beyond_a_limit_is_reported_and_not_followed(ready):
    ready.target(2.7)
    ready.run(0.1)
    assert ready.arm.status.arm_status == 4
    assert ready.arm.status.angle_limit_bits == 1
    assert ready.q[0] == 0.0
    ready.target(0.1)
    assert ready.arm.status.arm_status == 0


def test_collision_protection_trips_by_level_and_freezes(ready):
    ready.send(frames.SET_COLLISION, frames.CollisionLevels(0, 1, 8, 1, 1, 1))
    assert not ready.arm.collide(0, 1000.0)
    assert not ready.arm.collide(2, 20.0)
    assert ready.arm.collide(1, 20.0)
    ready.target(0.3)
    ready.run(0.3)
    assert ready.q[0] == 0.0
    assert ready.arm.status.arm_status == protocol.COLLISION
    ready.send(frames.SET_JOINT, frames.SetJoint(2, 0, 0, 0, frames.CONFIRM))
    assert ready.arm.status.arm_status == protocol.COLLISION
    ready.send(frames.MOTION, frames.Motion(2))
    assert ready.arm.status.arm_status == 0


def test_teach_mode_ignores_the_mode_command_and_ends_with_torque(ready):
    ready.send(frames.MOTION, frames.Motion(0, 0, 1))
    ready.can_mode()
    assert ready.arm.ctrl_mode == protocol.TEACH_MODE
    ready.send(frames.MOTION, frames.Motion())
    assert all(ready.arm.enabled)
    ready.can_mode()
    ready.run(0.51)
    assert ready.arm.status.arm_status == 5
    assert ready.arm.ctrl_mode == 0
    ready.run(0.1)
    ready.can_mode()
    assert ready.arm.can_move


def test_from_high_follow_only_a_reset_leads_back(ready):
    ready.can_mode(follow=frames.HIGH_FOLLOW)
    ready.can_mode(follow=0)
    assert ready.arm.high_follow
    ready.send(frames.MOTION, frames.Motion(2))
    assert not ready.arm.high_follow


def test_it_answers_queries_and_acknowledges_settings(bench):
    (reply,) = bench.send(frames.QUERY_MOTOR, frames.QueryMotor(4, 1))
    assert protocol.decode(*reply) == frames.MotorLimits(4, 1000, -1000, 3000)
    (reply,) = bench.send(frames.QUERY_MOTOR, frames.QueryMotor(4, 2))
    assert protocol.decode(*reply) == frames.MotorAcceleration(4, 500)
    (reply,) = bench.send(frames.SET_LIMITS, frames.MotorLimits(4, 900, frames.UNCHANGED, 2000))
    assert protocol.decode(*reply) == frames.Ack(0x74)
    (reply,) = bench.send(frames.QUERY_MOTOR, frames.QueryMotor(4, 1))
    assert protocol.decode(*reply) == frames.MotorLimits(4, 900, -1000, 2000)
    text = b"".join(d for _, d in bench.send(frames.FIRMWARE, frames.Text(b"\1" + bytes(7))))
    assert len(text) == 88
    assert text[60:68] == b"S-V1.8-8"
    assert bench.send(frames.QUERY_MOTOR, frames.QueryMotor(9, 1)) == []


def test_a_leader_says_control_frames_alone_and_answers_nothing():
    leader = Leader(sweep(POSE))
    said = Counter(identifier for _ in range(200) for identifier, _ in leader.tick())
    assert set(said) <= {*frames.CONTROL, frames.ENABLE, frames.LEADER_HEARTBEAT}
    assert said[frames.MODE] == said[frames.JOINT_TARGET[0]] == 200
    query = protocol.encode(frames.QUERY_MOTOR, frames.QueryMotor(1, 1))
    assert leader.receive(*query) == []


def test_some_leaders_are_silent_while_nobody_moves_them():
    leader = Leader(still(POSE), silent_when_still=True)
    assert leader.tick()
    assert leader.tick() == []


def test_a_role_survives_the_power_cycle(bench):
    bench.send(frames.ROLE, frames.Role(frames.LEADER))
    bench.arm.power_up()
    assert {identifier for identifier, _ in bench.run(0.1)} <= frames.CONTROL
    assert bench.send(frames.QUERY_MOTOR, frames.QueryMotor(1, 1)) == []
    bench.send(frames.ROLE, frames.Role(frames.FOLLOWER, 0x10, 0x10))
    said = {identifier for identifier, _ in bench.run(0.1)}
    assert 0x2B1 in said
    assert 0x2A1 not in said
    bench.enable()
    mode = protocol.encode(frames.MODE, frames.Mode(1, 1, 100))[1]
    bench.arm.receive(frames.MODE, mode)
    assert not bench.arm.can_move
    bench.arm.receive(frames.MODE + 0x10, mode)
    assert bench.arm.can_move


def test_a_follower_obeys_its_leader_without_a_computer():
    follower, leader = Bench(), Leader(sweep(POSE))
    for _ in range(400):
        for frame in leader.tick():
            follower.arm.receive(*frame)
        follower.arm.tick()
    assert follower.q[:3] == pytest.approx(leader.hand(2.0)[:3], abs=0.02)
