"""MJCF of the Cobot Magic cell: floor, stand, table, both follower arms, head mast, cameras.

The world frame is `footprint`: x forward, y left, z up, on the floor. The cell is built from the
hardware configuration, so a camera or an arm that moves there moves here.
"""

from __future__ import annotations

import mujoco
import numpy as np

from hw_config import CameraConfig, HardwareConfig
from vega_description import piper
from vega_description.arm import DARK, OBJECT_CONAFFINITY, OBJECT_CONTYPE, SHELL, add_arm
from vega_description.transforms import pose, pose_from, quaternion

_BOX = mujoco.mjtGeom.mjGEOM_BOX

TABLE_TOP_M = 0.75  # a little below the arms' bases, so that both reach down to it
TABLE_CENTRE_XY = (0.70, 0.0)
TABLE_HALF_SIZE = (0.36, 0.62, 0.02)

# MuJoCo's cameras look along -z with y up; a camera body looks along x with z up.
_LENS_IN_BODY = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def build_cell(hw: HardwareConfig, *, near_m: float = 0.02, far_m: float = 12.0) -> mujoco.MjSpec:
    """Builds the empty cell; angles in the scene are in rad.

    Bodies: `table` (origin on its top, so that moving the body changes the table's height),
    `stand`, `<side>_base_link`, `<side>_link1..6`, `<side>_finger1/2`. Cameras: those of `hw`, by
    name. Materials `table` and `floor` and the light `key_light` are there to be varied.

    Args:
        hw: the cell's hardware configuration.
        near_m, far_m: clipping distances of the cameras.

    Raises:
        ValueError: A camera is mounted on a frame that the cell does not have.
    """
    spec = mujoco.MjSpec()
    spec.modelname = "cobot_magic"
    _set_options(spec, near_m, far_m)
    frame_buffer = spec.visual.global_
    frame_buffer.offwidth = max(camera.width for camera in hw.cameras.values())
    frame_buffer.offheight = max(camera.height for camera in hw.cameras.values())
    _add_surroundings(spec)
    for side, arm in hw.arms.items():
        add_arm(spec, side, arm.base_xyz, arm.base_rpy, hw.gripper_stroke_m)
    for camera in hw.cameras.values():
        _add_camera(spec, camera)
    return spec


def _set_options(spec: mujoco.MjSpec, near_m: float, far_m: float) -> None:
    spec.compiler.degree = False
    option, visual = spec.option, spec.visual
    option.timestep = 0.0025
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    option.iterations = 30
    option.ls_iterations = 20
    visual.quality.offsamples = 0
    visual.quality.shadowsize = 0
    visual.quality.numslices = 16
    visual.quality.numstacks = 8
    visual.headlight.ambient = (0.45, 0.45, 0.45)
    visual.headlight.diffuse = (0.25, 0.25, 0.25)
    visual.headlight.specular = (0.0, 0.0, 0.0)
    spec.stat.extent = 1.0
    spec.stat.center = (0.5, 0.0, 0.8)
    visual.map.znear, visual.map.zfar = near_m, far_m
    visual.map.haze = 0.0


def _add_surroundings(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    world.add_light(
        name="key_light",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=(0.2, 0.5, 2.5),
        dir=(0.25, -0.3, -1.0),
        diffuse=(0.55, 0.55, 0.52),
        specular=(0.1, 0.1, 0.1),
        castshadow=False,
    )
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.78, 0.82, 0.86),
        rgb2=(0.52, 0.55, 0.60),
        width=32,
        height=192,
    )
    spec.add_material(name="floor", rgba=(0.46, 0.48, 0.52, 1.0))
    spec.add_material(name="table", rgba=(0.80, 0.68, 0.52, 1.0))
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(4.0, 4.0, 0.1),
        material="floor",
        contype=OBJECT_CONTYPE,
        conaffinity=OBJECT_CONAFFINITY,
    )
    table = world.add_body(name="table", pos=(*TABLE_CENTRE_XY, TABLE_TOP_M))
    table.add_geom(
        name="table_top",
        type=_BOX,
        pos=(0, 0, -TABLE_HALF_SIZE[2]),
        size=TABLE_HALF_SIZE,
        material="table",
        contype=OBJECT_CONTYPE,
        conaffinity=OBJECT_CONAFFINITY,
        friction=(0.8, 0.005, 0.0001),
    )
    for x in (-0.32, 0.32):
        for y in (-0.58, 0.58):
            _visual_box(table, (x, y, -0.40), (0.02, 0.02, 0.36), DARK)
    stand = world.add_body(name="stand")
    _visual_box(stand, (0.20, 0.0, 0.755), (0.13, 0.42, 0.0225), (0.30, 0.32, 0.36, 1.0))
    _visual_box(stand, (0.10, 0.0, 0.37), (0.22, 0.30, 0.36), SHELL)
    _visual_box(stand, (-0.04, 0.0, 1.08), (0.02, 0.02, 0.35), DARK)


def _visual_box(
    body: mujoco.MjsBody,
    centre: tuple[float, float, float],
    half_size: tuple[float, float, float],
    rgba: tuple[float, float, float, float],
) -> None:
    body.add_geom(type=_BOX, pos=centre, size=half_size, rgba=rgba, contype=0, conaffinity=0)


def _add_camera(spec: mujoco.MjSpec, camera: CameraConfig) -> None:
    body, mount = _mount(spec, camera.parent)
    lens = mount @ pose(camera.xyz, camera.rpy) @ pose_from(_LENS_IN_BODY, np.zeros(3))
    body.add_camera(
        name=camera.name,
        pos=lens[:3, 3],
        quat=quaternion(lens[:3, :3]),
        fovy=camera.vertical_fov_deg,
        resolution=(camera.width, camera.height),
    )


def _mount(spec: mujoco.MjSpec, frame: str) -> tuple[mujoco.MjsBody, np.ndarray]:
    """The body that carries a frame, and the frame's pose in that body."""
    if frame == "footprint":
        return spec.worldbody, np.eye(4)
    side, _, part = frame.partition("_")
    if part == "flange":
        flange = pose_from(np.array(piper.FLANGE_IN_LINK6), np.zeros(3))
        return _body(spec, f"{side}_link6", frame), flange
    return _body(spec, frame, frame), np.eye(4)


def _body(spec: mujoco.MjSpec, name: str, frame: str) -> mujoco.MjsBody:
    body = spec.body(name)
    if body is None:
        raise ValueError(
            f"a camera is mounted on {frame!r}, which is no frame of the cell; use footprint, "
            "<side>_flange, <side>_base_link or <side>_link1..6"
        )
    return body
