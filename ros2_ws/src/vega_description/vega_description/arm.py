"""MJCF of one Piper follower arm with gripper, in primitive shapes.

Joints `<side>_joint1..6` and the two finger slides `<side>_finger1/2`; one position servo each for
the six joints and one, `<side>_gripper`, on the tendon whose length is the jaw opening in metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from vega_description import piper
from vega_description.transforms import quaternion, rpy_matrix

# Collision bits: objects meet everything, an arm meets objects and the other arm, never itself.
OBJECT_CONTYPE, OBJECT_CONAFFINITY = 1, 7
_ARM_BITS = {"left": (2, 1 | 4), "right": (4, 1 | 2)}

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE
_CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER

SHELL = (0.90, 0.91, 0.93, 1.0)
DARK = (0.17, 0.18, 0.21, 1.0)
RUBBER = (0.08, 0.08, 0.09, 1.0)
ACCENTS = {"left": (0.15, 0.48, 0.86, 1.0), "right": (0.95, 0.47, 0.13, 1.0)}


@dataclass(frozen=True)
class Servo:
    """Position servo of one joint: N m (or N) per rad (or m), and its reflected inertia."""

    stiffness: float
    damping: float
    force: float
    armature: float


# Stiffness and damping give every joint a lag of about 50 ms behind a moving target.
_SERVOS = (
    Servo(400.0, 18.0, 40.0, 0.10),
    Servo(400.0, 18.0, 40.0, 0.10),
    Servo(400.0, 18.0, 40.0, 0.10),
    Servo(80.0, 3.6, 12.0, 0.02),
    Servo(80.0, 3.6, 12.0, 0.02),
    Servo(40.0, 1.8, 12.0, 0.01),
)
_GRIPPER = Servo(900.0, 36.0, 14.0, 0.25)


def add_arm(
    spec: mujoco.MjSpec,
    side: str,
    base_xyz: Sequence[float],
    base_rpy: Sequence[float],
    stroke_m: float,
) -> None:
    """Adds one arm to a scene.

    Args:
        spec: the scene; its world frame is `footprint`.
        side: "left" or "right", the prefix of every name and the colour of the accents.
        base_xyz, base_rpy: pose of the base, m and rad.
        stroke_m: largest jaw opening.
    """
    _Builder(spec, side).build(base_xyz, base_rpy, stroke_m)


class _Builder:
    def __init__(self, spec: mujoco.MjSpec, side: str) -> None:
        self.spec = spec
        self.side = side
        self.accent = ACCENTS[side]
        self.collides = False

    def build(self, base_xyz: Sequence[float], base_rpy: Sequence[float], stroke_m: float) -> None:
        base = self.spec.worldbody.add_body(
            name=f"{self.side}_base_link", pos=base_xyz, quat=quaternion(rpy_matrix(base_rpy))
        )
        self._shape(base, _CYLINDER, (0, 0, 0), (0, 0, 0.022), 0.075, DARK)
        self._shape(base, _CYLINDER, (0, 0, 0.022), (0, 0, 0.078), 0.056, SHELL)
        self._shape(base, _CYLINDER, (0, 0, 0.060), (0, 0, 0.068), 0.058, self.accent)
        link = base
        decorate = (self._link1, self._link2, self._link3, self._link4, self._link5, self._link6)
        for number, draw in enumerate(decorate, start=1):
            link = self._link(link, number)
            self.collides = number >= 3
            draw(link)
        for number in (1, 2):
            self._finger(link, number, stroke_m)
        self._tie_fingers(stroke_m)

    def _link(self, parent: mujoco.MjsBody, number: int) -> mujoco.MjsBody:
        joint, servo = piper.JOINTS[number - 1], _SERVOS[number - 1]
        body = parent.add_body(
            name=f"{self.side}_link{number}",
            pos=joint.xyz,
            quat=quaternion(rpy_matrix(joint.rpy)),
            gravcomp=1.0,
        )
        _set_inertia(body, piper.LINK_INERTIAS[number - 1])
        name = f"{self.side}_joint{number}"
        body.add_joint(
            name=name,
            axis=(0, 0, joint.sign),
            range=(joint.lower, joint.upper),
            limited=True,
            armature=servo.armature,
        )
        self._servo(name, mujoco.mjtTrn.mjTRN_JOINT, name, servo, (joint.lower, joint.upper))
        return body

    def _finger(self, link6: mujoco.MjsBody, number: int, stroke_m: float) -> None:
        i = number - 1
        sign = piper.FINGER_AXIS_SIGNS[i]
        finger = link6.add_body(
            name=f"{self.side}_finger{number}",
            pos=(0, 0, piper.TOOL_OFFSET_M),
            quat=quaternion(rpy_matrix(piper.FINGER_RPY[i])),
            gravcomp=1.0,
        )
        _set_inertia(finger, piper.FINGER_INERTIAS[i])
        finger.add_joint(
            name=f"{self.side}_finger{number}",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(0, 0, sign),
            range=sorted((0.0, sign * stroke_m / 2)),
            limited=True,
            armature=_GRIPPER.armature,
        )
        # Along y the finger runs from its tip (0) back to the gripper body, along z outwards.
        back = -1.0 if number == 1 else 1.0
        self._box(finger, (0, back * 0.036, 0.0095), (0.0105, 0.036, 0.0055), DARK)
        self._box(finger, (0, back * 0.020, 0.0020), (0.0105, 0.020, 0.0020), RUBBER, grip=True)
        self.collides = False
        self._box(finger, (0, back * 0.062, 0.0095), (0.0112, 0.004, 0.006), self.accent)
        self.collides = True

    def _tie_fingers(self, stroke_m: float) -> None:
        side = self.side
        tendon = self.spec.add_tendon(name=f"{side}_opening")
        tendon.wrap_joint(f"{side}_finger1", -1.0)
        tendon.wrap_joint(f"{side}_finger2", 1.0)
        name = f"{side}_gripper"
        self._servo(name, mujoco.mjtTrn.mjTRN_TENDON, tendon.name, _GRIPPER, (0.0, stroke_m))
        mirror = self.spec.add_equality(
            name=f"{side}_fingers",
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=f"{side}_finger2",
            name2=f"{side}_finger1",
        )
        mirror.data[:2] = (0.0, -1.0)

    def _servo(
        self,
        name: str,
        transmission: mujoco.mjtTrn,
        target: str,
        servo: Servo,
        span: tuple[float, float],
    ) -> None:
        actuator = self.spec.add_actuator(name=name, trntype=transmission, target=target)
        actuator.set_to_position(kp=servo.stiffness, kv=servo.damping)
        actuator.ctrllimited, actuator.ctrlrange = True, span
        actuator.forcelimited, actuator.forcerange = True, (-servo.force, servo.force)

    def _link1(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.045), (0, 0, -0.005), 0.047, DARK)
        self._shape(body, _CYLINDER, (-0.052, 0, 0), (0.052, 0, 0), 0.046, SHELL)

    def _link2(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.058), (0, 0, 0.058), 0.030, DARK)
        self._shape(body, _CAPSULE, (0.035, 0, 0), (0.255, 0, 0), 0.034, SHELL)
        self._shape(body, _CYLINDER, (0.135, 0, 0), (0.150, 0, 0), 0.0355, self.accent)

    def _link3(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.046), (0, 0, 0.046), 0.038, DARK)
        self._shape(body, _CAPSULE, (0.006, 0.040, 0), (0.021, 0.200, 0), 0.029, SHELL)

    def _link4(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.042), (0, 0, 0.004), 0.031, DARK)

    def _link5(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.036), (0, 0, 0.036), 0.029, DARK)
        self._shape(body, _CAPSULE, (0, 0.024, 0), (0, 0.062, 0), 0.027, SHELL)

    def _link6(self, body: mujoco.MjsBody) -> None:
        self._shape(body, _CYLINDER, (0, 0, -0.006), (0, 0, 0.022), 0.030, DARK)
        self._box(body, (0, 0, 0.042), (0.050, 0.021, 0.020), SHELL)
        self._box(body, (0, 0, 0.063), (0.052, 0.015, 0.004), DARK)
        self.collides = False
        self._box(body, (0, 0.042, 0.012), (0.010, 0.030, 0.004), DARK)  # camera bracket
        self._box(body, (0, 0.082, 0.010), (0.021, 0.012, 0.009), DARK)
        self.collides = True

    def _shape(
        self,
        body: mujoco.MjsBody,
        kind: mujoco.mjtGeom,
        start: Sequence[float],
        end: Sequence[float],
        radius: float,
        rgba: Sequence[float],
    ) -> None:
        contype, conaffinity = self._bits()
        body.add_geom(
            type=kind,
            fromto=(*start, *end),
            size=(radius, 0, 0),
            rgba=rgba,
            contype=contype,
            conaffinity=conaffinity,
        )

    def _box(
        self,
        body: mujoco.MjsBody,
        centre: Sequence[float],
        half_size: Sequence[float],
        rgba: Sequence[float],
        grip: bool = False,
    ) -> None:
        contype, conaffinity = self._bits()
        geom = body.add_geom(
            type=_BOX,
            pos=centre,
            size=half_size,
            rgba=rgba,
            contype=contype,
            conaffinity=conaffinity,
        )
        if grip:
            geom.condim = 4
            geom.friction = (1.5, 0.02, 0.0001)
            geom.priority = 1

    def _bits(self) -> tuple[int, int]:
        return _ARM_BITS[self.side] if self.collides else (0, 0)


def _set_inertia(body: mujoco.MjsBody, inertia: piper.Inertia) -> None:
    body.explicitinertial = True
    body.mass = inertia.mass
    body.ipos = inertia.com
    body.fullinertia = np.array(inertia.moments)
