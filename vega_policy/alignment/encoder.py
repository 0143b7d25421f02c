"""VEGA: the DINOv2 tower of the policy learns a spatial teacher's features (paper, section 3.3).

Choices where the paper leaves it open:

- "Second-to-last block" is block ``depth - 2`` counted from 0, the one that OpenVLA reads, without
  the final norm (eq. 4).
- "Bypassing FiLM": FiLM sits inside every block, so a policy's pass has no such features. The
  tower runs once more without it (``tap: plain``). FiLM then gets no gradient from the alignment.
- "LoRA on the language model" alone would leave the tower frozen and the loss without effect on the
  policy, so the tower has to be trained: LoRA covers it, as in OpenVLA-OFT.
- All views are aligned, each token counts the same.
"""

from torch import Tensor

from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.model.policy import PolicyOutput, VegaPolicy
from vega_policy.teachers.teacher import Teacher


class EncoderAlignment(Alignment):
    """Aligns the DINOv2 tower.

    Args:
        teacher: Of one target.
        projector: From the tower's width to the teacher's.
        targets: How the teacher's features become targets.
        film_tap: Whether to take the FiLMed features that the policy consumes instead.
    """

    def __init__(
        self, teacher: Teacher, projector: AlignmentProjector, targets: Targets, film_tap: bool
    ) -> None:
        super().__init__(teacher, projector, targets)
        self._film_tap = film_tap

    def students(self, policy: VegaPolicy, output: PolicyOutput, pixels: Tensor) -> list[Tensor]:
        """The tower's patch tokens."""
        if self._film_tap:
            return [output.dino]
        shown = pixels[:, :6] if self.target_form.head_view_only else pixels
        return [policy.vision_backbone.plain_dino(shown.to(policy.compute_dtype))]
