"""One training step on the meta device: what it holds, and how much it computes."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import hw_config
from vega_policy.alignment.build import alignment_of_sizes
from vega_policy.data.dataset import Batch
from vega_policy.images import Crops, Jitter
from vega_policy.inspect import PROMPT_TOKENS
from vega_policy.model.layout import BOS_ID, text_batch
from vega_policy.plan.kernels import Device, kernels_of
from vega_policy.plan.recorder import StorageRecorder
from vega_policy.recipe import Recipe
from vega_policy.teachers.teacher import Scene, Teacher
from vega_policy.training import augmentation
from vega_policy.training.objective import Objective
from vega_policy.training.optimizer import MasterAdamW
from vega_policy.training.ranks import Ranks
from vega_policy.training.start import checkpoint_gradients, policy_of_sizes

META = torch.device("meta")
SCENE_SIDE = 64
"""Pixels a side of the ground truth that the twin records."""
MOMENTS = 2
"""Of AdamW, for each trained weight."""


class Part:
    """Names of what memory is spent on."""

    WEIGHTS = "weights"
    TEACHER = "teacher"
    MASTERS = "masters"
    MOMENTS = "moments"
    AVERAGES = "averages"
    GRADIENTS = "gradients"
    ACTIVATIONS = "activations"
    TEMPORARY = "temporary"


class Blocks(NamedTuple):
    """How the weights lie in the network, in bytes.

    Attributes:
        largest: Of the largest transformer block.
        largest_trained: Of its gradients, in the weights' dtype and in float32.
        outside: Of all weights in no transformer block.
        outside_trained: Of their gradients.
    """

    largest: int
    largest_trained: int
    outside: int
    outside_trained: int


class Step(NamedTuple):
    """A step of one process that holds everything itself.

    Attributes:
        kept: Bytes that are there between steps, by part.
        trace: Of the passes forward and backward.
        gradients: Bytes of all gradients in float32, as the update needs them.
        largest_gradient: Of the largest trained weight, as float32.
        blocks: Of the policy.
        flops: Of all micro-batches, forward, backward and the teacher.
        operations: Calls of kernels, likewise.
        micro_batches: Passes of a step.
    """

    kept: Counter[str]
    trace: StorageRecorder
    gradients: int
    largest_gradient: int
    blocks: Blocks
    flops: int
    operations: int
    micro_batches: int

    @property
    def peak(self) -> Counter[str]:
        """Bytes at the fullest moment of the passes, by part."""
        return self.trace.peak()


class Sketch:
    """What is trained, without memory for its weights.

    Args:
        recipe: What to train and how.
        prompt_tokens: Tokens of the instruction in its prompt, BOS included.

    Raises:
        RecipeError: The recipe asks for what there is not, or peft is not installed.
    """

    def __init__(self, recipe: Recipe, prompt_tokens: int = PROMPT_TOKENS) -> None:
        self.recipe = recipe
        self._prompt = [BOS_ID] * prompt_tokens
        views = recipe.model.views
        cameras = (views * tuple(str(name) for name in hw_config.load().cameras))[:views]
        alignment = alignment_of_sizes(recipe, cameras)
        self.objective = Objective(policy_of_sizes(recipe), recipe, alignment).train()
        trained = [weight for weight in self.objective.parameters() if weight.requires_grad]
        self.optimizer = MasterAdamW(trained, recipe.training.optimizer, _Alone())

    def checkpoint_gradients(self) -> None:
        """Turns gradient checkpointing on."""
        checkpoint_gradients(self.objective.policy)

    def step(self, samples: int, micro_batches: int = 1, device: Device = "cuda") -> Step:
        """Makes a step, but for its update.

        Args:
            samples: Of each micro-batch.
            micro_batches: Passes of a step.
            device: Whose kernels are run.
        """
        masters = self.optimizer.masters
        recorder = StorageRecorder(Part.TEMPORARY)
        moments = [torch.empty_like(master) for master in masters for _ in range(MOMENTS)]
        self._name_kept(recorder, moments)
        kept = recorder.held()
        if micro_batches > 1:  # the fullest pass is one after the first
            for master in masters:
                master.grad = torch.zeros_like(master)
            recorder.name(Part.GRADIENTS, self._accumulated())
        self._pass(recorder, samples, device)
        for master in masters:
            master.grad = None
        return Step(
            kept=kept,
            trace=recorder,
            gradients=sum(master.nbytes for master in masters),
            largest_gradient=max((master.nbytes for master in masters), default=0),
            blocks=_blocks_of(self.objective),
            flops=micro_batches * recorder.flops,
            operations=micro_batches * recorder.operations,
            micro_batches=micro_batches,
        )

    def _name_kept(self, recorder: StorageRecorder, moments: list[Tensor]) -> None:
        objective, optimizer = self.objective, self.optimizer
        recorder.name(Part.WEIGHTS, [*objective.parameters(), *objective.buffers()])
        if objective.alignment is not None:
            recorder.name(Part.TEACHER, _tensors_of(objective.alignment.teacher))
        recorder.name(Part.MASTERS, optimizer.masters)
        recorder.name(Part.MOMENTS, moments)
        recorder.name(Part.AVERAGES, optimizer.averages or ())

    def _pass(self, recorder: StorageRecorder, samples: int, device: Device) -> None:
        """One micro-batch, as the trainer computes it."""
        with recorder, kernels_of(device):
            batch, changes = self._inputs(samples)
            losses = self.objective(batch, *changes)
            recorder.name_rest(Part.ACTIVATIONS)
            torch.autograd.backward([losses.total])
            recorder.name(Part.GRADIENTS, (w.grad for w in self.objective.parameters()))
            self.optimizer.accumulate()
            recorder.name(Part.GRADIENTS, self._accumulated())

    def _accumulated(self) -> Iterator[Tensor | None]:
        return (master.grad for master in self.optimizer.masters)

    def _inputs(self, samples: int) -> tuple[Batch, tuple[Crops, Jitter | None]]:
        """What the trainer puts onto the device, of samples with one instruction."""
        model = self.recipe.model
        views = samples * model.views
        drawn = augmentation.draw(self.recipe, views, np.random.default_rng(0))
        side, scene = model.image_size, None
        if self.recipe.alignment.needs_scene:
            shape = (samples, model.views, SCENE_SIDE, SCENE_SIDE)
            scene = Scene(
                torch.empty(shape, dtype=torch.float16, device=META),
                torch.empty(shape, dtype=torch.uint8, device=META),
                torch.empty(samples, model.views, 4, 4, device=META),
            )
        batch = Batch(
            torch.empty(samples, model.views, side, side, 3, dtype=torch.uint8, device=META),
            torch.empty(samples, model.proprio_dim, device=META),
            torch.empty(samples, model.chunk, model.action_dim, device=META),
            text_batch([self._prompt], model.action_token_count).to(META),
            scene,
        )
        return batch, augmentation.part_of(drawn, slice(0, views), META)


class _Alone(Ranks):
    """No process beside this one; starts nothing."""

    def __init__(self) -> None:
        self.size, self.rank, self.device = 1, 0, META


def _tensors_of(teacher: Teacher) -> Iterator[Tensor]:
    for module in vars(teacher).values():
        if isinstance(module, nn.Module):
            yield from module.parameters()
            yield from module.buffers()


def _blocks_of(objective: Objective) -> Blocks:
    inside: set[nn.Parameter] = set()
    sizes = [(0, 0)]
    for module in objective.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                weights = set(block.parameters()) - inside
                inside |= weights
                sizes.append(_sizes(weights))
    outside = set(objective.parameters()) - inside
    largest, largest_trained = (max(column) for column in zip(*sizes))
    return Blocks(largest, largest_trained, *_sizes(outside))


def _sizes(weights: set[nn.Parameter]) -> tuple[int, int]:
    """Of weights, and of the gradients of those that are trained, in their dtype and float32."""
    trained = [weight for weight in weights if weight.requires_grad]
    gradients = sum(weight.nbytes + 4 * weight.numel() for weight in trained)
    return sum(weight.nbytes for weight in weights), gradients
