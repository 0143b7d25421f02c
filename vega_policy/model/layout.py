"""The order of tokens in a sequence, to the last one as OpenVLA-OFT has it.

    [BOS] [patches of every view] [state] [noise level] [prompt from its 2nd token] [queries] [stop]
    [padding]

The state token is there if the policy sees the robot state, the noise level if it denoises. Action
queries enter as zeros, and only their position tells them apart, or as projected noisy actions. As
in next-token prediction a query's answer is read one position early: with P inserted tokens
(patches, state, noise level) and a prompt of L ids, the A answers are at
[P + L - 1 : P + L - 1 + A].
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vega_policy.model.config import ModelConfig

BOS_ID = 1
STOP_ID = 2
QUERY_ID = 1
"""Placeholder at the query positions. Its embedding is replaced by zeros, so any id would do."""


def sequence_length(config: ModelConfig, prompt_ids: int) -> int:
    """Tokens that the language model works on.

    Args:
        config: Of the policy.
        prompt_ids: Tokens of the prompt, BOS among them.
    """
    inserted = config.views * config.patches_per_view + config.proprio
    inserted += config.head == "diffusion"
    return inserted + prompt_ids + config.action_token_count + 1


class TextBatch(NamedTuple):
    """Prompts with query placeholders, right-padded.

    Attributes:
        ids: [B, T] int64: prompt (BOS first), A placeholders, stop, padding.
        valid: [B, T] bool, False at padding.
        prompt_lengths: [B] int64, ids of each prompt.
        uniform_length: The common prompt length, or None if the prompts differ in length.
    """

    ids: Tensor
    valid: Tensor
    prompt_lengths: Tensor
    uniform_length: int | None

    def query_mask(self, queries: int) -> Tensor:
        """Boolean [B, T], True at the A query positions."""
        offset = torch.arange(self.ids.shape[1], device=self.ids.device)
        offset = offset[None] - self.prompt_lengths[:, None]
        return (offset >= 0) & (offset < queries)

    def to(self, device: torch.device) -> "TextBatch":
        """The same batch on another device."""
        return TextBatch(
            self.ids.to(device),
            self.valid.to(device),
            self.prompt_lengths.to(device),
            self.uniform_length,
        )


def text_batch(prompts: Sequence[Sequence[int]], queries: int, pad_id: int = 0) -> TextBatch:
    """Lays out the text part of a batch.

    Args:
        prompts: Token ids of each prompt, BOS first.
        queries: Number A of action query tokens.
        pad_id: Id at the padding; masked, so its value shows only in the reference's FiLM mean.
    """
    rows = [[*prompt, *[QUERY_ID] * queries, STOP_ID] for prompt in prompts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad_id] * (longest - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    valid = torch.arange(longest)[None] < lengths[:, None]
    prompt_lengths = [len(prompt) for prompt in prompts]
    uniform = prompt_lengths[0] if len(set(prompt_lengths)) == 1 else None
    return TextBatch(ids, valid, torch.tensor(prompt_lengths), uniform)


def insert_after_first(text: Tensor, inserted: Tensor) -> Tensor:
    """Puts tokens between BOS and the rest: [B, T, D], [B, P, D] -> [B, T + P, D]."""
    return torch.cat([text[:, :1], inserted, text[:, 1:]], dim=1)


def replace_queries(embedded: Tensor, text: TextBatch, queries: Tensor) -> Tensor:
    """Puts embeddings at the query positions.

    Args:
        embedded: Input embeddings of the text [B or 1, T, D].
        text: The text, of B samples or of one that all share.
        queries: [B, A, D].

    Returns:
        [B, T, D].
    """
    count = queries.shape[1]
    offset = torch.arange(text.ids.shape[1], device=queries.device) - text.prompt_lengths[:, None]
    index = offset.clamp(0, count - 1)[:, :, None].expand(len(queries), -1, queries.shape[-1])
    mask = text.query_mask(count)[:, :, None]
    return torch.where(mask, queries.gather(1, index), embedded)


def answers(hidden: Tensor, text: TextBatch, inserted: int, queries: int) -> Tensor:
    """Hidden states that answer the queries.

    Args:
        hidden: [B, S, D] of the whole sequence.
        text: The batch's text part.
        inserted: Number P of tokens between BOS and the rest of the prompt.
        queries: Number A of action query tokens.

    Returns:
        [B, A, D].
    """
    if text.uniform_length is not None:
        start = inserted + text.uniform_length - 1
        return hidden[:, start : start + queries]
    starts = inserted + text.prompt_lengths - 1
    index = starts[:, None] + torch.arange(queries, device=hidden.device)
    return hidden.gather(1, index[:, :, None].expand(-1, -1, hidden.shape[-1]))
