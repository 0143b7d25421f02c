"""Teachers of the alignment loss, by ``alignment.teacher`` of a recipe.

geometry  the twin's true geometry, without weights
fit3d     a vision transformer fine-tuned on multi-view consistent features
vggt      a model that reconstructs scenes from several views

A new teacher is a file with a :class:`.TeacherKind` and one line below; its fields of a recipe are
``alignment.NAME``. Declarations need no torch: they are read with every recipe.
"""

from vega_core.registry import Registry
from vega_policy.teachers.kind import TeacherConfig, TeacherKind, Wanted

__all__ = ["NO_TEACHER", "TEACHERS", "TeacherConfig", "TeacherKind", "Wanted"]

NO_TEACHER = "none"

TEACHERS: Registry[TeacherKind] = Registry("teacher")
TEACHERS.register_lazily("geometry", "vega_policy.teachers.geometry:KIND")
TEACHERS.register_lazily("fit3d", "vega_policy.teachers.fit3d:KIND")
TEACHERS.register_lazily("vggt", "vega_policy.teachers.vggt:KIND")
