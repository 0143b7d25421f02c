"""VGGT: a model that reconstructs scenes from several views."""

from typing import TYPE_CHECKING

from vega_policy.teachers.kind import TeacherKind, Wanted
from vega_policy.teachers.vggt.config import PUBLIC_WIDTH, SOURCE, VggtConfig

if TYPE_CHECKING:
    from vega_policy.teachers.teacher import Teacher


def _build(config: VggtConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.vggt.aggregator import VggtTeacher

    path = wanted.weights("alignment.vggt.checkpoint", config.checkpoint, SOURCE)
    return VggtTeacher(config, path, wanted.layers or [config.layer])


KIND = TeacherKind("VGGT", VggtConfig, _build, width=lambda _: PUBLIC_WIDTH, layered=True)
