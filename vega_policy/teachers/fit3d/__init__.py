"""FiT3D: a vision transformer fine-tuned on multi-view consistent features."""

from typing import TYPE_CHECKING

from vega_policy.teachers.fit3d.config import SOURCE, Fit3dConfig
from vega_policy.teachers.kind import TeacherKind, Wanted

if TYPE_CHECKING:
    from vega_policy.teachers.teacher import Teacher


def _build(config: Fit3dConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.fit3d.vit import Fit3dTeacher

    path = wanted.weights("alignment.fit3d.checkpoint", config.checkpoint, SOURCE)
    return Fit3dTeacher(config, path, wanted.grid)


KIND = TeacherKind("FiT3D", Fit3dConfig, _build, width=lambda config: config.dim)
