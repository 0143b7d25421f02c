"""An emulated arm in the role of a follower: what it does with each frame, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vega_arms import frames, protocol
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import control_frames
from vega_arms.emulator.physics import JOINTS, ArmPhysics, Drive, SimpleArm
from vega_arms.emulator.settings import Configuration, Settings
from vega_arms.protocol import Frame

TICK_S = 0.005
_LOW_SPEED_TICKS = 5
_TICKS_TO_COMM_ERROR, _COMM_ERROR_TICKS = 100, 20
# The torque (N m) at which collision protection of level 1 trips, and what each level adds.
_TRIP_NM, _TRIP_STEP_NM = 8.0, 3.0
_AMPERE_PER_NM = (1.0 / 1.18125,) * 3 + (1.0 / 0.95844,) * 3
_STANDBY, _CAN, _TEACH = 0, protocol.CAN_MODE, protocol.TEACH_MODE
# For so long an arm that was reset keeps its power, and obeys no enabling.
_RESET_TICKS = 140
_HOT = 1 << 1


class Follower:
    """Protocol and behaviour of one arm; `physics` moves it.

    `receive` takes a frame and returns the replies, `tick` is called every 5 ms and returns the
    frames of that period: 14, and every fifth time 6 more (3040 a second).
    """

    def __init__(self, settings: Settings | None = None, physics: ArmPhysics | None = None) -> None:
        self.settings = settings or Settings()
        self.physics: ArmPhysics = physics or SimpleArm()
        self.ticks = 0
        self.ailment: Fault | None = None
        self.power_up()
        self._configuration = Configuration(self.settings)
        self._handlers: dict[int, Callable[[tuple], None]] = {
            frames.MOTION: self._motion,
            frames.MODE: self._mode,
            frames.GRIPPER_TARGET: self._gripper,
            frames.ENABLE: self._enable,
            frames.SET_JOINT: self._clear_errors,
            **{
                identifier: partial(self._target, 2 * i)
                for i, identifier in enumerate(frames.JOINT_TARGET)
            },
        }

    def power_up(self) -> None:
        """The state after switching on: no torque, nobody in command; settings are kept."""
        self.ctrl_mode, self.move, self.teach = _STANDBY, 0, 0
        self.speed, self.high_follow, self.mount = 0, False, 0
        self.stopped = False
        self.enabled = [False] * JOINTS
        self.motor_faults = [0] * JOINTS
        self.over_limit = 0
        self.gripper_enabled, self.gripper_faults = False, 0
        self._gripper_target = 0.0
        self._enables_ignored = [0] * JOINTS
        self._reset_left = 0
        self._targets = list(self.physics.measured.q)
        self._leaving_teach = False
        self._comm_error_at: int | None = None

    @property
    def is_leader(self) -> bool:
        """Whether it has been given the role of a leader: it then sends control frames alone."""
        return self.settings.role == frames.LEADER

    @property
    def can_move(self) -> bool:
        """Whether joint targets have an effect."""
        free = not self.stopped and not any(self.motor_faults)
        return free and all(self.enabled) and self.ctrl_mode == _CAN and self.move == 1

    def receive(self, identifier: int, data: bytes | bytearray) -> list[Frame]:
        """Obeys a frame of the bus; what it does not know it ignores."""
        offset = self.settings.control_offset
        if offset and 0x150 <= identifier - offset <= 0x15F:
            identifier -= offset
        elif offset and identifier in frames.CONTROL:
            return []
        frame = protocol.decode(identifier, data)
        if frame is None or (self.is_leader and identifier != frames.ROLE):
            return []
        handler = self._handlers.get(identifier)
        if handler is not None:
            handler(frame)
        return self._configuration.receive(identifier, frame)

    def collide(self, joint: int, torque: float) -> bool:
        """Something pushes a joint (0-5) with this torque, N m; returns whether it tripped."""
        level = self.settings.collision_levels[joint]
        if not self.enabled[joint] or level == 0:
            return False
        if torque < _TRIP_NM + _TRIP_STEP_NM * (level - 1):
            return False
        self.motor_faults[joint] |= 1 << 4
        self._targets = list(self.physics.measured.q)
        return True

    def tick(self) -> list[Frame]:
        """Moves on by 5 ms and returns what the arm says."""
        self.ticks += 1
        if self.is_leader:
            measured = self.physics.measured
            return control_frames(measured.q, measured.gripper, self.settings.linkage_offset)
        self._watch_teach_exit()
        self._watch_reset()
        limits = self.settings.limits
        loose = self.ailment is Fault.LOOSE
        share = 1.0 if self.high_follow else self.speed / 100.0
        self.physics.step(
            TICK_S,
            Drive(
                self._targets,
                [on and not loose for on in self.enabled],
                [share * limit.max_speed * 1e-3 for limit in limits],
                [0.01 * value for value in self.settings.acceleration],
                self.stopped,
                self.high_follow,
                self._gripper_target if self._gripper_obeys else None,
            ),
        )
        if not all(self.enabled) or self.stopped or loose:
            # Where it is held from, once it is powered again.
            q = self.physics.measured.q
            self._targets = [
                target if on and not self.stopped and not loose else now
                for target, on, now in zip(self._targets, self.enabled, q)
            ]
        return self._feedback()

    @property
    def status(self) -> frames.Status:
        """What 0x2A1 says."""
        arm_status = 0
        comm = self._comm_error_at is not None and self.ticks >= self._comm_error_at
        if self.stopped:
            arm_status = protocol.EMERGENCY_STOP
        elif any(bits & (1 << 4) for bits in self.motor_faults):
            arm_status = protocol.COLLISION
        elif comm:
            arm_status = 5
        elif self.over_limit:
            arm_status = 4
        q = self.physics.measured.q
        away = any(abs(target - now) > 1e-3 for target, now in zip(self._targets, q))
        return frames.Status(
            self.ctrl_mode,
            arm_status,
            self.move,
            self.teach,
            int(away),
            0,
            self.over_limit,
            0x3F if comm else 0,
        )

    def _feedback(self) -> list[Frame]:
        measured, offset = self.physics.measured, self.settings.feedback_offset
        sent = [protocol.encode(frames.STATUS, self.status)]
        sent += protocol.joint_pairs(frames.END_POSE, _end_pose(measured.q))
        sent += protocol.joint_pairs(
            frames.JOINT_FEEDBACK, map(protocol.to_millidegrees, measured.q)
        )
        stroke = round(measured.gripper * 1e6) if self.settings.gripper.stroke_mm else 0
        gripper = frames.GripperFeedback(
            stroke, round(measured.gripper_effort * 1000), self._gripper_bits()
        )
        sent.append(protocol.encode(frames.GRIPPER_FEEDBACK, gripper))
        if offset:
            sent = [(identifier + offset, data) for identifier, data in sent]
        for joint in range(JOINTS):
            # The current of a powered motor is never still: the last bits are noise.
            noise = (self.ticks * 7919 + joint * 104729) % 5 - 2 if self.enabled[joint] else 0
            sent.append(
                protocol.encode(
                    frames.HIGH_SPEED[joint],
                    frames.HighSpeed(
                        round(measured.dq[joint] * 1000),
                        round(measured.effort[joint] * _AMPERE_PER_NM[joint] * 1000) + noise,
                        round(measured.q[joint] * 1000),
                    ),
                )
            )
        if self.ticks % _LOW_SPEED_TICKS == 0:
            for joint in range(JOINTS):
                bits = self.motor_faults[joint] | (protocol.ENABLED if self.enabled[joint] else 0)
                low = frames.LowSpeed(240, 38, 35, bits, 300 if self.enabled[joint] else 40)
                sent.append(protocol.encode(frames.LOW_SPEED[joint], low))
        return sent

    def _gripper_bits(self) -> int:
        bits = self.gripper_faults | (protocol.ENABLED if self.gripper_enabled else 0)
        bits |= _HOT if self.ailment is Fault.GRIPPER_HOT else 0
        return bits | (0 if self.ailment is Fault.GRIPPER_NOT_ZEROED else protocol.HOMED)

    @property
    def _gripper_obeys(self) -> bool:
        return self.gripper_enabled and self.ailment is not Fault.GRIPPER_STUCK

    # What it does with each kind of frame.

    def _motion(self, frame: tuple) -> None:
        command = frames.Motion(*frame)
        if command.stop == 1:
            self.stopped = True
        elif command.stop == 2:
            powered = self.enabled
            self.power_up()
            self.enabled, self._reset_left = powered, _RESET_TICKS if any(powered) else 0
            self._enables_ignored = [1] * JOINTS
        elif command.teach == 1:
            self.ctrl_mode, self.teach = _TEACH, 1
        elif self.ctrl_mode == _TEACH and command.teach in (0, 2):
            self.ctrl_mode, self.teach, self._leaving_teach = _STANDBY, 0, True

    def _mode(self, frame: tuple) -> None:
        mode = frames.Mode(*frame)
        if self.ctrl_mode == _TEACH or self.stopped:
            return
        if mode.ctrl_mode == _STANDBY and self._leaving_teach:
            self.enabled = [False] * JOINTS
        if self.high_follow and mode.follow != frames.HIGH_FOLLOW:
            return  # only a reset ends high-follow
        entering = self.ctrl_mode != _CAN and mode.ctrl_mode == _CAN
        if entering:
            self._targets = list(self.physics.measured.q)
            if self._leaving_teach:
                self._comm_error_at, self._leaving_teach = self.ticks + _TICKS_TO_COMM_ERROR, False
        self.ctrl_mode = mode.ctrl_mode
        self.move = self.move if self.ailment is Fault.MIT_MODE else mode.move
        self.mount = mode.mount or self.mount
        self.speed = min(mode.speed, 100)
        self.high_follow = mode.follow == frames.HIGH_FOLLOW

    def _watch_teach_exit(self) -> None:
        start = self._comm_error_at
        if start is not None and self.ticks == start:
            self.ctrl_mode = _STANDBY
        elif start is not None and self.ticks >= start + _COMM_ERROR_TICKS:
            self._comm_error_at = None

    def _watch_reset(self) -> None:
        if self._reset_left == 1:
            self.enabled = [False] * JOINTS
        self._reset_left = max(0, self._reset_left - 1)

    def _target(self, first: int, frame: tuple) -> None:
        if not self.can_move or self.ailment is Fault.STUCK:
            return
        for joint, millidegrees in zip((first, first + 1), frame):
            limit = self.settings.limits[joint]
            if limit.min_angle * 100 <= millidegrees <= limit.max_angle * 100:
                self._targets[joint] = protocol.from_millidegrees(millidegrees)
                self.over_limit &= ~(1 << joint)
            else:
                self.over_limit |= 1 << joint

    def _gripper(self, frame: tuple) -> None:
        target = frames.GripperTarget(*frame)
        stroke = self.settings.gripper.stroke_mm * 1000
        if stroke == 0:
            return
        if target.code in (2, 3):
            self.gripper_faults = 0
        self.gripper_enabled = target.code in (1, 3) and self.ailment is not Fault.GRIPPER_OFF
        if self.gripper_enabled:
            self._gripper_target = min(max(target.stroke, 0), stroke) * 1e-6

    def _enable(self, frame: tuple) -> None:
        motor, action = frame
        chosen = range(JOINTS) if motor in frames.ALL_MOTORS else range(motor - 1, motor)
        for joint in chosen:
            if not 0 <= joint < JOINTS or self._reset_left:
                continue
            if action == 1:
                self.enabled[joint] = False
            elif action == 2 and self._enables_ignored[joint]:
                self._enables_ignored[joint] -= 1
            elif action == 2 and not self.stopped and not self.motor_faults[joint]:
                self.enabled[joint] = True
        if motor in frames.ALL_MOTORS and action in (1, 2):
            # Enabling all at once drives the gripper to its last target, open or not.
            self.gripper_enabled = action == 2 and self.settings.gripper.stroke_mm > 0

    def _clear_errors(self, frame: tuple) -> None:
        new = frames.SetJoint(*frame)
        for joint in range(JOINTS):
            if new.clear_error == frames.CONFIRM and new.motor in (joint + 1, *frames.ALL_MOTORS):
                self.motor_faults[joint] &= 1 << 4  # a collision is cleared by a reset alone


def _end_pose(q: list[float]) -> list[int]:
    # The emulated arm says nothing true about its flange: nobody reads it, the stack has its own
    # kinematics. It sends what keeps the frames plausible and the bus as busy as a real one.
    return [round(300_000 + 10_000 * q[1]), round(100_000 * q[0]), 200_000, 0, 85_000, 0]
