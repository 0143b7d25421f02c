"""What a teacher of the alignment loss is declared by."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from vega_policy.errors import RecipeError

if TYPE_CHECKING:  # declarations are read with every recipe, networks only where one is trained
    from vega_policy.teachers.teacher import Teacher


class TeacherConfig(BaseModel):
    """A teacher's fields of a recipe, ``alignment.NAME``; all of them have defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Wanted(NamedTuple):
    """What a policy that is trained wants of its teacher.

    Attributes:
        grid: The student's patches along one side of a view.
        camera_names: Views of the dataset in order, the head camera first.
        models: Folder that names of weight files are relative to.
        layers: Layers of the teacher, one for each output; None for the one of its config.
    """

    grid: int
    camera_names: tuple[str, ...]
    models: Path
    layers: Sequence[int] | None = None

    def weights(self, field: str, checkpoint: str | None, source: str) -> Path:
        """The file of a teacher's weights.

        Args:
            field: Of the recipe, which names the file.
            checkpoint: The field's value, absolute or relative to ``models``.
            source: How to get it, for the error.

        Raises:
            RecipeError: The field is null.
        """
        if checkpoint is None:
            raise RecipeError(f"{field} names no file. {source}")
        return self.models / checkpoint


class TeacherKind(NamedTuple):
    """A kind of teacher.

    Attributes:
        title: Its name for people.
        config: Its fields of a recipe.
        build: Makes it ready. Raises a RecipeError if its file is missing or does not go with
            the recipe, a CheckpointError if the file is corrupt, a DatasetError if it does not
            know a camera.
        width: Of its features, as far as its config tells; None: only its weights do.
        needs_scene: Whether it sees depth, segmentation and camera poses, known only in
            simulation, and not the images alone.
        layered: Whether it has features of several layers.
        check: What `build` would refuse, found without reading weights: from the fields and from
            names and shapes in its file. Returns the width of its features. None: only building
            it tells.
        sized: The teacher on the meta device, without its file: of the sizes that its fields tell,
            else of the public ones. For planning memory. None: it is not counted.
    """

    title: str
    config: type[TeacherConfig]
    build: Callable[[Any, Wanted], "Teacher"]
    width: Callable[[Any], int | None]
    needs_scene: bool = False
    layered: bool = False
    check: Callable[[Any, Wanted], int] | None = None
    sized: Callable[[Any, Wanted], "Teacher"] | None = None
