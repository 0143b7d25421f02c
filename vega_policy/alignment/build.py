"""Makes the alignment that a recipe asks for."""

from collections.abc import Sequence

from vega_policy.alignment.encoder import EncoderAlignment
from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.alignment.rocket import Rocket
from vega_policy.alignment.spatial_forcing import SpatialForcing
from vega_policy.errors import RecipeError
from vega_policy.recipe import Recipe, models_dir
from vega_policy.teachers import NO_TEACHER, TEACHERS, Wanted
from vega_policy.teachers.teacher import Teacher


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
    if recipe.alignment.teacher == NO_TEACHER:
        return None
    builders = {"encoder": _encoder, "spatial_forcing": _spatial_forcing, "rocket": _rocket}
    return builders[recipe.alignment.method](recipe, camera_names)


def _encoder(recipe: Recipe, camera_names: tuple[str, ...]) -> Alignment:
    config = recipe.alignment
    teacher = _teacher(recipe, camera_names)
    targets = _targets(recipe, teacher, config.encoder.position_embedding)
    projector = AlignmentProjector(recipe.model.dino.dim, teacher.dim, config.layer_norm)
    return EncoderAlignment(teacher, projector, targets, config.tap == "film")


def _spatial_forcing(recipe: Recipe, camera_names: tuple[str, ...]) -> Alignment:
    config = recipe.alignment
    method = config.spatial_forcing
    _check_student_layer("alignment.spatial_forcing.layer", method.layer, recipe.model.llm.layers)
    teacher = _teacher(recipe, camera_names)
    targets = _targets(recipe, teacher, method.position_embedding)
    projector = AlignmentProjector(recipe.model.llm.dim, teacher.dim, config.layer_norm)
    return SpatialForcing(teacher, projector, targets, method.layer, method.shift_by_one)


def _rocket(recipe: Recipe, camera_names: tuple[str, ...]) -> Alignment:
    config = recipe.alignment
    method = config.rocket
    layered = {name: kind.title for name, kind in TEACHERS.items() if kind.layered}
    if config.teacher not in layered:
        raise RecipeError(
            f"alignment.method=rocket aligns to layers of {' or '.join(layered.values())}, the "
            f"recipe has the teacher {config.teacher}: set "
            f"{' or '.join(f'alignment.teacher={name}' for name in layered)}, or another method"
        )
    depth = recipe.model.llm.layers
    layers = tuple(depth - 1 if student == -1 else student for student, _ in method.pairs)
    for layer in layers:
        _check_student_layer("alignment.rocket.pairs", layer, depth)
    if list(layers) != sorted(set(layers)):
        raise RecipeError(
            f"alignment.rocket.pairs: the student's layers have to rise, shallow to deep; they are "
            f"{list(layers)}"
        )
    teacher = _teacher(recipe, camera_names, [layer for _, layer in method.pairs])
    targets = _targets(recipe, teacher, method.position_embedding)
    projector = AlignmentProjector(recipe.model.llm.dim, teacher.dim, config.layer_norm)
    return Rocket(teacher, projector, targets, layers, method.shallowest_width, method.shift_by_one)


def _check_student_layer(field: str, layer: int, depth: int) -> None:
    if not 0 <= layer <= depth:
        raise RecipeError(
            f"{field}: the language model has {depth} layers, so hidden states 0 (its input) to "
            f"{depth}; {layer} is none of them"
        )


def _targets(recipe: Recipe, teacher: Teacher, position_embedding: bool) -> Targets:
    config = recipe.alignment
    if position_embedding and teacher.dim % 4:
        raise RecipeError(
            f"the teacher is {teacher.dim} wide; a sine-cosine embedding needs a multiple of 4: "
            f"set alignment.{config.method}.position_embedding=false"
        )
    return Targets(recipe.model.patch_grid, position_embedding, config.head_view_only)


def _teacher(
    recipe: Recipe, camera_names: tuple[str, ...], layers: Sequence[int] | None = None
) -> Teacher:
    config = recipe.alignment
    kind = TEACHERS.get(config.teacher)
    wanted = Wanted(recipe.model.patch_grid, camera_names, models_dir(), layers)
    return kind.build(config.teacher_config(config.teacher), wanted)
