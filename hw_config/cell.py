"""The whole cell, and what in it contradicts something else; each has the key to blame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hw_config.schema import (
    ARM_NAMES,
    JOINTS_PER_ARM,
    ArmConfig,
    CameraConfig,
    ConfigProblem,
    Contradiction,
    Key,
    Limits,
    Rates,
    RecordingConfig,
    StrictModel,
    Workspace,
)

GRIPPER_STROKES_M = (0.07, 0.1)


class HardwareConfig(StrictModel):
    """The whole cell."""

    arms: dict[Literal["left", "right"], ArmConfig]
    cameras: dict[str, CameraConfig] = Field(description="in the order of cameras.yaml")
    limits: Limits
    rates: Rates
    workspace: Workspace
    recording: RecordingConfig
    gripper_stroke_m: float = Field(description="largest opening of the grippers, m")
    topology: Literal["shared_bus", "bus_per_arm"] = Field(
        default="shared_bus",
        description="a leader and its follower share a CAN bus, or each arm has its own",
    )

    @field_validator("gripper_stroke_m")
    @classmethod
    def _known_gripper(cls, value: float) -> float:
        if value not in GRIPPER_STROKES_M:
            known = " or ".join(map(str, GRIPPER_STROKES_M))
            raise ValueError(f"the Piper's grippers open {known} m, got {value}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> HardwareConfig:
        if tuple(self.arms) != ARM_NAMES:
            text = f"expected {', '.join(ARM_NAMES)} in this order, got {', '.join(self.arms)}"
            raise Contradiction([ConfigProblem(("arms",), text)])
        if not self.cameras:
            raise Contradiction(
                [ConfigProblem(("cameras",), "expected at least one camera, as 'head'")]
            )
        _check(self)
        return self

    @property
    def overview_camera(self) -> CameraConfig:
        """The first camera that no arm carries; the first of all where every one is carried."""
        standing = (camera for camera in self.cameras.values() if camera.arm is None)
        return next(standing, next(iter(self.cameras.values())))

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The 14 names: left joints 1-6, left gripper, right joints 1-6, right gripper."""
        return tuple(name for arm in self.arms.values() for name in arm.joint_names)

    @property
    def home(self) -> tuple[float, ...]:
        """Resting posture of both arms [14]: rad, gripper in m."""
        return tuple(q for arm in self.arms.values() for q in arm.home)


def _check(hardware: HardwareConfig) -> None:
    """Refuses a cell that contradicts itself.

    Raises:
        Contradiction: With every problem found.
    """
    problems = [*_duplicates(hardware), *_topology(hardware), *_lengths(hardware)]
    if not problems:
        problems = [*_homes(hardware), *_grippers(hardware)]
    if problems:
        raise Contradiction(problems)


def _duplicates(hardware: HardwareConfig) -> Iterator[ConfigProblem]:
    arms, cameras = hardware.arms.items(), hardware.cameras.items()
    joints = [(("arms", a, "joint_names"), name) for a, arm in arms for name in arm.joint_names]
    yield from _repeated("joint name", joints)
    buses = [(("arms", name, "can"), arm.can) for name, arm in arms]
    buses += [(("arms", n, "leader_can"), arm.leader_can) for n, arm in arms if arm.leader_can]
    yield from _repeated("CAN interface", buses)
    for field in ("serial", "namespace", "dataset_key"):
        values = [(("cameras", name, field), getattr(camera, field)) for name, camera in cameras]
        yield from _repeated(f"camera {field}", values)


def _repeated(what: str, values: Iterable[tuple[Key, str]]) -> Iterator[ConfigProblem]:
    first: dict[str, Key] = {}
    for key, value in values:
        if value in first:
            yield ConfigProblem(
                key, f"{what} used more than once: {value}, see {'.'.join(first[value])}"
            )
        else:
            first[value] = key


def _topology(hardware: HardwareConfig) -> Iterator[ConfigProblem]:
    shared = hardware.topology == "shared_bus"
    for name, arm in hardware.arms.items():
        if shared and arm.leader_can is not None:
            yield ConfigProblem(
                ("arms", name, "leader_can"),
                "with topology shared_bus the leader is on the follower's bus; drop the key, or "
                "set topology: bus_per_arm",
            )
        if not shared and arm.leader_can is None:
            yield ConfigProblem(
                ("arms", name), "topology bus_per_arm needs leader_can, the leader's own bus"
            )


def _lengths(hardware: HardwareConfig) -> Iterator[ConfigProblem]:
    for field in ("lower", "upper", "velocity", "acceleration", "jerk"):
        count = len(getattr(hardware.limits, field)) // len(hardware.arms)
        if count != JOINTS_PER_ARM:
            yield ConfigProblem(
                ("limits", field), f"limits.{field} needs {JOINTS_PER_ARM} values, got {count}"
            )


def _homes(hardware: HardwareConfig) -> Iterator[ConfigProblem]:
    limits = zip(hardware.limits.lower, hardware.limits.upper)
    for arm_name, arm in hardware.arms.items():
        for name, q in zip(arm.joint_names, arm.home):
            low, high = next(limits)
            if not low <= q <= high:
                yield ConfigProblem(
                    ("arms", arm_name, "home"),
                    f"home of {name} is {q}, outside its limits {low} .. {high}",
                )


def _grippers(hardware: HardwareConfig) -> Iterator[ConfigProblem]:
    stroke, opening = hardware.gripper_stroke_m, hardware.limits.upper[JOINTS_PER_ARM - 1]
    if opening > stroke:
        yield ConfigProblem(
            ("limits", "upper"),
            f"the gripper may open {opening} m, but its stroke is {stroke} m (arms.yaml, "
            "gripper_stroke_m)",
        )
