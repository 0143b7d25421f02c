"""The network, loaded from a reference checkpoint, against what the reference computed with it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benches.parity import head_parity
from benches.parity.comparison import EXACT, Comparison, compare, incomparable
from benches.parity.reference_case import ReferenceCase
from vega_policy.model.layout import TextBatch, text_batch

_IGNORED_LABEL = -100

Outputs = dict[str, Tensor]


@torch.inference_mode()
def compare_model(folder: Path) -> list[Comparison]:
    """Compares every output in a folder of the reference's weights, inputs and outputs.

    Args:
        folder: Holds the checkpoint in the public layout with ``dataset_statistics.json``,
            ``spec.json`` (heads; platform constants where they are not ALOHA's),
            ``inputs.safetensors`` and ``outputs.safetensors``. Sizes are read off these.

    Raises:
        GoldenDataError: Golden data is missing or corrupt.
        CheckpointError: The weights are, or do not fit the sizes.
    """
    case = ReferenceCase(folder)
    groups: dict[tuple[str, ...], Callable[[ReferenceCase], Outputs]] = {
        ("dino_tap_", "siglip_tap_"): _taps,
        ("nofilm_",): partial(_inference, name="nofilm"),
        ("film_",): partial(_inference, name="film"),
        ("train_",): _training_batch,
    }
    ours: Outputs = {}
    for prefixes, compute in groups.items():
        if any(name.startswith(prefixes) for name in case.expected):
            ours |= compute(case)
    return [_compare(case, name, ours.get(name)) for name in case.expected]


def _compare(case: ReferenceCase, name: str, ours: Tensor | None) -> Comparison:
    expected = case.expected[name]
    if ours is None:
        return incomparable(name, expected.shape, "no output of that name is known")
    if name == "train_layer_hidden_mid" and ours.shape == expected.shape:
        # What the reference leaves at the padding is unspecified.
        shown = _training_text(case).valid
        inserted = shown.new_ones(len(shown), ours.shape[1] - shown.shape[1])
        hidden = ~torch.cat([inserted, shown], dim=1)[:, :, None]
        ours, expected = ours.masked_fill(hidden, 0.0), expected.masked_fill(hidden, 0.0)
    if not expected.is_floating_point():
        return compare(name, ours.numpy(), expected.numpy(), EXACT)
    return compare(name, ours.numpy(), expected.numpy())


def _taps(case: ReferenceCase) -> Outputs:
    policy = case.policy
    fused = policy.vision_backbone(case.pixels, None).fused
    dino, siglip = fused.split([policy.config.dino.dim, policy.config.siglip.dim], dim=-1)
    return {"dino_tap_plain": dino, "siglip_tap_plain": siglip}


def _inference(case: ReferenceCase, name: str) -> Outputs:
    prompts = case.input("prompt_ids").tolist()
    text = text_batch(prompts, case.policy.config.action_token_count)
    modulation = case.policy.modulation(text) if name == "film" else None
    inserted = case.policy.encode(*case.first(len(prompts)), modulation).inserted
    outputs = head_parity.chunk(case, inserted, text)
    return {f"{name}_{key}": value for key, value in outputs.items()}


def _training_batch(case: ReferenceCase) -> Outputs:
    policy, text = case.policy, _training_text(case)
    inserted = policy.encode(*case.first(len(text.ids)), policy.modulation(text)).inserted
    outputs, layers = head_parity.training_pass(case, inserted, text)
    outputs["layer_hidden_mid"] = layers[policy.config.llm.layers // 2]
    return {f"train_{key}": value for key, value in outputs.items()}


def _training_text(case: ReferenceCase) -> TextBatch:
    """The reference's right-padded batch; its labels tell where each prompt ends."""
    labelled = case.input("train_labels") != _IGNORED_LABEL
    prompt_lengths = labelled.int().argmax(dim=1)
    valid = case.input("train_attention_mask").bool()
    return TextBatch(case.input("train_input_ids"), valid, prompt_lengths, None)
