"""Action heads and the projector of the robot state, with the public parameter names."""

from torch import Tensor, nn
from torch.nn import functional

RESIDUAL_BLOCKS = 2


class ResidualBlock(nn.Module):
    """LayerNorm, linear, ReLU, plus identity."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.ffn(x)


class ResidualMlp(nn.Module):
    """The MLP of OpenVLA-OFT's continuous heads ("MLPResNet")."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(in_dim)
        self.fc1 = nn.Linear(in_dim, hidden_dim)
        self.mlp_resnet_blocks = nn.ModuleList(
            ResidualBlock(hidden_dim) for _ in range(RESIDUAL_BLOCKS)
        )
        self.layer_norm2 = nn.LayerNorm(hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_dim] -> [..., out_dim]."""
        x = functional.relu(self.fc1(self.layer_norm1(x)))
        for block in self.mlp_resnet_blocks:
            x = block(x)
        return self.fc2(self.layer_norm2(x))


class L1ActionHead(nn.Module):
    """Regresses each step's action from the hidden states of that step's query tokens.

    Args:
        hidden_dim: Width of the language model.
        action_dim: Values of one action.
        tokens_per_step: Query tokens of one step; their hidden states are concatenated.
    """

    def __init__(self, hidden_dim: int, action_dim: int, tokens_per_step: int) -> None:
        super().__init__()
        self.tokens_per_step = tokens_per_step
        self.model = ResidualMlp(tokens_per_step * hidden_dim, hidden_dim, action_dim)

    def forward(self, hidden: Tensor) -> Tensor:
        """Query hidden states [B, K * tokens_per_step, dim] -> normalised actions [B, K, D]."""
        batch, tokens, _ = hidden.shape
        return self.model(hidden.reshape(batch, tokens // self.tokens_per_step, -1))


class ProprioProjector(nn.Module):
    """Maps the normalised robot state to one token."""

    def __init__(self, proprio_dim: int, llm_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(proprio_dim, llm_dim)
        self.fc2 = nn.Linear(llm_dim, llm_dim)

    def forward(self, proprio: Tensor) -> Tensor:
        """[B, proprio_dim] -> [B, llm_dim]."""
        return self.fc2(functional.gelu(self.fc1(proprio)))
