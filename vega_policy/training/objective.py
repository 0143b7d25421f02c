"""What training minimises: the action loss plus the weighted alignment loss (paper, eq. 7)."""

from typing import NamedTuple

from torch import Tensor, nn

from vega_policy.alignment.method import Alignment
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.data.dataset import Batch
from vega_policy.images import Crops, Jitter, to_model_channels, training_images
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import Recipe
from vega_policy.teachers.teacher import TeacherInput


class Losses(NamedTuple):
    """Scalars of one batch.

    Attributes:
        total: What is minimised.
        action: Mean error over the chunk: L1 in normalised space, squared error of the noise
            (diffusion head) or cross-entropy (discrete head).
        first_action: Mean error of its first action alone.
        alignment: Mean of 1 - cosine similarity; 0 without a teacher.
    """

    total: Tensor
    action: Tensor
    first_action: Tensor
    alignment: Tensor


class Objective(nn.Module):
    """Policy and alignment in one module, so that all of it trains together.

    Args:
        policy: The network.
        recipe: How much the alignment weighs.
        alignment: To which teacher and how, or None.
    """

    def __init__(self, policy: VegaPolicy, recipe: Recipe, alignment: Alignment | None) -> None:
        super().__init__()
        self.policy = policy
        self.alignment = alignment
        self._weight = recipe.alignment.weight

    @property
    def align_projector(self) -> AlignmentProjector | None:
        """What is trained for the alignment alone."""
        return None if self.alignment is None else self.alignment.projector

    def forward(self, batch: Batch, crops: Crops, jitter: Jitter | None) -> Losses:
        """Losses of a batch whose views are cropped and changed as given, B * V of each.

        All of it is on the policy's device.
        """
        views = batch.views.shape[1]
        planes = training_images(batch.views.flatten(0, 1), crops, jitter)
        pixels = to_model_channels(planes, views)
        output = self.policy(
            pixels,
            batch.proprio,
            batch.text,
            actions=batch.actions,
            keep_layers=() if self.alignment is None else self.alignment.keep_layers,
        )
        error = output.action_error
        assert error is not None  # the pass was given the right actions
        action = error.mean()
        alignment = action.new_zeros(())
        if self.alignment is not None:
            shown = TeacherInput(pixels, crops, batch.scene)
            alignment = self.alignment(self.policy, output, shown)
        total = action + self._weight * alignment
        return Losses(total, action, error[:, 0].mean(), alignment)
