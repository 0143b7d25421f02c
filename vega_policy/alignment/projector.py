"""Alignment projector and loss (paper, section 3.3 and appendix A.3)."""

from torch import Tensor, nn
from torch.nn import functional


class AlignmentProjector(nn.Module):
    """LayerNorm, linear, GELU, linear; Xavier-uniform weights and zero biases.

    The paper calls the LayerNorm optional and then always uses it, so it is on by default.

    Args:
        student_dim: Width of the DINOv2 tower.
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

    def forward(self, student: Tensor) -> Tensor:
        """[B, tokens, student_dim] -> [B, tokens, teacher_dim]."""
        return self.fc2(functional.gelu(self.fc1(self.norm(student))))


def alignment_loss(projected: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - cosine similarity over all tokens, in float32.

    The paper's eq. 8 leaves the reduction over views and batch open; the plain mean is taken.
    """
    return (1 - functional.cosine_similarity(projected.float(), target.float(), dim=-1)).mean()
