"""VGGT: a model that reconstructs scenes from several views."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vega_policy.teachers.kind import TeacherKind, Wanted
from vega_policy.teachers.vggt.config import PUBLIC_WIDTH, SOURCE, VggtConfig

if TYPE_CHECKING:
    from vega_policy.teachers.teacher import Teacher


def _given(config: VggtConfig, wanted: Wanted) -> tuple[VggtConfig, Path, Sequence[int]]:
    path = wanted.weights("alignment.vggt.checkpoint", config.checkpoint, SOURCE)
    return config, path, wanted.layers or [config.layer]


def _build(config: VggtConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.vggt.aggregator import VggtTeacher

    return VggtTeacher(*_given(config, wanted))


def _check(config: VggtConfig, wanted: Wanted) -> int:
    from vega_policy.teachers.vggt.aggregator import check_vggt

    return check_vggt(*_given(config, wanted))


def _sized(config: VggtConfig, wanted: Wanted) -> "Teacher":
    from vega_policy.teachers.vggt.aggregator import VggtTeacher

    return VggtTeacher(config, None, wanted.layers or [config.layer])


KIND = TeacherKind(
    "VGGT",
    VggtConfig,
    _build,
    width=lambda _: PUBLIC_WIDTH,
    layered=True,
    check=_check,
    sized=_sized,
)
