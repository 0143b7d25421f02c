"""Spatial Forcing: the language model's visual tokens learn VGGT's features.

    pooled_targets(hidden [B, V, n, dim], grid, position_embedding: bool) -> [B, V * grid**2, dim]
    projector_of(state: Mapping[str, Tensor]) -> AlignmentProjector
    loss(student [B, T, L], target [B, T, dim], projector) -> scalar

The student is one hidden state of the language model, layer 24 of 32 in the paper. Its visual
tokens follow BOS, so they start at 1. The public code starts at 2 by default: the first patch is
left out and the last place is the state token's, or the prompt's if there is no state token.
``shift_by_one`` does that too.

The paper writes a BatchNorm in front of the projector, the public code has a LayerNorm; the latter
is taken.
"""

from collections.abc import Mapping

from torch import Tensor

from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.pooling import pooled_targets
from vega_policy.alignment.projector import AlignmentProjector, alignment_loss
from vega_policy.errors import CheckpointError
from vega_policy.model.policy import PolicyOutput, VegaPolicy
from vega_policy.teachers.teacher import Teacher

__all__ = ["SpatialForcing", "loss", "pooled_targets", "projector_of", "visual_tokens"]

_PUBLIC_NORM = "vlm_norm."


class SpatialForcing(Alignment):
    """Aligns one hidden state of the language model.

    Args:
        teacher: Of one target.
        projector: From the language model's width to the teacher's.
        targets: How the teacher's features become targets.
        layer: Index of the hidden state, 0 for the input embeddings.
        shift_by_one: Whether to take the visual tokens one position late.
    """

    def __init__(
        self,
        teacher: Teacher,
        projector: AlignmentProjector,
        targets: Targets,
        layer: int,
        shift_by_one: bool,
    ) -> None:
        super().__init__(teacher, projector, targets)
        self.keep_layers = (layer,)
        self._shift = shift_by_one

    def students(self, policy: VegaPolicy, output: PolicyOutput, pixels: Tensor) -> list[Tensor]:
        """The hidden state's visual tokens."""
        del policy, pixels
        return [visual_tokens(output, layer, self._shift) for layer in self.keep_layers]


def visual_tokens(output: PolicyOutput, layer: int, shift_by_one: bool) -> Tensor:
    """The positions of a hidden state that hold patches, [B, views * patches, dim]."""
    start = 2 if shift_by_one else 1
    return output.layers[layer][:, start : start + output.dino.shape[1]]


def projector_of(state: Mapping[str, Tensor]) -> AlignmentProjector:
    """A projector of given weights, under this project's names or the public ones.

    Args:
        state: ``fc1``, ``fc2`` and perhaps ``norm`` (publicly ``vlm_norm``), any sizes.

    Raises:
        CheckpointError: The weights are not those of a projector.
    """
    own = {
        "norm." + key.removeprefix(_PUBLIC_NORM) if key.startswith(_PUBLIC_NORM) else key: value
        for key, value in state.items()
    }
    try:
        teacher_dim, student_dim = own["fc1.weight"].shape
        projector = AlignmentProjector(student_dim, teacher_dim, "norm.weight" in own)
        projector.load_state_dict(own)
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"these are not the weights of a projector: {error}") from None
    return projector


def loss(student: Tensor, target: Tensor, projector: AlignmentProjector) -> Tensor:
    """Mean over each sample's tokens of 1 - cosine similarity, then over the batch.

    Args:
        student: Visual tokens [B, tokens, student_dim].
        target: Of :func:`pooled_targets`, [B, tokens, teacher_dim].
        projector: Between them.
    """
    return alignment_loss(projector(student), target)
