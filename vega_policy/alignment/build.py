"""Makes the alignment that a recipe asks for."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vega_policy.alignment.encoder import EncoderAlignment
from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.alignment.rocket import Rocket
from vega_policy.alignment.spatial_forcing import SpatialForcing
from vega_policy.errors import RecipeError
from vega_policy.recipe import Recipe, models_dir
from vega_policy.teachers import TEACHERS, Wanted
from vega_policy.teachers.teacher import Teacher, TeacherInput, dino_views

_USUAL_WIDTH = 1024
"""Of a teacher's features, where only its file tells it."""


class _Method(NamedTuple):
    """A way to align.

    Attributes:
        teacher_layers: Checks the recipe's own fields; layers of the teacher, or None for the one
            that it has.
        make: From the recipe, the teacher and how its features become targets.
    """

    teacher_layers: Callable[[Recipe], list[int] | None]
    make: Callable[[Recipe, Teacher, Targets], Alignment]


def check_alignment(recipe: Recipe, camera_names: tuple[str, ...]) -> None:
    """What :func:`build_alignment` would refuse, as far as it is known before weights are read.

    Args:
        recipe: As there.
        camera_names: As there.

    Raises:
        PolicyError: As there.
    """
    kind = recipe.alignment.kind
    if kind is None:
        return
    wanted = _wanted(recipe, camera_names)
    if kind.check is not None:
        width = kind.check(recipe.alignment.teacher_config(recipe.alignment.teacher), wanted)
        _targets(recipe, width)


def build_alignment(recipe: Recipe, camera_names: tuple[str, ...]) -> Alignment | None:
    """Teacher, student and projector; None if the recipe wants none.

    Args:
        recipe: Which ones. The projector's weights come from PyTorch's global generator.
        camera_names: Views of the dataset in order, the head camera first.

    Raises:
        RecipeError: A layer does not exist, the teacher's file is missing, or teacher and method
            do not go together.
        CheckpointError: The teacher's file is corrupt or not of the published layout.
        DatasetError: The geometry teacher does not know a camera of the dataset.
    """
    config = recipe.alignment
    kind = config.kind
    if kind is None:
        return None
    wanted = _wanted(recipe, camera_names)
    teacher = kind.build(config.teacher_config(config.teacher), wanted)
    return _METHODS[config.method].make(recipe, teacher, _targets(recipe, teacher.dim))


def alignment_of_sizes(recipe: Recipe, camera_names: tuple[str, ...]) -> Alignment | None:
    """:func:`build_alignment` on the meta device: no memory, and the teacher's file is not needed.

    Raises:
        RecipeError: As there, as far as fields tell.
    """
    config = recipe.alignment
    kind = config.kind
    if kind is None:
        return None
    wanted = _wanted(recipe, camera_names)
    fields = config.teacher_config(config.teacher)
    with torch.device("meta"):
        if kind.sized is None:
            teacher: Teacher = _Uncounted(kind.width(fields) or _USUAL_WIDTH, wanted)
        else:
            teacher = kind.sized(fields, wanted)
        return _METHODS[config.method].make(recipe, teacher, _targets(recipe, teacher.dim))


class _Uncounted:
    """Stands for a teacher that only its file tells the size of: its answers count, it does not."""

    def __init__(self, dim: int, wanted: Wanted) -> None:
        self.dim = dim
        self._tokens = wanted.grid**2
        self._layers = len(wanted.layers or (None,))

    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """Features [B, V, grid * grid, dim] for each layer."""
        views = dino_views(batch.pixels)
        return [views.new_empty(*views.shape[:2], self._tokens, self.dim)] * self._layers


def _wanted(recipe: Recipe, camera_names: tuple[str, ...]) -> Wanted:
    layers = _METHODS[recipe.alignment.method].teacher_layers(recipe)
    return Wanted(recipe.model.patch_grid, camera_names, models_dir(), layers)


def _targets(recipe: Recipe, width: int) -> Targets:
    config = recipe.alignment
    position_embedding: bool = getattr(config, config.method).position_embedding
    if position_embedding and width % 4:
        raise RecipeError(
            f"the teacher is {width} wide; a sine-cosine embedding needs a multiple of 4: "
            f"set alignment.{config.method}.position_embedding=false"
        )
    return Targets(recipe.model.patch_grid, position_embedding, config.head_view_only)


def _own_layer(recipe: Recipe) -> None:
    del recipe


def _encoder(recipe: Recipe, teacher: Teacher, targets: Targets) -> Alignment:
    config = recipe.alignment
    projector = AlignmentProjector(recipe.model.dino.dim, teacher.dim, config.layer_norm)
    return EncoderAlignment(teacher, projector, targets, config.tap == "film")


def _spatial_forcing_layers(recipe: Recipe) -> None:
    layer = recipe.alignment.spatial_forcing.layer
    _check_student_layer("alignment.spatial_forcing.layer", layer, recipe.model.llm.layers)


def _spatial_forcing(recipe: Recipe, teacher: Teacher, targets: Targets) -> Alignment:
    config = recipe.alignment
    method = config.spatial_forcing
    projector = AlignmentProjector(recipe.model.llm.dim, teacher.dim, config.layer_norm)
    return SpatialForcing(teacher, projector, targets, method.layer, method.shift_by_one)


def _rocket_layers(recipe: Recipe) -> list[int]:
    config = recipe.alignment
    layered = {name: kind.title for name, kind in TEACHERS.items() if kind.layered}
    if config.teacher not in layered:
        raise RecipeError(
            f"alignment.method=rocket aligns to layers of {' or '.join(layered.values())}, the "
            f"recipe has the teacher {config.teacher}: set "
            f"{' or '.join(f'alignment.teacher={name}' for name in layered)}, or another method"
        )
    layers = _rocket_students(recipe)
    for layer in layers:
        _check_student_layer("alignment.rocket.pairs", layer, recipe.model.llm.layers)
    if list(layers) != sorted(set(layers)):
        raise RecipeError(
            f"alignment.rocket.pairs: the student's layers have to rise, shallow to deep; they are "
            f"{list(layers)}"
        )
    return [layer for _, layer in config.rocket.pairs]


def _rocket_students(recipe: Recipe) -> tuple[int, ...]:
    last = recipe.model.llm.layers - 1
    return tuple(last if layer == -1 else layer for layer, _ in recipe.alignment.rocket.pairs)


def _rocket(recipe: Recipe, teacher: Teacher, targets: Targets) -> Alignment:
    config = recipe.alignment
    method, layers = config.rocket, _rocket_students(recipe)
    projector = AlignmentProjector(recipe.model.llm.dim, teacher.dim, config.layer_norm)
    return Rocket(teacher, projector, targets, layers, method.shallowest_width, method.shift_by_one)


def _check_student_layer(field: str, layer: int, depth: int) -> None:
    if not 0 <= layer <= depth:
        raise RecipeError(
            f"{field}: the language model has {depth} layers, so hidden states 0 (its input) to "
            f"{depth}; {layer} is none of them"
        )


_METHODS = {
    "encoder": _Method(_own_layer, _encoder),
    "spatial_forcing": _Method(_spatial_forcing_layers, _spatial_forcing),
    "rocket": _Method(_rocket_layers, _rocket),
}
