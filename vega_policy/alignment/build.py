"""Makes the teacher that a recipe names."""

import math

import hw_config
from vega_policy.alignment.geometry import GeometryTeacher
from vega_policy.alignment.teacher import Teacher
from vega_policy.errors import DatasetError
from vega_policy.recipe import Recipe


def build_teacher(recipe: Recipe, camera_names: tuple[str, ...]) -> Teacher | None:
    """The frozen teacher, or None if the recipe wants none.

    Args:
        recipe: Which one.
        camera_names: Views of the dataset in order.

    Raises:
        DatasetError: A camera of the dataset is unknown to hw_config.
    """
    if recipe.alignment.teacher == "none":
        return None
    cameras = {str(name): camera for name, camera in hw_config.load().cameras.items()}
    tangents = []
    for name in camera_names:
        camera = cameras.get(name)
        if camera is None:
            raise DatasetError(f"camera {name} of the dataset is not in hw_config: {list(cameras)}")
        vertical = math.tan(math.radians(camera.vertical_fov_deg) / 2)
        tangents.append((vertical * camera.width / camera.height, vertical))
    return GeometryTeacher(recipe.alignment.geometry, recipe.model.patch_grid, tangents)
