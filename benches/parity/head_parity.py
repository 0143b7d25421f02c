"""What each action head computes, under the names of the golden data, prefixes left out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from benches.parity.reference_case import ReferenceCase
from vega_policy.model.config import DiffusionConfig
from vega_policy.model.ddim import DdimSchedule
from vega_policy.model.heads import DiffusionActionHead, DiscreteActionHead
from vega_policy.model.layout import TextBatch

Outputs = dict[str, Tensor]


def chunk(case: ReferenceCase, inserted: Tensor, text: TextBatch) -> Outputs:
    """Inference.

    Args:
        case: Policy and inputs.
        inserted: What the policy sees, from :meth:`VegaPolicy.encode`.
        text: The prompts; all alike in length.

    Returns:
        Hidden states, un-normalised actions, and what else the head makes on the way. Of a batch
        of one, actions have no batch axis.
    """
    head = case.policy.action_head
    if isinstance(head, DiffusionActionHead):
        return _denoised(case, head, inserted, text)
    hidden = case.policy.answer(inserted, text).hidden
    outputs: Outputs = {"action_hidden": hidden}
    if isinstance(head, DiscreteActionHead):
        logits = case.policy.language_model.lm_head(hidden)
        actions = head(logits)
        outputs["token_ids"] = _alone(logits.argmax(dim=-1).view(actions.shape))
        outputs["actions_normalized"] = _alone(actions)
    else:
        actions = head(hidden)
    return outputs | {"actions": _physical(case, actions)}


def _denoised(
    case: ReferenceCase, head: DiffusionActionHead, inserted: Tensor, text: TextBatch
) -> Outputs:
    """Denoising in every number of steps that the golden data has."""
    outputs: Outputs = {}
    schedule = head.schedule
    for steps in _step_counts(case):
        config = DiffusionConfig(train_steps=schedule.train_steps, inference_steps=steps)
        head.schedule = DdimSchedule(config)
        with _watched(head) as passes:
            actions = case.policy.denoise(inserted, text, case.input("noise"))
        made = {
            "first_noise": passes[0][1],
            "last_noise": passes[-1][1],
            "last_action_hidden": passes[-1][0],
            "actions": _physical(case, actions),
        }
        outputs |= {f"{key}_steps_{steps}": value for key, value in made.items()}
    head.schedule = schedule
    return outputs


@contextmanager
def _watched(head: DiffusionActionHead) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Hidden states and noise of every pass through the head meanwhile."""
    passes: list[tuple[Tensor, Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        del module
        passes.append((inputs[0], output))

    handle = head.register_forward_hook(note)
    try:
        yield passes
    finally:
        handle.remove()


def _step_counts(case: ReferenceCase) -> list[int]:
    found = (re.fullmatch(r"\w+_actions_steps_(\d+)", name) for name in case.expected)
    return sorted({int(match[1]) for match in found if match})


def training_pass(
    case: ReferenceCase, inserted: Tensor, text: TextBatch
) -> tuple[Outputs, dict[int, Tensor]]:
    """One pass of the training batch.

    Args:
        case: Policy and inputs.
        inserted: What the policy sees, from :meth:`VegaPolicy.encode`.
        text: The batch's text.

    Returns:
        Its outputs, and the hidden states of every layer of the language model.
    """
    policy = case.policy
    head = policy.action_head
    every_layer = range(policy.config.llm.layers + 1)
    if isinstance(head, DiffusionActionHead):
        noise, levels = case.input("train_noise"), case.input("train_timesteps")
        noisy = head.schedule.add_noise(case.input("train_actions"), noise, levels)
        seen = policy.see_noise(inserted, text, noisy, levels, every_layer)
        return {
            "noisy_actions": noisy,
            "noise_prediction": seen.noise,
            "loss": functional.mse_loss(seen.noise, noise)[None],
            "action_hidden": seen.hidden,
            "projector_features": seen.inserted,
        }, seen.layers
    hidden, layers = policy.answer(inserted, text, keep_layers=every_layer)
    outputs = {"action_hidden": hidden, "projector_features": inserted}
    if isinstance(head, DiscreteActionHead):
        outputs |= _token_losses(case, layers[len(layers) - 1], inserted.shape[1], text)
    else:
        outputs["actions_normalized"] = head(hidden)
    return outputs, layers


def _token_losses(case: ReferenceCase, last: Tensor, inserted: int, text: TextBatch) -> Outputs:
    """Cross-entropy of the action tokens, and of them with the stop token that follows."""
    config = case.policy.config
    offsets = torch.arange(config.action_token_count + 1)
    at = text.prompt_lengths[:, None] + offsets
    places = (at + inserted - 1)[:, :, None].expand(-1, -1, last.shape[-1])
    logits = case.policy.language_model.lm_head(last.gather(1, places))
    wanted = case.input("train_labels").gather(1, at)
    losses = functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
    shape = (-1, config.chunk, config.action_dim)
    return {
        "token_ids": logits[:, :-1].argmax(dim=-1).reshape(shape),
        "token_loss": losses[:, :-1].reshape(shape),
        "loss_with_stop_token": losses.mean()[None],
    }


def _physical(case: ReferenceCase, actions: Tensor) -> Tensor:
    return _alone(torch.from_numpy(case.normalizer.unnormalize(actions.numpy())))


def _alone(values: Tensor) -> Tensor:
    return values[0] if len(values) == 1 else values
