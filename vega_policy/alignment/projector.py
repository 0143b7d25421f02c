"""Alignment projectors and loss (paper, section 3.3 and appendix A.3)."""

from torch import Tensor, nn
from torch.nn import functional


class AlignmentProjector(nn.Module):
    """LayerNorm, linear, GELU, linear; Xavier-uniform weights and zero biases.

    The paper calls the LayerNorm optional and then always uses it, so it is on by default. Spatial
    Forcing's projector is the same at other widths.

    Args:
        student_dim: Width of the student's tokens.
        teacher_dim: Width of the teacher's features.
        layer_norm: Whether to normalise first.
    """

    def __init__(self, student_dim: int, teacher_dim: int, layer_norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(student_dim) if layer_norm else nn.Identity()
        self.fc1 = nn.Linear(student_dim, teacher_dim)
        self.fc2 = nn.Linear(teacher_dim, teacher_dim)
        for layer in (self.fc1, self.fc2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, student: Tensor, hidden: int | None = None) -> Tensor:
        """Projects tokens.

        Args:
            student: [B, tokens, student_dim].
            hidden: Use only the first so many hidden units; None uses all.

        Returns:
            [B, tokens, teacher_dim].
        """
        first, second = self.fc1, self.fc2
        x = functional.linear(self.norm(student), first.weight[:hidden], first.bias[:hidden])
        return functional.linear(functional.gelu(x), second.weight[:, :hidden], second.bias)


def nested_widths(hidden: int, count: int, shallowest: float) -> list[int]:
    """Hidden units that each of ROCKET's layer pairs uses, from the shallowest pair on.

    Args:
        hidden: Hidden units of the shared projector.
        count: Layer pairs.
        shallowest: Share of the first pair; the last one's is 1, those between grow linearly. A
            single pair uses ``shallowest``, as in the public code.
    """
    steps = max(count - 1, 1)
    return [max(1, int(hidden * (shallowest + (1 - shallowest) * i / steps))) for i in range(count)]


def alignment_loss(projected: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - cosine similarity over all tokens, in float32.

    The paper's eq. 6 leaves the reduction over views and batch open; the plain mean is taken. As
    every sample has as many tokens, Spatial Forcing's mean over a sample, then over the batch, is
    the same.
    """
    return (1 - functional.cosine_similarity(projected.float(), target.float(), dim=-1)).mean()
