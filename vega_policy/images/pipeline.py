"""The operations in their order: for inference, and for training."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vega_policy.errors import ObservationError
from vega_policy.images.colour import Jitter, apply_jitter, to_model_channels
from vega_policy.images.crop import Crops, centre_crop, crop_and_resize
from vega_policy.images.resize import lanczos_resize, squash
from vega_policy.jpeg import jpeg_round_trip
from vega_policy.vega_contract import ImageContract


def preprocess(views: Sequence[Tensor], image: ImageContract) -> Tensor:
    """Everything between camera frames and the model, on the device of the frames.

    Args:
        views: For each view, in the model's order, frames uint8 [B, H, W, 3]; the sizes of views
            may differ.
        image: What the policy was trained on.

    Returns:
        float32 [B, 6 * views, size, size]: of each view 3 channels for DINOv2, then 3 for SigLIP.
    """
    squashed = torch.stack([squash(frames, image.squash) for frames in views], dim=1).flatten(0, 1)
    if image.jpeg:
        squashed = jpeg_round_trip(squashed)
    planes = evaluation_images(lanczos_resize(squashed, image.size), image.crop_area)
    return to_model_channels(planes, len(views))


def evaluation_images(images: Tensor, area: float) -> Tensor:
    """Centre crop of uint8 images [N, S, S, 3], back to 8 bits; float [N, 3, S, S] in [0, 1]."""
    planes = images.permute(0, 3, 1, 2).float() / 255
    if area >= 1:
        return planes
    # 8 bits the way TensorFlow makes them: scaled by 255.5, then truncated.
    return (centre_crop(planes, area).clamp(0, 1) * 255.5).floor().clamp(max=255) / 255


def training_images(images: Tensor, crops: Crops, jitter: Jitter | None) -> Tensor:
    """Random crop, then colour jitter, of uint8 images [N, S, S, 3].

    Returns:
        float [N, 3, S, S] in [0, 1].
    """
    planes = crop_and_resize(images.permute(0, 3, 1, 2).float() / 255, crops).clamp(0, 1)
    return planes if jitter is None else apply_jitter(planes, jitter)


def check_frame(name: str, frame: object, height: int, width: int) -> NDArray[np.uint8]:
    """Returns a camera frame, in memory that a tensor can share, if it is one.

    Raises:
        ObservationError: It is no uint8 array [height, width, 3].
    """
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = getattr(frame, "dtype", type(frame).__name__)
        raise ObservationError(f"camera {name}: expected a uint8 image, got {kind}")
    if frame.shape != (height, width, 3):
        raise ObservationError(
            f"camera {name}: expected an image of shape ({height}, {width}, 3), got {frame.shape}"
        )
    return np.require(frame, requirements=["C", "W"])
