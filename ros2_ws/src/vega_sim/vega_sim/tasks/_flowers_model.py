"""The vase, the stands and the flowers of `flowers_to_vase` as MuJoCo bodies."""

from __future__ import annotations

import math

import mujoco
import numpy as np
from vega_description.transforms import quaternion, rpy_matrix

from vega_sim import shapes
from vega_sim.textures import Texture

STEM_LENGTH, STEM_RADIUS = 0.24, 0.004  # m; a flower's origin is its cut end, z runs up the stem
VASE_HEIGHT, MOUTH_RADIUS, WALL = 0.115, 0.022, 0.008  # radius inside, m
LEAN = math.radians(40.0)  # of a stem in its stand, from level
FORK, STAND_FLOOR = 0.18, 0.012  # where a stand holds the stem, from its end; height of that end

_GREEN, _LEAF, _HEART = (0.20, 0.48, 0.16), (0.30, 0.62, 0.22), (0.42, 0.24, 0.08)
_WOOD = (0.50, 0.33, 0.20)
_TOP = STEM_LENGTH + 0.006
PETALS = 6
SHADES = (1.0, 0.88)  # of petals in turn
STAND_PARTS = ("floor", "stop", "bar", "post_left", "post_right")


def build_vase(spec: mujoco.MjSpec) -> None:
    vase = shapes.free_body(spec, "vase")
    profile = [(0, 0), (0.034, 0), (0.041, 0.018), (0.044, 0.036), (0.041, 0.054), (0.033, 0.074)]
    profile += [(0.0275, 0.090), (0.0265, 0.100), (0.030, VASE_HEIGHT), (0.027, VASE_HEIGHT)]
    profile += [(MOUTH_RADIUS, 0.105), (MOUTH_RADIUS, 0.01), (0, 0.01)]
    shapes.drawn(
        vase,
        shapes.MESH,
        (),
        meshname=shapes.mesh(spec, "vase", shapes.revolved(profile, segments=24)),
        material=shapes.texture(spec, "vase", _porcelain()),
        name="vase_glaze",
    )
    foot = (0.040, 0.004)
    shapes.solid(
        vase, shapes.CYLINDER, foot, _WOOD, mass=0.8, pos=(0, 0, 0.004), group=shapes.UNSEEN
    ).friction = (1.0, 0.005, 0.0001)
    shapes.solid_ring(
        vase,
        MOUTH_RADIUS + WALL / 2,
        VASE_HEIGHT - 0.008,
        z=(VASE_HEIGHT + 0.008) / 2,
        mass=0.3,
        thickness=WALL,
        segments=10,
    )


def build_stand(spec: mujoco.MjSpec, name: str) -> None:
    """A floor board with a stop for the stem's end and a fork; x runs with the stem."""
    stand = shapes.free_body(spec, name)
    fork_x, fork_z = FORK * math.cos(LEAN), FORK * math.sin(LEAN) + STAND_FLOOR
    bar_z = fork_z - (STEM_RADIUS + 0.004) / math.cos(LEAN)
    top = bar_z + 0.022
    boxes = {
        "floor": ((fork_x / 2 - 0.006, 0, 0.004), (fork_x / 2 + 0.022, 0.034, 0.004)),
        "stop": ((-0.012, 0, 0.013), (0.006, 0.014, 0.013)),
        "post_left": ((fork_x, 0.012, top / 2), (0.005, 0.004, top / 2)),
        "post_right": ((fork_x, -0.012, top / 2), (0.005, 0.004, top / 2)),
    }
    for part, (pos, size) in boxes.items():
        shapes.solid(
            stand,
            shapes.BOX,
            size,
            _WOOD,
            mass=1.0 if part == "floor" else 0.03,
            pos=pos,
            name=f"{name}_{part}",
        ).friction = (1.0, 0.005, 0.0001)
    shapes.solid(
        stand,
        shapes.CAPSULE,
        (0.004,),
        _WOOD,
        mass=0.02,
        fromto=(fork_x, -0.012, bar_z, fork_x, 0.012, bar_z),
        name=f"{name}_bar",
    )


def build_flower(spec: mujoco.MjSpec, name: str, rgb: tuple[float, float, float]) -> None:
    """Stem, two leaves, a blossom of six petals; arms pass through petals, which would yield."""
    flower = shapes.free_body(spec, name)
    shapes.solid(
        flower,
        shapes.CAPSULE,
        (STEM_RADIUS,),
        _GREEN,
        mass=0.024,
        fromto=(0, 0, 0, 0, 0, STEM_LENGTH),
        name=f"{name}_stem",
        priority=2,
        condim=4,
        friction=(1.3, 0.02, 0.0001),
        solref=(0.006, 1.0),
        solimp=(0.95, 0.99, 0.001, 0.5, 2.0),
    )
    for side in (1, -1):
        tilt = side * 0.6
        shapes.drawn(
            flower,
            shapes.ELLIPSOID,
            (0.004, 0.010, 0.026),
            _LEAF,
            pos=(0, side * 0.018, 0.185 + side * 0.008),
            quat=quaternion(rpy_matrix((-tilt, 0, 0))),
        )
    heart = shapes.solid(
        flower, shapes.ELLIPSOID, (0.012, 0.012, 0.008), _HEART, mass=0.006, pos=(0, 0, _TOP)
    )
    heart.contype = 0  # meets the table and the vase, not arms and other blossoms
    for petal in range(PETALS):
        turn = rpy_matrix((0, 0, 2 * math.pi * petal / PETALS))
        shade = SHADES[petal % 2]
        shapes.drawn(
            flower,
            shapes.ELLIPSOID,
            (0.017, 0.012, 0.004),
            tuple(shade * c for c in rgb),
            pos=turn @ (0.021, 0, _TOP + 0.004),
            quat=quaternion(turn @ rpy_matrix((0, -0.45, 0))),
            name=f"{name}_petal{petal}",
        )


def _porcelain(height: int = 64, width: int = 128) -> Texture:
    """White with blue bands and dots; rows run from the foot up the outside and down the inside."""
    texture = np.full((height, width, 3), (240, 242, 246), np.uint8)
    blue = (44, 92, 176)
    texture[12:14] = texture[30:32] = blue
    for dot in range(8):
        row, column = np.ogrid[:height, :width]
        middle = (dot + 0.5) * width / 8
        texture[((row - 22) / 4.0) ** 2 + ((column - middle) / 4.5) ** 2 < 1] = blue
    texture[46:] = (70, 74, 84)  # the inside is in the dark
    return texture
