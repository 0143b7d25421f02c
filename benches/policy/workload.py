"""A network of random weights with one observation, and its stages one after the other."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benches.policy.timing import Laps, Stopwatch
from vega_policy.errors import PolicyError
from vega_policy.images import preprocess
from vega_policy.model.config import ModelConfig
from vega_policy.model.heads import DiffusionActionHead, DiscreteActionHead
from vega_policy.model.initialization import random_on
from vega_policy.model.layout import BOS_ID, TextBatch, text_batch
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import Recipe
from vega_policy.vega_contract import ImageContract

FRAME = (480, 640)
"""Rows and columns of a camera frame."""
MODEL_STAGES = ("vision", "llm", "head")
MODEL = "model"
"""Sum of the model's stages, without preprocessing."""
_GIB = 2**30
_WORDS = 100


class BenchError(PolicyError):
    """A measurement cannot be made here."""


class Workload:
    """What is measured.

    Args:
        recipe: Model and preprocessing; weights that are never computed are left out.
        device: Where it runs.
        dtype: Of the large parts.
        compiled: Whether the stages go through ``torch.compile`` with static shapes, on CUDA as
            CUDA graphs.
        prompt_tokens: Length of the prompt, BOS included.

    Raises:
        BenchError: The network does not fit into the device's memory.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        dtype: torch.dtype,
        compiled: bool,
        prompt_tokens: int,
    ) -> None:
        self.config = recipe.model.model_copy(update={"full_layout": False})
        self._device = device
        self._compiled = compiled
        self._image = ImageContract(
            squash=recipe.image.squash,
            size=self.config.image_size,
            crop_area=recipe.image.crop_area,
            jpeg=recipe.image.jpeg,
        )
        require_memory(self.config, dtype, device)
        policy = random_on(self.config, device, dtype).eval().requires_grad_(False)
        self._text = _prompt(self.config, prompt_tokens).to(device)
        with torch.no_grad():
            self._modulation = policy.modulation(self._text)
        rng = np.random.default_rng(0)
        self._frames = [
            torch.from_numpy(rng.integers(0, 256, (1, *FRAME, 3), np.uint8))
            for _ in range(self.config.views)
        ]
        self._state = torch.zeros(1, self.config.proprio_dim)
        self._noise = torch.randn(1, self.config.chunk, self.config.action_dim).to(device)
        self._policy = policy
        self._decide = _head_stage(policy)
        if compiled:
            self._compile()

    def _compile(self) -> None:
        mode = "reduce-overhead" if self._device.type == "cuda" else None
        policy = self._policy
        policy.encode = torch.compile(policy.encode, dynamic=False, mode=mode)  # type: ignore[method-assign]
        # The diffusion head's steps go through it as well.
        policy.answer = torch.compile(policy.answer, dynamic=False, mode=mode)  # type: ignore[method-assign]
        self._decide = torch.compile(self._decide, dynamic=False, mode=mode)

    @torch.no_grad()
    def run(self) -> Laps:
        """One chunk: milliseconds of each stage, of the model's stages together, and of all."""
        if self._compiled and self._device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        watch = Stopwatch(self._device)
        views = [frames.to(self._device) for frames in self._frames]
        pixels = preprocess(views, self._image)
        watch.lap("preprocess")
        state = self._state.to(self._device) if self.config.proprio else None
        inserted = self._policy.encode(pixels, state, self._modulation).inserted
        watch.lap("vision")
        if isinstance(self._policy.action_head, DiffusionActionHead):
            hidden = self._policy.denoise(inserted, self._text, self._noise)
        else:
            hidden = self._policy.answer(inserted, self._text).hidden
        watch.lap("llm")
        self._decide(hidden).float().cpu()
        watch.lap("head")
        laps = watch.laps()
        return {**laps, MODEL: sum(laps[stage] for stage in MODEL_STAGES)}


def _head_stage(policy: VegaPolicy) -> Callable[[Tensor], Tensor]:
    head = policy.action_head

    def decide(hidden: Tensor) -> Tensor:
        if isinstance(head, DiffusionActionHead):
            return hidden  # actions already, the head was part of every pass
        if isinstance(head, DiscreteActionHead):
            return head(policy.language_model.lm_head(hidden))
        return head(hidden)

    return decide


def _prompt(config: ModelConfig, tokens: int) -> TextBatch:
    ids = [BOS_ID, *(3 + number % _WORDS for number in range(tokens - 1))]
    return text_batch([ids], config.action_token_count)


def weight_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    """Memory of the weights."""
    policy = VegaPolicy.empty(config).to_compute_dtype(dtype)
    return sum(weight.numel() * weight.element_size() for weight in policy.parameters())


def require_memory(config: ModelConfig, dtype: torch.dtype, device: torch.device) -> None:
    """Checks that the weights fit before any of them is made.

    Raises:
        BenchError: They do not.
    """
    needed, free = weight_bytes(config, dtype), free_bytes(device)
    if free is not None and needed > free:
        raise BenchError(
            f"the weights need {needed / _GIB:.1f} GiB in {str(dtype).removeprefix('torch.')}, "
            f"{device} has {free / _GIB:.1f} GiB free: take a smaller recipe, --dtype bfloat16 or "
            "another device"
        )


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a device; None if it cannot be told."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return None
