"""Scripts of arms: what one arm does to solve a task, step by step, from measured state.

A task gives one `ArmScript` for each arm that works: a list of phases, each with an aim (a tool
pose or a joint posture, and a jaw opening) that is computed anew at every call from where the
objects are now, and with what must hold before the next phase begins. A script moves a reference
towards the aim with limited speed and acceleration, follows it by inverse kinematics, and keeps
the command within reach of the measured posture, so that after a disturbance it starts again from
where the arm is. Two scripts run side by side; one waits for the other through `ArmScript.passed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from vega_description.transforms import (
    Array,
    pose_from,
    rotation_about,
    rotation_vector,
    rpy_matrix,
)

from vega_sim.world import World

JOINT_SPEED = 1.2  # rad/s
GRIPPER_SPEED = 0.14  # m/s of jaw opening
ACCELERATION = 0.6  # m/s^2 of the tool
ANGULAR_ACCELERATION = 3.0  # rad/s^2 of a joint, when moving to a posture
METRES_PER_RADIAN = 0.25  # a radian of tool rotation takes as long as so many metres
MAX_TRACKING_ERROR_RAD = 0.20  # the command stays this near to the measured posture


@dataclass(frozen=True)
class Aim:
    """Where a phase wants an arm: a tool pose [4,4] in footprint, or joints [6], and the jaws."""

    pose: Array | None = None
    joints: Array | None = None
    opening_m: float = 0.0

    @property
    def xyz(self) -> Array:
        """Position [3] of the tool."""
        assert self.pose is not None, "this aim is a posture"
        return self.pose[:3, 3]

    def shifted(self, up: float = 0.0, forward: float = 0.0, left: float = 0.0) -> Aim:
        """The same orientation, moved in footprint by so many metres."""
        assert self.pose is not None
        moved = self.pose.copy()
        moved[:3, 3] += (forward, left, up)
        return replace(self, pose=moved)


def reach_pose(
    world: World,
    side: str,
    xyz: Array,
    *,
    pitch: float,
    roll: float = 0.0,
    opening_m: float = 0.0,
) -> Aim:
    """A tool pose at `xyz` that points away from the arm's base.

    The arm then works in one vertical plane, far from its wrist's limits.

    Args:
        world: the scene.
        side: the arm.
        xyz: tool position in footprint, m.
        pitch: 0 points level, pi/2 straight down, rad.
        roll: turn about the approach direction; 0 has the jaws open sideways, rad.
        opening_m: jaw opening.
    """
    base = world.arms[side].base[:3, 3]
    heading = np.arctan2(xyz[1] - base[1], xyz[0] - base[0])
    return Aim(pose_from(rpy_matrix((roll, pitch, heading)), xyz), opening_m=opening_m)


@dataclass(frozen=True)
class Phase:
    """One step of a script.

    Attributes:
        name: for people and for `otherwise`.
        aim: gives the aim from the present state; None rests at home.
        until: what must hold for the phase to end; None: the tool has come near the aim.
        reach: how near to the aim (m, as measured) the tool must come when `until` is None.
        skip: ends the phase at once where it holds already.
        speed: of the tool, m/s.
        pause_s: the phase lasts at least so long (closing jaws takes about 0.4 s).
        abort: gives the phase up when it holds.
        timeout_s: gives the phase up after so long.
        otherwise: phase to go back to when this one is given up; None: the next one.
    """

    name: str
    aim: Callable[[], Aim] | None
    until: Callable[[], bool] | None = None
    reach: float = 0.02
    skip: Callable[[], bool] | None = None
    speed: float = 0.18
    pause_s: float = 0.0
    abort: Callable[[], bool] | None = None
    timeout_s: float = 5.0
    otherwise: str | None = None

    @staticmethod
    def home() -> Phase:
        """The resting posture; a script ends with it."""
        return Phase("home", None, until=lambda: False, timeout_s=np.inf)


@dataclass
class _Reference:
    """What is commanded: posture [6], velocity of tool or joints [6], jaw opening."""

    joints: Array
    opening_m: float
    velocity: Array = field(default_factory=lambda: np.zeros(6))
    in_joint_space: bool = False


class ArmScript:
    """Runs one arm's phases."""

    def __init__(
        self,
        world: World,
        side: str,
        phases: list[Phase],
        max_tracking_error_rad: float = MAX_TRACKING_ERROR_RAD,
    ) -> None:
        self.side = side
        self._max_tracking_error_rad = max_tracking_error_rad
        self._world = world
        self._phases = phases
        self._kinematics = world.arms[side]
        self._home = np.array(world.hw.home[world.arm_slice(side)])
        self._dt = 1.0 / world.hw.rates.control_hz
        measured = world.arm_positions(side)
        self._reference = _Reference(measured[:6].copy(), float(measured[6]))
        self._index = 0
        self._since = world.data.time

    @property
    def phase(self) -> str:
        """Name of the present phase."""
        return self._phases[self._index].name

    def begin_with(self, opening_m: float) -> None:
        """Has the jaws begin at this opening, not at the measured one: they may hold something."""
        self._reference.opening_m = opening_m

    def passed(self, name: str) -> bool:
        """Whether the phase of that name is over."""
        return self._index > self._number(name)

    def act(self) -> Array:
        """The next command [7]: joints 1-6 in rad, jaw opening in m. Call at the control rate."""
        measured = self._world.arm_positions(self.side)
        self._switch_phases(measured)
        aim = self._aim()
        self._limit_tracking_error(measured)
        if aim.pose is not None:
            self._move_tool(aim.pose, self._phases[self._index].speed)
        elif aim.joints is not None:
            self._move_joints(aim.joints)
        reference = self._reference
        step = GRIPPER_SPEED * self._dt
        reference.opening_m += float(np.clip(aim.opening_m - reference.opening_m, -step, step))
        return np.append(reference.joints, reference.opening_m)

    def _aim(self) -> Aim:
        aim = self._phases[self._index].aim
        return aim() if aim else Aim(joints=self._home[:6], opening_m=float(self._home[6]))

    def _switch_phases(self, measured: Array) -> None:
        for _ in range(len(self._phases)):
            phase = self._phases[self._index]
            elapsed = self._world.data.time - self._since
            if phase.skip and phase.skip():
                self._enter(self._index + 1)
            elif elapsed >= phase.timeout_s or (phase.abort and phase.abort()):
                back = phase.otherwise
                self._enter(self._number(back) if back else self._index + 1)
                return
            elif elapsed >= phase.pause_s and self._done(phase, measured):
                self._enter(self._index + 1)
            else:
                return

    def _done(self, phase: Phase, measured: Array) -> bool:
        if phase.until:
            return phase.until()
        aim = self._aim()
        wanted = aim.xyz
        tools = [self._kinematics.tool(q)[:3, 3] for q in (self._reference.joints, measured)]
        commanded, reached = (float(np.linalg.norm(tool - wanted)) for tool in tools)
        return commanded < phase.reach and reached < 2.0 * phase.reach

    def _enter(self, index: int) -> None:
        self._index = min(index, len(self._phases) - 1)
        self._since = self._world.data.time

    def _number(self, name: str) -> int:
        return [phase.name for phase in self._phases].index(name)

    def _limit_tracking_error(self, measured: Array) -> None:
        gap = self._reference.joints - measured[:6]
        largest = float(np.abs(gap).max())
        if largest > self._max_tracking_error_rad:
            self._reference.joints = measured[:6] + gap * (self._max_tracking_error_rad / largest)

    def _move_tool(self, wanted: Array, speed: float) -> None:
        reference = self._reference
        tool = self._kinematics.tool(reference.joints)
        turn = rotation_vector(wanted[:3, :3] @ tool[:3, :3].T)
        error = np.concatenate([wanted[:3, 3] - tool[:3, 3], METRES_PER_RADIAN * turn])
        step = self._dt * self._velocity(error, speed, ACCELERATION, in_joint_space=False)
        target = pose_from(
            rotation_about(step[3:] / METRES_PER_RADIAN) @ tool[:3, :3], tool[:3, 3] + step[:3]
        )
        solved = self._kinematics.inverse(target, reference.joints, iterations=6).joints
        limit = JOINT_SPEED * self._dt
        reference.joints = reference.joints + np.clip(solved - reference.joints, -limit, limit)

    def _move_joints(self, wanted: Array) -> None:
        reference = self._reference
        velocity = self._velocity(
            wanted - reference.joints, JOINT_SPEED, ANGULAR_ACCELERATION, in_joint_space=True
        )
        reference.joints = reference.joints + velocity * self._dt

    def _velocity(
        self, error: Array, speed: float, acceleration: float, in_joint_space: bool
    ) -> Array:
        """Velocity towards zero error: limited in speed and acceleration, braking in time."""
        reference = self._reference
        if reference.in_joint_space != in_joint_space:
            reference.velocity, reference.in_joint_space = np.zeros(6), in_joint_space
        distance = float(np.linalg.norm(error))
        wanted = np.zeros(6)
        if distance > 1e-9:
            braking = np.sqrt(2.0 * 0.7 * acceleration * distance)
            pace = min(speed, braking, distance / (2.0 * self._dt))
            wanted = error * (pace / distance)
        change = wanted - reference.velocity
        size = float(np.linalg.norm(change))
        limit = 2.0 * acceleration * self._dt
        reference.velocity = reference.velocity + change * min(1.0, limit / max(size, 1e-9))
        return reference.velocity
