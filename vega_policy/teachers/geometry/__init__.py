"""The true geometry of the twin, for want of a teacher of its size."""

import math
from typing import TYPE_CHECKING

import hw_config
from vega_policy.errors import DatasetError
from vega_policy.teachers.geometry.config import GeometryConfig
from vega_policy.teachers.kind import TeacherKind, Wanted

if TYPE_CHECKING:
    from vega_policy.teachers.teacher import Teacher


def _build(config: GeometryConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.geometry.features import GeometryTeacher

    return GeometryTeacher(config, wanted.grid, _tangents(wanted.camera_names))


def _check(config: GeometryConfig, wanted: Wanted) -> int:
    _tangents(wanted.camera_names)
    return config.width


def _tangents(camera_names: tuple[str, ...]) -> list[tuple[float, float]]:
    """Of half the field of view of each camera, horizontal and vertical."""
    cameras = {str(name): camera for name, camera in hw_config.load().cameras.items()}
    tangents = []
    for name in camera_names:
        camera = cameras.get(name)
        if camera is None:
            raise DatasetError(f"camera {name} of the dataset is not in hw_config: {list(cameras)}")
        vertical = math.tan(math.radians(camera.vertical_fov_deg) / 2)
        tangents.append((vertical * camera.width / camera.height, vertical))
    return tangents


KIND = TeacherKind(
    "the true geometry",
    GeometryConfig,
    _build,
    width=lambda config: config.width,
    needs_scene=True,
    check=_check,
    sized=_build,
)
