"""The image pipeline, operation by operation, each on the reference's own input."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benches.parity import golden
from benches.parity.comparison import (
    EXACT,
    JPEG_LEVELS,
    LEVELS,
    Comparison,
    Tolerance,
    compare,
    incomparable,
)
from benches.parity.golden import GoldenDataError
from vega_policy.images import Crops, evaluation_images, lanczos_resize, squash, training_images
from vega_policy.jpeg import jpeg_round_trip

CROP_AREA = 0.9

Find = Callable[[str], Tensor]
"""Gives the image [1, H, W, 3] whose name in the golden data fits a pattern."""


def compare_images(path: Path) -> list[Comparison]:
    """Compares every image of a golden ``.npz`` file that is no camera frame.

    Args:
        path: Its names say which operation made an image, its shapes the sizes.

    Raises:
        GoldenDataError: The file is missing or corrupt, or lacks an image that another was made of.
    """
    images = golden.arrays(path)

    def find(pattern: str) -> Tensor:
        for name, image in images.items():
            if re.fullmatch(pattern, name):
                return torch.from_numpy(np.array(image))[None]
        raise GoldenDataError(f"{path} has no image '{pattern}'; it has {', '.join(images)}")

    compared = [
        _compare(name, image, find)
        for name, image in images.items()
        if not re.fullmatch(_CAMERA, name)
    ]
    if not compared:
        raise GoldenDataError(f"{path} has no images to compare")
    return compared


def _compare(name: str, image: NDArray, find: Find) -> Comparison:
    for pattern, (operation, tolerance) in _OPERATIONS.items():
        match = re.fullmatch(pattern, name)
        if match:
            ours = operation(find, match, image.shape[0])[0].numpy()
            if np.issubdtype(image.dtype, np.floating):  # in [0, 1]; errors are in grey levels
                return compare(name, 255.0 * ours, 255.0 * image, tolerance)
            return compare(name, ours, image, tolerance)
    return incomparable(name, image.shape, "no operation of that name is known")


_CAMERA = r"camera_\d+x\d+"
_SQUASHED = r"squashed_\d+_pil_bicubic"
_POLICY = r"policy_\d+"


def _squash(find: Find, match: re.Match[str], size: int) -> Tensor:
    del match
    return squash(find(_CAMERA), size)


def _resize(find: Find, match: re.Match[str], size: int) -> Tensor:
    del match
    return lanczos_resize(find(_SQUASHED), size)


def _jpeg_resize(find: Find, match: re.Match[str], size: int) -> Tensor:
    camera = match.groupdict().get("camera")
    source = find(f"camera_{camera}" if camera else _SQUASHED)
    return lanczos_resize(jpeg_round_trip(source), size)


def _centre_crop(find: Find, match: re.Match[str], size: int) -> Tensor:
    planes = evaluation_images(find(f"policy_{match['size']}"), CROP_AREA)
    del size
    return (255 * planes).round().to(torch.uint8).permute(0, 2, 3, 1)


def _training_crop(find: Find, match: re.Match[str], size: int) -> Tensor:
    del size
    side = CROP_AREA**0.5
    start = torch.tensor([0.0 if match["corner"] == "top_left" else 1 - side])
    crop = training_images(find(_POLICY), Crops(start, start, side), None)
    return crop.permute(0, 2, 3, 1)


_OPERATIONS: dict[str, tuple[Callable[[Find, re.Match[str], int], Tensor], Tolerance]] = {
    _SQUASHED: (_squash, EXACT),
    r"lanczos3_\d+_without_jpeg": (_resize, LEVELS),
    _POLICY: (_jpeg_resize, JPEG_LEVELS),
    r"policy_\d+_from_(?P<camera>\d+x\d+)": (_jpeg_resize, JPEG_LEVELS),
    r"center_crop_(?P<size>\d+)": (_centre_crop, LEVELS),
    r"crop_(?P<corner>top_left|bottom_right)_f32": (_training_crop, LEVELS),
}
