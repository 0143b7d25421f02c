"""Short-hands for the shapes of a task's objects, with the right collision bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vega_description.arm import OBJECT_CONAFFINITY, OBJECT_CONTYPE

BOX = mujoco.mjtGeom.mjGEOM_BOX
CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE
CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
ELLIPSOID = mujoco.mjtGeom.mjGEOM_ELLIPSOID
SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE


def free_body(spec: mujoco.MjSpec, name: str) -> mujoco.MjsBody:
    """A body that moves freely; `World.place` puts it somewhere."""
    body = spec.worldbody.add_body(name=name)
    body.add_freejoint(name=name)
    return body


def solid(
    body: mujoco.MjsBody,
    kind: mujoco.mjtGeom,
    size: Sequence[float],
    rgb: Sequence[float],
    *,
    mass: float,
    **attributes: Any,
) -> mujoco.MjsGeom:
    """A shape that collides. `size` in m (MuJoCo's half sizes), `mass` in kg."""
    return body.add_geom(
        type=kind,
        size=_three(size),
        rgba=(*rgb, 1.0),
        mass=mass,
        contype=OBJECT_CONTYPE,
        conaffinity=OBJECT_CONAFFINITY,
        **attributes,
    )


def drawn(
    body: mujoco.MjsBody,
    kind: mujoco.mjtGeom,
    size: Sequence[float],
    rgb: Sequence[float] = (1.0, 1.0, 1.0),
    **attributes: Any,
) -> mujoco.MjsGeom:
    """A shape that is only seen: no contact, no mass."""
    return body.add_geom(
        type=kind,
        size=_three(size),
        rgba=(*rgb, 1.0),
        mass=0.0,
        contype=0,
        conaffinity=0,
        **attributes,
    )


def picture(spec: mujoco.MjSpec, name: str, pixels: NDArray[np.uint8]) -> str:
    """Adds a picture [H,W,3] as a material of that name, and returns the name.

    On the flat of a box, columns run along the geom's x axis and rows against its y axis.
    """
    height, width, _ = pixels.shape
    texture = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
    )
    texture.data = np.ascontiguousarray(pixels).tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def _three(size: Sequence[float]) -> tuple[float, ...]:
    return (*size, 0.0, 0.0)[:3]
