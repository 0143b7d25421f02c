"""The Llama of transformers with attention and positions of this project.

Only what builds a network imports it.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, LlamaConfig, LlamaModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from vega_policy.model.attention import attend
from vega_policy.model.config import LanguageModelConfig

IMPLEMENTATION = "vega_bidirectional"
"""Name under which the language model asks transformers for :func:`attend`."""


class ExactRotaryEmbedding(LlamaRotaryEmbedding):
    """Keeps its frequencies in float32 when the network changes its dtype, as the reference does.

    Rounded to bfloat16 they would turn positions a thousand tokens away by radians.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        exact = self.inv_freq
        super()._apply(fn, recurse)
        self._buffers["inv_freq"] = exact.to(self.inv_freq.device)
        return self


def llama_model(config: LanguageModelConfig) -> LlamaModel:
    """A Llama of these sizes, without ``lm_head``."""
    llama = LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.dim,
        intermediate_size=config.ffn,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=config.max_positions,
        rms_norm_eps=config.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=False,
    )
    llama._attn_implementation = IMPLEMENTATION
    return LlamaModel(llama)


def _llama_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **_: Any,
) -> tuple[Tensor, None]:
    """:func:`attend` in the form transformers calls; output [B, S, heads, head_dim]."""
    del module
    return attend(query, key, value, attention_mask).transpose(1, 2).contiguous(), None


AttentionInterface.register(IMPLEMENTATION, _llama_attention)
