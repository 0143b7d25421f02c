"""What a teacher is given and what it answers."""

from typing import NamedTuple, Protocol

from torch import Tensor

from vega_policy.images import Crops


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
    """A frozen source of patch features that line up with the student's patches."""

    dim: int

    def targets(self, batch: TeacherInput) -> Tensor:
        """Features [B, V * patches, dim], float32, without gradient."""
        ...
