"""A spatial teacher that needs no weights: the true geometry of the twin.

VEGA's teacher is a FiT3D-tuned ViT-L that was never published, and a ViT of that size could not
teach a tower of the twin's size anyway. This teacher stands in for it where depth, segmentation
and camera poses are known, that is in simulation. It is not the paper's teacher and says nothing
about it; what it shares is the mechanism: per-patch targets that say where things are in the
robot's frame, reached through the projector and the cosine loss.
"""

import math

import torch
from torch import Tensor

from vega_policy.errors import DatasetError
from vega_policy.teachers.geometry.config import GeometryConfig
from vega_policy.teachers.teacher import Scene, TeacherInput

FARTHEST_M = 3.0
"""Pixels beyond this are background and count as no point."""


class GeometryTeacher:
    """Where each patch's surface is and what it belongs to.

    A patch's feature is the sine-cosine encoding of the mean 3D point that it sees, in the robot's
    frame, then the share of each segmentation class, then the share of pixels that see a surface.

    Args:
        config: Encoding.
        grid: Patches along one side of a view.
        tan_half_fov: For each view (horizontal, vertical) tangent of half the field of view.
    """

    def __init__(
        self, config: GeometryConfig, grid: int, tan_half_fov: list[tuple[float, float]]
    ) -> None:
        self.config = config
        self.grid = grid
        self.dim = config.width
        self._tan_half_fov = torch.tensor(tan_half_fov)
        steps = max(config.frequencies - 1, 1)
        ratio = (config.shortest_m / config.longest_m) ** (1 / steps)
        wavelengths = [config.longest_m * ratio**i for i in range(config.frequencies)]
        self._omega = torch.tensor([2 * math.pi / length for length in wavelengths])

    @torch.no_grad()
    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """Features [B, V, grid * grid, dim].

        Raises:
            DatasetError: The dataset has no ground truth, or more classes than the recipe allows.
        """
        scene = batch.scene
        if scene is None:
            raise DatasetError(
                "the geometry teacher needs depth, segmentation and camera poses; this dataset has "
                "none. Record it in the twin, or set alignment.teacher=none."
            )
        self._check_classes(scene.segmentation)
        samples, views = scene.depth.shape[:2]
        height, width = scene.depth.shape[2:]
        maps = self._pixel_maps(scene).flatten(0, 1)
        rows = _patch_shares(batch.crops.top, batch.crops.side, self.grid, height)
        columns = _patch_shares(batch.crops.left, batch.crops.side, self.grid, width)
        pooled = rows[:, None] @ maps @ columns[:, None].transpose(-1, -2)
        pooled = pooled.flatten(2).transpose(1, 2)
        return [self._encode(pooled).unflatten(0, (samples, views))]

    def _check_classes(self, segmentation: Tensor) -> None:
        if segmentation.is_meta:  # without values there are no classes
            return
        largest = int(segmentation.max())
        if largest >= self.config.classes:
            raise DatasetError(
                f"the dataset has segmentation class {largest}, the recipe provides for "
                f"{self.config.classes}: raise alignment.geometry.classes"
            )

    def _pixel_maps(self, scene: Scene) -> Tensor:
        """Per pixel: x, y, z where there is a surface, the classes, surface or not."""
        depth = scene.depth.float()
        height, width = depth.shape[2:]
        u = (torch.arange(width, device=depth.device) + 0.5) / width * 2 - 1
        v = (torch.arange(height, device=depth.device) + 0.5) / height * 2 - 1
        tangent = self._tan_half_fov.to(depth.device)
        x = u[None, None, None, :] * tangent[None, :, None, None, 0]
        y = v[None, None, :, None] * tangent[None, :, None, None, 1]
        ray = torch.stack([x.expand_as(depth), y.expand_as(depth), torch.ones_like(depth)], dim=2)
        surface = (depth > 0) & (depth < FARTHEST_M)
        depth = torch.where(surface, depth, 0.0)
        rotation, origin = scene.poses[..., :3, :3].float(), scene.poses[..., :3, 3].float()
        points = torch.einsum("bvij,bvjhw->bvihw", rotation, ray * depth[:, :, None])
        points = points + origin[..., None, None]
        points = points * surface[:, :, None]
        number = torch.arange(self.config.classes, device=depth.device)[:, None, None]
        classes = scene.segmentation[:, :, None] == number
        parts = [points, classes.to(points.dtype), surface[:, :, None].to(points.dtype)]
        return torch.cat(parts, dim=2)

    def _encode(self, pooled: Tensor) -> Tensor:
        surface = pooled[..., -1:]
        mean = pooled[..., :3] / surface.clamp(min=1e-6)
        angle = (mean[..., None] * self._omega.to(mean.device)).flatten(-2)
        place = torch.cat([angle.sin(), angle.cos()], dim=-1) * surface
        return torch.cat([place, self.config.class_weight * pooled[..., 3:-1], surface], dim=-1)


def _patch_shares(start: Tensor, side: float, grid: int, pixels: int) -> Tensor:
    """Share of each pixel row in each patch row of a box: [N, grid, pixels], rows sum to 1."""
    edge = start[:, None] + torch.arange(grid + 1, device=start.device) / grid * side
    low, high = edge[:, :-1, None] * pixels, edge[:, 1:, None] * pixels
    pixel = torch.arange(pixels, device=start.device)
    overlap = torch.minimum(high, pixel + 1.0) - torch.maximum(low, pixel.float())
    overlap = overlap.clamp(min=0)
    return overlap / overlap.sum(dim=-1, keepdim=True)
