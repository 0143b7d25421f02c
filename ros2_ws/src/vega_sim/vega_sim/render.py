"""Camera images of a scene on the CPU: colour, depth and labels from one OpenGL context."""

from __future__ import annotations

import ctypes.util
import importlib
import os
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

_FLAG = mujoco.mjtRndFlag
_OFF = (_FLAG.mjRND_SHADOW, _FLAG.mjRND_REFLECTION, _FLAG.mjRND_HAZE, _FLAG.mjRND_FOG)


class RenderError(RuntimeError):
    """No OpenGL library can be used, or an image larger than the frame buffer was asked for."""


def side_by_side(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images [height, width, 3] from left to right in one; shorter ones end in black."""
    tallest = max(len(image) for image in images)
    return np.hstack([np.pad(i, ((0, tallest - len(i)), (0, 0), (0, 0))) for i in images])


class Renderer:
    """Renders the cameras of one model. Use it in the thread that made it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        buffer = model.vis.global_
        self._size = (buffer.offheight, buffer.offwidth)
        self._gl = _gl_context(buffer.offwidth, buffer.offheight)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model=model, maxgeom=2000)
        for flag in _OFF:
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def colour(
        self, data: mujoco.MjData, camera: str, height: int, width: int
    ) -> NDArray[np.uint8]:
        """Colour image [height, width, 3] of a camera."""
        rect = self._aim(data, camera, height, width, squash=False)
        mujoco.mjr_render(rect, self._scene, self._context)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, rect, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def depth_and_geoms(
        self, data: mujoco.MjData, camera: str, height: int, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Depth along the optical axis in m and geom ids (-1: nothing), both [height, width].

        The camera's whole 4:3 view is squashed to the size asked for, as a squashed colour image.
        """
        rect = self._aim(data, camera, height, width, squash=True)
        flags = self._scene.flags
        flags[_FLAG.mjRND_SEGMENT] = flags[_FLAG.mjRND_IDCOLOR] = 1
        mujoco.mjr_render(rect, self._scene, self._context)
        flags[_FLAG.mjRND_SEGMENT] = flags[_FLAG.mjRND_IDCOLOR] = 0
        pixels = np.empty((height, width, 3), np.uint8)
        buffer = np.empty((height, width), np.float32)
        mujoco.mjr_readPixels(pixels, buffer, rect, self._context)
        return self._metres(buffer[::-1]), self._geom_ids(pixels[::-1])

    def close(self) -> None:
        """Frees the OpenGL context."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def _aim(
        self, data: mujoco.MjData, camera: str, height: int, width: int, squash: bool
    ) -> mujoco.MjrRect:
        if height > self._size[0] or width > self._size[1]:
            raise RenderError(
                f"asked for an image of {width}x{height} pixels; the largest is "
                f"{self._size[1]}x{self._size[0]}"
            )
        self._gl.make_current()
        self._camera.fixedcamid = self._model.camera(camera).id
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        if squash:
            columns, rows = self._model.cam_resolution[self._camera.fixedcamid]
            for eye in self._scene.camera:
                eye.frustum_width = (eye.frustum_top - eye.frustum_bottom) / 2 * columns / rows
        return mujoco.MjrRect(0, 0, width, height)

    def _metres(self, buffer: NDArray[np.float32]) -> NDArray[np.float32]:
        near, far = (
            limit * self._model.stat.extent
            for limit in (self._model.vis.map.znear, self._model.vis.map.zfar)
        )
        # The buffer holds near/far reversed: 1 at the near plane, 0 at the far plane.
        return (near * far / (near + buffer.astype(np.float64) * (far - near))).astype(np.float32)

    def _geom_ids(self, pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
        ids = pixels.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        table = np.full(self._scene.ngeom + 1, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = geom.objid
        return table[np.minimum(ids, len(table) - 1)]


def _gl_context(width: int, height: int) -> Any:
    """An offscreen OpenGL context: $MUJOCO_GL if it names one, else EGL, else OSMesa."""
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    libraries = {"egl": "EGL", "osmesa": "OSMesa"}
    backends = (wanted,) if wanted in libraries else tuple(libraries)
    for backend in backends:
        # Looked up first: a failed import would leave PyOpenGL bound to that backend.
        if ctypes.util.find_library(libraries[backend]):
            return importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
    raise RenderError(
        f"no OpenGL library for offscreen rendering ({' or '.join(backends)}); install one with: "
        "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri"
    )
