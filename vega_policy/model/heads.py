"""Action heads and the projectors of robot state and noisy actions, with the public names.

OpenVLA-OFT has two continuous heads and the language model's own discrete decoding. Each head here
states what it predicts and what its error of a known chunk is; the order of tokens is the policy's
business.
"""

from torch import Tensor, nn
from torch.nn import functional

from vega_policy.model import bins
from vega_policy.model.config import ModelConfig
from vega_policy.model.ddim import DdimSchedule, timestep_embedding

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
        """[..., in_dim] -> [..., out_dim], in the dtype of the weights."""
        x = functional.relu(self.fc1(self.layer_norm1(x.to(self.fc1.weight.dtype))))
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
        return self.model(_by_step(hidden, self.tokens_per_step))


class NoisePredictor(nn.Module):
    """Holds the diffusion head's MLP under its public name."""

    def __init__(self, in_dim: int, hidden_dim: int, action_dim: int) -> None:
        super().__init__()
        self.mlp_resnet = ResidualMlp(in_dim, hidden_dim, action_dim)


class DiffusionActionHead(nn.Module):
    """Predicts the noise in a noisy chunk; the chunk itself enters as the query tokens.

    Args:
        hidden_dim: Width of the language model.
        action_dim: Values of one action.
        tokens_per_step: Query tokens of one step; their hidden states are concatenated.
        schedule: Noise levels.
    """

    def __init__(
        self, hidden_dim: int, action_dim: int, tokens_per_step: int, schedule: DdimSchedule
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.tokens_per_step = tokens_per_step
        self.schedule = schedule
        self.noise_predictor = NoisePredictor(tokens_per_step * hidden_dim, hidden_dim, action_dim)

    def forward(self, hidden: Tensor) -> Tensor:
        """Query hidden states [B, K * tokens_per_step, dim] -> noise [B, K, D]."""
        return self.noise_predictor.mlp_resnet(_by_step(hidden, self.tokens_per_step))

    def level_token(self, timesteps: Tensor) -> Tensor:
        """Token that tells the noise level: timesteps [B] -> [B, 1, dim] float32."""
        return timestep_embedding(timesteps, self.hidden_dim)[:, None]


class DiscreteActionHead(nn.Module):
    """Reads actions off the language model's vocabulary; it has no weights of its own.

    Args:
        action_dim: Values of one action, each a token.
        base_vocab_size: Size of the vocabulary whose last 256 ids stand for actions.
    """

    def __init__(self, action_dim: int, base_vocab_size: int) -> None:
        super().__init__()
        self.action_dim = action_dim
        self.base_vocab_size = base_vocab_size

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B, K * D, vocabulary] -> normalised actions [B, K, D], the likeliest bins."""
        actions = bins.decode(logits.argmax(dim=-1), self.base_vocab_size)
        return actions.unflatten(1, (-1, self.action_dim))

    def error(self, logits: Tensor, actions: Tensor) -> Tensor:
        """Cross-entropy of the right ids, mean over each step's tokens.

        Args:
            logits: [B, K * D, vocabulary].
            actions: Normalised [B, K, D].

        Returns:
            [B, K] float32.
        """
        ids = bins.encode(actions, self.base_vocab_size).flatten(1)
        each = functional.cross_entropy(logits.float().transpose(1, 2), ids, reduction="none")
        return each.unflatten(1, (-1, self.action_dim)).mean(dim=-1)


ActionHead = L1ActionHead | DiffusionActionHead | DiscreteActionHead


def build_head(config: ModelConfig) -> ActionHead:
    """The action head that a configuration asks for."""
    width, per_step = config.llm.dim, config.tokens_per_step
    if config.head == "l1":
        return L1ActionHead(width, config.action_dim, per_step)
    if config.head == "diffusion":
        schedule = DdimSchedule(config.diffusion)
        return DiffusionActionHead(width, config.action_dim, per_step, schedule)
    return DiscreteActionHead(config.action_dim, config.llm.base_vocab_size)


def _by_step(hidden: Tensor, tokens_per_step: int) -> Tensor:
    """[B, K * tokens_per_step, dim] -> [B, K, tokens_per_step * dim]."""
    batch, tokens, _ = hidden.shape
    return hidden.reshape(batch, tokens // tokens_per_step, -1)


class TokenProjector(nn.Module):
    """Maps numbers to the language model's width: linear, GELU, linear.

    Args:
        in_dim: The robot state's length (``proprio_projector``), or the action values of one query
            token (``noisy_action_projector``; 1 in the public checkpoints).
        llm_dim: Width of the language model.
    """

    def __init__(self, in_dim: int, llm_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_dim, llm_dim)
        self.fc2 = nn.Linear(llm_dim, llm_dim)

    def forward(self, values: Tensor) -> Tensor:
        """[..., in_dim] -> [..., llm_dim], in the dtype of the weights."""
        return self.fc2(functional.gelu(self.fc1(values.to(self.fc1.weight.dtype))))
