"""Short-hands for the shapes of a task's objects, with the right collision bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vega_description.arm import OBJECT_CONAFFINITY, OBJECT_CONTYPE
from vega_description.transforms import Array, quaternion, rpy_matrix

BOX = mujoco.mjtGeom.mjGEOM_BOX
CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE
CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
ELLIPSOID = mujoco.mjtGeom.mjGEOM_ELLIPSOID
MESH = mujoco.mjtGeom.mjGEOM_MESH
SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE

UNSEEN = 3  # geom group of collision shapes that a drawn mesh stands for; cameras leave it out


@dataclass(frozen=True)
class Surface:
    """A surface of triangles.

    Attributes:
        vertices: [N,3] m.
        faces: int [M,3], counter-clockwise seen from outside.
        uv: [N,2] place in a texture: column, then row, 0..1.
    """

    vertices: Array
    faces: NDArray[np.int64]
    uv: Array


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


def texture(spec: mujoco.MjSpec, name: str, pixels: NDArray[np.uint8]) -> str:
    """Adds an image [H,W,3] as a material of that name, and returns the name.

    On the flat of a box, columns run along the geom's x axis and rows against its y axis.
    """
    height, width, _ = pixels.shape
    added = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
    )
    added.data = np.ascontiguousarray(pixels).tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def revolved(profile: Sequence[tuple[float, float]], segments: int = 32) -> Surface:
    """What a profile sweeps out when it is turned about z: plates, bowls, vases.

    In a texture on it, columns run round the axis and rows along the profile.

    Args:
        profile: (radius, z) in m: from the middle of the bottom, up the outside, and over the
            edge down the inside to the middle again; a solid thing ends on the axis at its top.
        segments: pieces of the circle.
    """
    radius, z = np.array(profile).T
    angle = np.linspace(0.0, 2.0 * np.pi, segments + 1)
    x, y = np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))
    vertices = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1)
    along = np.cumsum(np.hypot(np.diff(radius, prepend=radius[0]), np.diff(z, prepend=z[0])))
    u, v = np.meshgrid(angle / angle[-1], along / along[-1])
    row, column = np.meshgrid(np.arange(len(z) - 1), np.arange(segments), indexing="ij")
    first = (row * (segments + 1) + column).ravel()
    above = first + segments + 1
    lower = np.stack([first, first + 1, above + 1], axis=1)[np.repeat(radius[:-1] > 0, segments)]
    upper = np.stack([first, above + 1, above], axis=1)[np.repeat(radius[1:] > 0, segments)]
    return Surface(
        vertices.reshape(-1, 3),
        np.concatenate([lower, upper]),
        np.stack([u, v], axis=-1).reshape(-1, 2),
    )


def mesh(spec: mujoco.MjSpec, name: str, surface: Surface) -> str:
    """Adds a surface as a mesh of that name for `drawn(body, MESH, (), meshname=...)`."""
    spec.add_mesh(
        name=name,
        uservert=surface.vertices.ravel(),
        userface=surface.faces.ravel(),
        usertexcoord=surface.uv.ravel(),
    )
    return name


def solid_ring(
    body: mujoco.MjsBody,
    radius: float,
    height: float,
    *,
    z: float,
    mass: float,
    lean: float = 0.0,
    thickness: float = 0.004,
    segments: int = 12,
    **attributes: Any,
) -> None:
    """A round wall that collides and is not seen, made of upright boxes.

    Args:
        body: carries the wall; the body's z is its axis.
        radius: of the middle of the wall, m.
        height: of the wall, along its slope.
        z: height of the middle of the wall.
        mass: of all boxes together, kg.
        lean: how far the wall leans outwards, rad.
        thickness: of the boxes.
        segments: number of boxes.
    """
    half_width = (radius + thickness) * np.tan(np.pi / segments)
    for angle in np.arange(segments) * 2.0 * np.pi / segments:
        solid(
            body,
            BOX,
            (thickness / 2, half_width, height / 2),
            (0.5, 0.5, 0.5),
            mass=mass / segments,
            pos=(radius * np.cos(angle), radius * np.sin(angle), z),
            quat=quaternion(rpy_matrix((0.0, lean, angle))),
            group=UNSEEN,
            **attributes,
        )


def _three(size: Sequence[float]) -> tuple[float, ...]:
    return (*size, 0.0, 0.0)[:3]
