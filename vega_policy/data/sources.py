"""The dataset that a recipe is trained on."""

from collections.abc import Callable
from pathlib import Path

from vega_policy.data.episodes import Source
from vega_policy.data.formats import format_of
from vega_policy.errors import DatasetError
from vega_policy.recipe import Recipe, load_recipe, recipe_names
from vega_policy.teachers import NO_TEACHER


def open_source(directory: Path, recipe: Recipe, report: Callable[[str], None]) -> Source:
    """The dataset's files, of any format that can serve the recipe.

    Args:
        directory: The dataset.
        recipe: What it is for.
        report: Gets lines for people.

    Raises:
        DatasetError: The folder is missing or of no known format, or cannot serve the recipe.
    """
    found = format_of(directory)
    if recipe.alignment.needs_scene and not found.ground_truth:
        raise DatasetError(_without_geometry(directory, recipe))
    return found.open(directory, recipe.image.squash, report)


def _without_geometry(directory: Path, recipe: Recipe) -> str:
    others = {name: load_recipe(name) for name in recipe_names()}
    usable = {n: r for n, r in others.items() if not r.alignment.needs_scene}
    same = [name for name, r in usable.items() if r.model == others[recipe.name].model]
    aligned = [name for name, r in usable.items() if r.alignment.teacher != NO_TEACHER]
    return (
        f"{directory} is a LeRobot dataset, without the depth, segmentation and camera poses that "
        f"recipe {recipe.name} (alignment.teacher={recipe.alignment.teacher}) takes its targets "
        f"from: take {' or '.join(same) or 'alignment.teacher=none'} (the same policy without "
        f"alignment), or a recipe whose teacher needs the images alone: {', '.join(aligned)}"
    )
