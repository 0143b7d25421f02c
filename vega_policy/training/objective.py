"""What training minimises: the action loss plus the weighted alignment loss (paper, eq. 9)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy.alignment.projector import AlignmentProjector, alignment_loss
from vega_policy.alignment.teacher import Teacher, TeacherInput
from vega_policy.data.dataset import Batch
from vega_policy.images import Crops, Jitter, to_model_channels, training_images
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import Recipe


class Losses(NamedTuple):
    """Scalars of one batch.

    Attributes:
        total: What is minimised.
        action: Mean L1 over the chunk, normalised space.
        first_action: Mean L1 of its first action alone.
        alignment: Mean of 1 - cosine similarity; 0 without a teacher.
    """

    total: Tensor
    action: Tensor
    first_action: Tensor
    alignment: Tensor


class Objective(nn.Module):
    """Policy, alignment projector and teacher in one module, so that all of it trains together.

    Args:
        policy: The network.
        recipe: Which alignment.
        teacher: Its teacher, or None.
    """

    def __init__(self, policy: VegaPolicy, recipe: Recipe, teacher: Teacher | None) -> None:
        super().__init__()
        self.policy = policy
        self._alignment = recipe.alignment
        self._teacher = teacher
        self.align_projector: AlignmentProjector | None = None
        if teacher is not None:
            self.align_projector = AlignmentProjector(
                recipe.model.dino.dim, teacher.dim, recipe.alignment.layer_norm
            )

    def forward(self, batch: Batch, crops: Crops, jitter: Jitter | None) -> Losses:
        """Losses of a batch whose views are cropped and changed as given, B * V of each."""
        views = batch.views.shape[1]
        planes = training_images(batch.views.flatten(0, 1), crops, jitter)
        pixels = to_model_channels(planes, views)
        output = self.policy(pixels, batch.proprio, batch.text)
        error = (output.actions.float() - batch.actions).abs()
        action = error.mean()
        alignment = action.new_zeros(())
        if self.align_projector is not None and self._teacher is not None:
            student = output.dino
            if self._alignment.tap == "plain":
                pixels = pixels.to(self.policy.compute_dtype)
                student = self.policy.vision_backbone.plain_dino(pixels)
            with torch.no_grad():
                target = self._teacher.targets(TeacherInput(pixels, crops, batch.scene))
            dtype = self.align_projector.fc1.weight.dtype
            alignment = alignment_loss(self.align_projector(student.to(dtype)), target)
        total = action + self._alignment.weight * alignment
        return Losses(total, action, error[:, 0].mean(), alignment)
