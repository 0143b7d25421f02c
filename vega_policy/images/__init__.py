"""The image pipeline of OpenVLA-OFT, without TensorFlow.

A camera frame is squashed to 256x256 (Pillow bicubic, aspect not kept), optionally sent through a
JPEG round trip (:mod:`vega_policy.jpeg`), resized to the model's size (lanczos3, antialiased), and
cropped to 0.9 of its area: the centre in evaluation, a random box with colour jitter in training.
DINOv2 and SigLIP get differently normalised copies, six channels a view.

Every operation takes a batch and works on the device that the batch is on.
"""

from vega_policy.images.colour import (
    DINO_MEAN,
    DINO_STD,
    SIGLIP_MEAN,
    SIGLIP_STD,
    Jitter,
    to_model_channels,
)
from vega_policy.images.crop import Crops, centre_crops, crop_and_resize
from vega_policy.images.pipeline import (
    check_frame,
    evaluation_images,
    preprocess,
    training_images,
)
from vega_policy.images.resize import bicubic_resize, lanczos_resize, squash

__all__ = [
    "DINO_MEAN",
    "DINO_STD",
    "SIGLIP_MEAN",
    "SIGLIP_STD",
    "Crops",
    "Jitter",
    "bicubic_resize",
    "centre_crops",
    "check_frame",
    "crop_and_resize",
    "evaluation_images",
    "lanczos_resize",
    "preprocess",
    "squash",
    "to_model_channels",
    "training_images",
]
