"""The Llama decoder of transformers, run as a bidirectional encoder.

OpenVLA-OFT lets every token see every token that is not padding. A causal decoder runs just as well
and acts badly, so :func:`assert_bidirectional` probes the real module at load time.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy.errors import CheckpointError
from vega_policy.model.config import LanguageModelConfig

_PADDING_LEAK = 0.01
"""Largest effect of a padded token, of a shown one's; zero but for rounding."""


class HiddenStates(NamedTuple):
    """Output of the language model.

    Attributes:
        last: After the final norm, [B, S, dim].
        layers: The states asked for, by index: 0 are the input embeddings, i the output of layer i
            counted from one, the last of them after the final norm.
    """

    last: Tensor
    layers: dict[int, Tensor]


class LanguageModel(nn.Module):
    """Llama without its causal mask.

    Args:
        config: Sizes.
        lm_head: Whether to hold ``lm_head``, which continuous action heads never compute.
    """

    def __init__(self, config: LanguageModelConfig, lm_head: bool) -> None:
        super().__init__()
        from vega_policy.model.llama import llama_model  # transformers takes seconds to import

        self.model = llama_model(config)
        self.rebuild_positions()
        if lm_head:
            self.lm_head = nn.Linear(config.dim, config.vocab_size, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """Input embeddings [..., dim] of token ids."""
        return self.model.embed_tokens(ids)

    def forward(
        self,
        embeddings: Tensor,
        valid: Tensor | None = None,
        keep_layers: Collection[int] = (),
    ) -> HiddenStates:
        """Hidden states of a sequence.

        Args:
            embeddings: [B, S, dim].
            valid: Boolean [B, S], False at padding; None if nothing is padded.
            keep_layers: Indices of the states to return besides, see :class:`HiddenStates`.

        Raises:
            ValueError: There is no layer of such an index.
        """
        absent = [index for index in keep_layers if not 0 <= index <= len(self.model.layers)]
        if absent:
            raise ValueError(
                f"no hidden state {absent[0]}: the language model has 0 (input embeddings) to "
                f"{len(self.model.layers)}"
            )
        length = embeddings.shape[1]
        mask = None if valid is None else valid[:, None, None, :].expand(-1, 1, length, -1)
        positions = torch.arange(length, device=embeddings.device)[None]
        rotary = self.model.rotary_emb(embeddings, positions)
        # The layers are run one by one because the model's own pass would add its causal mask to
        # any attention implementation that it knows.
        layers = {}
        hidden = embeddings
        for index, layer in enumerate(self.model.layers):
            if index in keep_layers:
                layers[index] = hidden
            hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary)
        hidden = self.model.norm(hidden)
        if len(self.model.layers) in keep_layers:
            layers[len(self.model.layers)] = hidden
        return HiddenStates(hidden, layers)

    def rebuild_positions(self) -> None:
        """Computes the rotary embedding's frequencies anew, on the CPU and in float32."""
        from vega_policy.model.llama import ExactRotaryEmbedding

        with torch.device("cpu"):
            self.model.rotary_emb = ExactRotaryEmbedding(self.model.config)


@torch.no_grad()
def assert_bidirectional(model: LanguageModel, tokens: int = 8) -> None:
    """Checks that an early token sees a late one, unless that is padding.

    Args:
        model: The language model as it will be run, on any device and of any dtype.
        tokens: Length of the probe.

    Raises:
        CheckpointError: The first hidden state ignores the last token, so attention is causal; or
            it heeds padding.
    """
    weight = model.model.embed_tokens.weight
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(1, tokens, weight.shape[1], generator=generator)
    probe = probe.to(weight.device, weight.dtype)
    changed = probe.clone()
    changed[:, -1] = -changed[:, -1]
    shown = torch.ones(1, tokens, dtype=torch.bool, device=weight.device)
    padded = shown.clone()
    padded[:, -1] = False

    def effect(valid: Tensor | None) -> float:
        """Change of the first hidden state when the last token changes."""
        first, other = (model(tokens, valid).last[:, 0].float() for tokens in (probe, changed))
        return float((first - other).abs().max())

    heeded = min(effect(None), effect(shown))
    if heeded == 0:
        raise CheckpointError(
            "the language model attends causally: changing the last token left the first "
            "hidden state untouched. OpenVLA-OFT needs full bidirectional attention and would "
            "run, but act wrongly. Use the transformers version this project pins."
        )
    if not effect(padded) <= _PADDING_LEAK * heeded:
        raise CheckpointError(
            "the language model attends to padding: changing a padded token changed the first "
            "hidden state. Use the transformers version this project pins."
        )
