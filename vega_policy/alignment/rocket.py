"""ROCKET: many hidden states of the language model learn as many layers of VGGT.

Everything is as in Spatial Forcing, but for a list of (student layer, teacher layer) pairs, whose
losses are averaged, and ONE projector that all pairs share. The projector is nested: pair i uses
its first ``int(d * r_i)`` hidden units, ``r`` growing linearly from 0.2 at the shallowest pair to 1
at the deepest, so the units that shallow layers train are a part of what deep layers use.

The public code lets -1 stand for the last layer of the student and then takes index 31 of 0..32,
which is the input of the last layer, not its output. That index is what -1 means here too.
"""

from torch import Tensor

from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.projector import AlignmentProjector, nested_widths
from vega_policy.alignment.spatial_forcing import visual_tokens
from vega_policy.model.policy import PolicyOutput, VegaPolicy
from vega_policy.teachers.teacher import Teacher


class Rocket(Alignment):
    """Aligns a list of hidden states of the language model.

    Args:
        teacher: Of one target for each layer.
        projector: From the language model's width to the teacher's, shared.
        targets: How the teacher's features become targets.
        layers: Indices of the hidden states, shallow to deep, 0 for the input embeddings.
        shallowest_width: Share of the projector's hidden units that the first layer uses.
        shift_by_one: Whether to take the visual tokens one position late.
    """

    def __init__(
        self,
        teacher: Teacher,
        projector: AlignmentProjector,
        targets: Targets,
        layers: tuple[int, ...],
        shallowest_width: float,
        shift_by_one: bool,
    ) -> None:
        super().__init__(teacher, projector, targets)
        self.keep_layers = layers
        self.widths = nested_widths(projector.fc1.out_features, len(layers), shallowest_width)
        self._shift = shift_by_one

    def students(self, policy: VegaPolicy, output: PolicyOutput, pixels: Tensor) -> list[Tensor]:
        """The visual tokens of each hidden state."""
        del policy, pixels
        return [visual_tokens(output, layer, self._shift) for layer in self.keep_layers]

    def project(self, index: int, student: Tensor) -> Tensor:
        """Student number ``index`` through its share of the projector."""
        return self.projector(student, self.widths[index])
