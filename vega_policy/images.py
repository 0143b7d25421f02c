"""The image pipeline of OpenVLA-OFT, without TensorFlow.

A camera frame is squashed to 256x256 (Pillow bicubic, aspect not kept), optionally sent through a
JPEG round trip (:mod:`vega_policy.jpeg`), resized to the model's size (lanczos3, antialiased), and
cropped to 0.9 of its area: the centre in evaluation, a random box with colour jitter in training.
DINOv2 and SigLIP get differently normalised copies, six channels a view.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vega_policy.errors import ObservationError

LANCZOS_RADIUS = 3.0
DINO_MEAN = (0.484375, 0.455078125, 0.40625)
"""ImageNet's mean as bfloat16 holds it: the numbers OpenVLA was trained and is shipped with."""
DINO_STD = (0.228515625, 0.2236328125, 0.224609375)
SIGLIP_MEAN = SIGLIP_STD = (0.5, 0.5, 0.5)


class Crops(NamedTuple):
    """Boxes within images, in fractions of the side; each box is square.

    Attributes:
        top: [N] float32.
        left: [N] float32.
        side: Side of the boxes.
    """

    top: Tensor
    left: Tensor
    side: float


class Jitter(NamedTuple):
    """Colour changes of N images, each [N] float32.

    Attributes:
        brightness: Added.
        contrast: Factor about each channel's mean.
        saturation: Factor of the HSV saturation.
        hue: Added to the HSV hue, in turns.
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor


def squash(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resizes a frame [H, W, 3] to [size, size, 3] with Pillow's bicubic filter."""
    if frame.shape[:2] == (size, size):
        return frame
    resized = Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized)


@lru_cache(maxsize=16)
def _lanczos_weights(source: int, target: int) -> Tensor:
    """Rows of antialiased lanczos3 weights [target, source], each summing to 1."""
    scale = source / target
    stretch = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    distance = np.abs((np.arange(source) + 0.5)[None] - centre[:, None]) / stretch
    kernel = np.sinc(distance) * np.sinc(distance / LANCZOS_RADIUS)
    kernel = np.where(distance <= LANCZOS_RADIUS, kernel, 0.0)
    return torch.from_numpy(kernel / kernel.sum(axis=1, keepdims=True)).float()


def lanczos_resize(images: Tensor, size: int) -> Tensor:
    """Antialiased lanczos3 resize, rounded and clipped, as ``tf.image.resize`` does.

    Args:
        images: uint8 [N, H, W, 3].
        size: Side of the square result.

    Returns:
        uint8 [N, size, size, 3]; the input itself if it has that size.
    """
    height, width = images.shape[1:3]
    if (height, width) == (size, size):
        return images
    rows = _lanczos_weights(height, size).to(images.device)
    columns = _lanczos_weights(width, size).to(images.device)
    planes = images.permute(0, 3, 1, 2).float()
    resized = rows @ planes @ columns.T
    return resized.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def crop_and_resize(images: Tensor, crops: Crops) -> Tensor:
    """Bilinear crop back to full size; the box's corners land on the corner pixels' centres.

    Args:
        images: float [N, 3, S, S].
        crops: One box an image.

    Returns:
        float [N, 3, S, S].
    """
    size = images.shape[-1]
    rows = _crop_weights(crops.top, crops.side, size)
    columns = _crop_weights(crops.left, crops.side, size)
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)


def _crop_weights(start: Tensor, side: float, size: int) -> Tensor:
    """Bilinear weights [N, size, size] from source pixels to the pixels of each box."""
    steps = torch.arange(size, device=start.device, dtype=torch.float64) / (size - 1)
    at = (start.double()[:, None] + steps * side) * (size - 1)
    pixel = torch.arange(size, device=start.device, dtype=torch.float64)
    return (1 - (at[:, :, None] - pixel).abs()).clamp(min=0).float()


def centre_crops(count: int, area: float, device: torch.device | None = None) -> Crops:
    """The same centred box for each image.

    Args:
        count: Number of images.
        area: Share of the image's area inside the box.
        device: Where the boxes shall be.
    """
    side = area**0.5
    start = torch.full((count,), (1 - side) / 2, device=device)
    return Crops(start, start, side)


def evaluation_images(images: Tensor, area: float) -> Tensor:
    """Centre crop of uint8 images [N, S, S, 3], back to 8 bits; float [N, 3, S, S] in [0, 1]."""
    planes = images.permute(0, 3, 1, 2).float() / 255
    if area >= 1:
        return planes
    cropped = crop_and_resize(planes, centre_crops(len(images), area, images.device))
    # 8 bits the way TensorFlow makes them: scaled by 255.5, then truncated.
    return (cropped.clamp(0, 1) * 255.5).floor().clamp(max=255) / 255


def training_images(images: Tensor, crops: Crops, jitter: Jitter | None) -> Tensor:
    """Random crop, then colour jitter, of uint8 images [N, S, S, 3].

    Returns:
        float [N, 3, S, S] in [0, 1].
    """
    planes = crop_and_resize(images.permute(0, 3, 1, 2).float() / 255, crops).clamp(0, 1)
    if jitter is None:
        return planes

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    planes = (planes + column(jitter.brightness)).clamp(0, 1)
    mean = planes.mean(dim=(2, 3), keepdim=True)
    planes = ((planes - mean) * column(jitter.contrast) + mean).clamp(0, 1)
    return _shift_hsv(planes, jitter.saturation[:, None, None], jitter.hue[:, None, None])


def _shift_hsv(planes: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scales saturation and turns hue of float RGB [N, 3, H, W]; both keep the value (maximum)."""
    value, low = planes.amax(dim=1), planes.amin(dim=1)
    chroma = value - low
    safe = chroma.clamp(min=1e-12)
    red, green, blue = planes.unbind(1)
    turn = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turn = turn + 6 * hue
    chroma = torch.minimum(chroma * saturation, value)
    # Each channel falls off from the value with its distance to the hue (Smith's hexagon).
    offset = torch.tensor([5.0, 3.0, 1.0], device=planes.device)[None, :, None, None]
    k = (offset + turn[:, None]) % 6
    fall = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] - chroma[:, None] * fall


def to_model_channels(planes: Tensor, views: int) -> Tensor:
    """Normalises for both towers: [B * views, 3, S, S] in [0, 1] -> [B, 6 * views, S, S]."""
    device = planes.device
    mean = torch.tensor(DINO_MEAN + SIGLIP_MEAN, device=device)[None, :, None, None]
    std = torch.tensor(DINO_STD + SIGLIP_STD, device=device)[None, :, None, None]
    both = (torch.cat([planes, planes], dim=1) - mean) / std
    return both.reshape(-1, 6 * views, *planes.shape[2:])


def check_frame(name: str, frame: object, height: int, width: int) -> NDArray[np.uint8]:
    """Returns a camera frame if it is one.

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
    return frame
