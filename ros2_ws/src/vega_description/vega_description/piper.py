"""Numbers of one Piper arm: joints, limits and link inertias, from the public URDF."""

from __future__ import annotations

from dataclasses import dataclass

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class Joint:
    """A revolute joint about its own z axis.

    Attributes:
        xyz, rpy: pose of the child link in the parent link at zero, m and rad.
        sign: +1 or -1, direction of the axis along z.
        lower, upper: range of the mechanism in rad (hw_config's limits lie inside it).
    """

    xyz: Vector3
    rpy: Vector3
    sign: int
    lower: float
    upper: float


@dataclass(frozen=True)
class Inertia:
    """Mass (kg), centre of mass (m) and inertia xx yy zz xy xz yz (kg m^2) in the link's frame."""

    mass: float
    com: Vector3
    moments: tuple[float, float, float, float, float, float]


JOINTS = (
    Joint((0.0, 0.0, 0.123), (0.0, 0.0, -1.5708), 1, -2.618, 2.618),
    Joint((0.0, 0.0, 0.0), (1.5708, -0.10095, -1.5708), 1, 0.0, 3.14),
    Joint((0.28503, 0.0, 0.0), (0.0, 0.0, 1.3826), 1, -2.967, 0.0),
    Joint((0.021984, 0.25075, 0.0), (-1.5708, 0.0, 0.0), -1, -1.832, 1.832),
    Joint((0.0, 0.0, 0.0), (1.5708, -0.087266, 0.0), 1, -1.22, 1.22),
    Joint((0.0, 0.091, 0.0014165), (-1.5708, -1.5708, 0.0), -1, -3.14, 3.14),
)

# Fingers slide along link6's x axis. The tool frame lies between the two finger tips.
TOOL_OFFSET_M = 0.13503
FINGER_RPY = ((1.5708, 0.0, 1.5708), (-1.5708, 0.0, 1.5708))
FINGER_RANGES_M = ((-0.038, 0.0), (0.0, 0.038))
FINGER_AXIS_SIGNS = (-1, 1)

# Rotation of the flange frame (x along the approach, y left, z up) in link6.
FLANGE_IN_LINK6 = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))

LINK_INERTIAS = (
    Inertia(
        0.09787,
        (0.00132, 0.00031, -0.00923),
        (7.77e-05, 9.25e-05, 8.25e-05, 1.09e-07, -1.97e-06, 9.91e-07),
    ),
    Inertia(
        0.28957,
        (0.14762, -0.01743, 0.00176),
        (0.00015, 0.00173, 0.00177, 8.59e-05, -1.07e-06, -9.94e-07),
    ),
    Inertia(
        0.29058,
        (0.01567, 0.10447, 0.00051),
        (0.000222, 0.000101, 0.000242, -7.57e-06, -6.37e-07, -8.16e-07),
    ),
    Inertia(
        0.12709,
        (0.00028, -0.00103, -0.00473),
        (3.82e-05, 4.87e-05, 4.11e-05, -4.92e-08, 4.9e-08, 6.71e-08),
    ),
    Inertia(
        0.14471,
        (0.00009, 0.05668, -0.00196),
        (4.4e-05, 5.63e-05, 4.89e-05, -3.59e-08, -1.9e-08, -2.15e-07),
    ),
    Inertia(
        0.1502,
        (0.0, 0.00034, 0.03421),
        (4.32e-05, 0.0001, 0.000118, -2.21e-08, -3.28e-12, 1.1e-07),
    ),
)
FINGER_INERTIAS = (
    Inertia(
        0.02648,
        (-0.00028, -0.04677, -0.00921),
        (1e-05, 6.18e-06, 1.42e-05, -1.58e-07, -2.71e-08, -1.59e-06),
    ),
    Inertia(
        0.02648,
        (0.00028, 0.04677, -0.00921),
        (1e-05, 6.18e-06, 1.42e-05, -1.58e-07, 2.71e-08, 1.59e-06),
    ),
)
