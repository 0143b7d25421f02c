"""What the driver of one arm is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import hw_config
from hw_config.schema import Following

FOLLOWER, LEADER = "follower", "leader"


@dataclass(frozen=True)
class DriverConfig:
    """What the driver of one arm is told.

    Attributes:
        arm: `left` or `right`.
        joint_names: Joints 1-6 and gripper, as ROS knows them.
        channel: The CAN interface.
        role: `follower`: there is a follower on this bus, and perhaps a leader with it. `leader`:
            there is a leader alone; nothing is ever commanded.
        lower: Joints 1-6 rad, gripper m.
        upper: Joints 1-6 rad, gripper m.
        velocity: rad/s, gripper m/s.
        gripper_stroke_m: Largest opening of the gripper that is mounted.
        mount: `flat`, `left` or `right`: the side of the arm that is down.
        high_follow: The arm follows each target at once instead of planning towards it.
        speed_percent: Of the arm's own speed limit.
        gripper_effort: N m.
        following: When the arm is taken not to follow.
    """

    arm: str
    joint_names: tuple[str, ...]
    channel: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    gripper_stroke_m: float = 0.07
    role: str = FOLLOWER
    mount: str = "flat"
    high_follow: bool = False
    speed_percent: int = 100
    gripper_effort: float = 1.0
    following: Following = field(default_factory=Following)

    @property
    def gripper_stroke_mm(self) -> int:
        """Largest opening of the gripper, as the arm is told it: 70 or 100."""
        return round(1000 * self.gripper_stroke_m)

    @classmethod
    def from_hardware(
        cls, hardware: hw_config.HardwareConfig, arm: str, **others: object
    ) -> DriverConfig:
        """The driver of one arm of the cell; `others` are fields that hw_config does not tell.

        Its channel, unless given: the follower's bus, or with role `leader` that of the leader.

        Raises:
            hw_config.ConfigError: The cell has no such arm, or its leader has no bus of its own.
        """
        if arm not in hardware.arms:
            raise hw_config.ConfigError(
                f"unknown arm {arm!r}; the arms are: {', '.join(hardware.arms)}"
            )
        mine = next(config for name, config in hardware.arms.items() if name == arm)
        start = hardware.joint_names.index(mine.joint_names[0])
        place = slice(start, start + len(mine.joint_names))
        channel = mine.leader_can if others.get("role") == LEADER else mine.can
        given: dict = {"channel": channel, **others}
        if given["channel"] is None:
            raise hw_config.ConfigError(
                f"the {arm} leader has no bus of its own (topology {hardware.topology}): its "
                f"follower's driver hears it on {mine.can}. Otherwise set topology: bus_per_arm "
                "and leader_can in arms.yaml"
            )
        return cls(
            arm=arm,
            joint_names=mine.joint_names,
            lower=hardware.limits.lower[place],
            upper=hardware.limits.upper[place],
            velocity=hardware.limits.velocity[place],
            gripper_stroke_m=hardware.gripper_stroke_m,
            following=hardware.limits.following,
            mount=mine.mount,
            **given,
        )
