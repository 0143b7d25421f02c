"""FiT3D: a vision transformer fine-tuned on multi-view consistent features."""

from pathlib import Path
from typing import TYPE_CHECKING

from vega_policy.teachers.fit3d.config import SOURCE, Fit3dConfig
from vega_policy.teachers.kind import TeacherKind, Wanted

if TYPE_CHECKING:
    from vega_policy.teachers.teacher import Teacher


def _file(config: Fit3dConfig, wanted: Wanted) -> Path:
    return wanted.weights("alignment.fit3d.checkpoint", config.checkpoint, SOURCE)


def _build(config: Fit3dConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.fit3d.vit import Fit3dTeacher

    return Fit3dTeacher(config, _file(config, wanted), wanted.grid)


def _check(config: Fit3dConfig, wanted: Wanted) -> int:
    from vega_policy.teachers.fit3d.vit import check_fit3d

    return check_fit3d(config, _file(config, wanted))


def _sized(config: Fit3dConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.fit3d.vit import Fit3dTeacher

    return Fit3dTeacher(config, None, wanted.grid)


KIND = TeacherKind(
    "FiT3D",
    Fit3dConfig,
    _build,
    width=lambda config: config.dim,
    check=_check,
    sized=_sized,
)
