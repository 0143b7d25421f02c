"""What a teacher is given and what it answers."""

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor, nn

from vega_policy.images import Crops

_Module = TypeVar("_Module", bound=nn.Module)


class Scene(NamedTuple):
    """Ground truth of the views, known only in simulation.

    Attributes:
        depth: Distance along the optical axis, m, float [B, V, h, w].
        segmentation: Class ids, uint8 [B, V, h, w].
        poses: Optical frame (x right, y down, z forward) in the robot frame, float [B, V, 4, 4].
    """

    depth: Tensor
    segmentation: Tensor
    poses: Tensor


class TeacherInput(NamedTuple):
    """One batch as a teacher sees it.

    Attributes:
        pixels: The policy's own normalised, augmented views [B, 6 * V, S, S].
        crops: The box of each view within its whole image, B * V of them.
        scene: Ground truth, or None if the dataset has none.
    """

    pixels: Tensor
    crops: Crops
    scene: Scene | None


class Teacher(Protocol):
    """A frozen source of patch features.

    Not a module: nothing of a teacher is trained, saved or wrapped with what is.
    """

    dim: int

    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """For each layer that it was made for, features [B, V, side * side, dim].

        They are float32, without gradient, on the batch's device; patches go row by row. ``side``
        may differ from the student's, in which case the method pools them.
        """
        ...


def dino_views(pixels: Tensor) -> Tensor:
    """The DINOv2-normalised channels of each view: [B, 6 * V, S, S] -> [B, V, 3, S, S]."""
    return pixels.unflatten(1, (-1, 6))[:, :, :3]


def on_device_of(module: _Module, tensor: Tensor) -> _Module:
    """A teacher's network on the device of what it shall see; moved at most once."""
    if next(module.parameters()).device != tensor.device:
        module.to(tensor.device)
    return module
