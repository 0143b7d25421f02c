"""The interface of every way to align a policy to a teacher."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy.alignment.pooling import pooled_targets
from vega_policy.alignment.projector import AlignmentProjector, alignment_loss
from vega_policy.model.policy import PolicyOutput, VegaPolicy
from vega_policy.teachers.teacher import Teacher, TeacherInput


class Targets(NamedTuple):
    """How a teacher's features become targets.

    Attributes:
        grid: The student's patches along one side of a view; other grids are pooled to it.
        position_embedding: Whether positions are added to the features.
        head_view_only: Whether only the first view counts. The teacher sees all of them anyway.
    """

    grid: int
    position_embedding: bool = False
    head_view_only: bool = False


class Alignment(nn.Module, ABC):
    """A frozen teacher, the students that are aligned to it, and the projector between them.

    The projector is all that it trains of its own; it is discarded when the policy is deployed.

    Args:
        teacher: Answers one target for each student.
        projector: From a student's width to the teacher's.
        targets: How the teacher's features become targets.
    """

    keep_layers: tuple[int, ...] = ()
    """Hidden states of the language model that the policy's pass has to keep."""

    def __init__(self, teacher: Teacher, projector: AlignmentProjector, targets: Targets) -> None:
        super().__init__()
        self.projector = projector
        self.teacher = teacher
        self.target_form = targets

    @abstractmethod
    def students(self, policy: VegaPolicy, output: PolicyOutput, pixels: Tensor) -> list[Tensor]:
        """Patch tokens [B, views * patches, dim], or of the first view at least.

        Args:
            policy: The network.
            output: Of its pass, with ``keep_layers``.
            pixels: What it saw, [B, 6 * V, S, S].
        """

    def project(self, index: int, student: Tensor) -> Tensor:
        """Student number ``index`` in the teacher's space."""
        del index
        return self.projector(student)

    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """What the teacher says of a batch, at the student's patches: [B, tokens, dim] each."""
        grid, position_embedding, head_view_only = self.target_form
        shown = slice(1) if head_view_only else slice(None)
        return [
            pooled_targets(hidden[:, shown], grid, position_embedding)
            for hidden in self.teacher.targets(batch)
        ]

    def forward(self, policy: VegaPolicy, output: PolicyOutput, batch: TeacherInput) -> Tensor:
        """Alignment loss of a batch: the mean over the students, a scalar in float32."""
        dtype = self.projector.fc1.weight.dtype
        students = self.students(policy, output, batch.pixels)
        losses = []
        for index, (student, target) in enumerate(zip(students, self.targets(batch))):
            projected = self.project(index, student[:, : target.shape[1]].to(dtype))
            losses.append(alignment_loss(projected, target))
        return torch.stack(losses).mean()
