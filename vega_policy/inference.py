"""Runs a policy of the kind ``vega``: OpenVLA-OFT's network behind the general protocol."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vega_policy import checkpoint, instructions
from vega_policy.checkpoint import LoadedPolicy
from vega_policy.errors import ObservationError
from vega_policy.images import check_frame, preprocess
from vega_policy.model.layout import TextBatch, sequence_length, text_batch
from vega_policy.model.vision import VisionModulation
from vega_policy.normalization import Normalizer
from vega_policy.policy import ActionChunk, Observation, checked_state

_WARM_UP_PASSES = 2
_REMEMBERED_INSTRUCTIONS = 16
_NOISE_SEED = 0


class VegaRunner:
    """A loaded policy. Equal observations give equal chunks; calls must not overlap.

    Args:
        loaded: From :func:`vega_policy.checkpoint.load`.
        device: Where its weights are.
    """

    def __init__(self, loaded: LoadedPolicy, device: str = "cpu") -> None:
        self.contract = loaded.contract
        self._policy = loaded.policy
        self._tokenizer = loaded.tokenizer
        self._device = torch.device(device)
        normalization = loaded.contract.normalization
        self._proprio = Normalizer(normalization.proprio, normalization.scheme)
        self._action = Normalizer(normalization.action, normalization.scheme)
        self._instructions: dict[str, tuple[TextBatch, VisionModulation | None]] = {}
        self._warm_up()

    @classmethod
    def load(cls, directory: Path | str, device: str = "cpu", threads: int = 1) -> "VegaRunner":
        """Loads a checkpoint, probes it, and runs it once or twice.

        Args:
            directory: The checkpoint.
            device: For example ``cpu`` or ``cuda``.
            threads: CPU threads of a model operation, for this whole process.

        Raises:
            CheckpointError: The checkpoint is incomplete, corrupt or contradicts itself.
        """
        torch.set_num_threads(threads)
        return cls(checkpoint.load(Path(directory), device), device)

    @torch.inference_mode()
    def infer(self, observation: Observation) -> ActionChunk:
        """Predicts the chunk of actions that follows an observation.

        Raises:
            ObservationError: The observation does not have the form the policy was trained on.
        """
        begin = time.perf_counter()
        state = checked_state(observation.state, self.contract)
        text, modulation = self._instructed(observation.instruction)
        pixels = self._pixels(observation.images)
        proprio = torch.from_numpy(self._proprio.normalize_observation(state))[None]
        prepared = time.perf_counter()
        # A generator of its own: what a diffusion head draws depends on nothing that ran before.
        generator = torch.Generator().manual_seed(_NOISE_SEED)
        actions = self._policy.predict(
            pixels, proprio.to(self._device), text, modulation, generator
        )
        values = self._action.unnormalize(actions[0].float().cpu().numpy())
        end = time.perf_counter()
        return ActionChunk(
            values,
            {
                "preprocess": 1e3 * (prepared - begin),
                "model": 1e3 * (end - prepared),
                "total": 1e3 * (end - begin),
            },
        )

    def reset(self) -> None:
        """Changes nothing: what it answers depends on one observation alone."""

    def close(self) -> None:
        """Forgets its instructions; the weights go with the last reference to them."""
        self._instructions.clear()

    def _pixels(self, images: object) -> Tensor:
        wanted = f"expected images of {', '.join(self.contract.camera_names)}"
        if not isinstance(images, Mapping):
            raise ObservationError(f"{wanted} by name, got {type(images).__name__}")
        came = ", ".join(map(str, images)) or "none"
        missing = [name for name in self.contract.camera_names if name not in images]
        if missing:
            raise ObservationError(f"no image of {', '.join(missing)}: {wanted}, got {came}")
        if len(images) != len(self.contract.cameras):
            raise ObservationError(f"images of other cameras too: {wanted}, got {came}")
        frames = [
            check_frame(camera.name, images[camera.name], camera.height, camera.width)
            for camera in self.contract.cameras
        ]
        views = [torch.from_numpy(frame)[None].to(self._device) for frame in frames]
        return preprocess(views, self.contract.image)

    def _instructed(self, instruction: object) -> tuple[TextBatch, VisionModulation | None]:
        """Prompt and FiLM of an instruction, kept because they depend on nothing else."""
        wrong = instructions.fault(instruction)
        if wrong or not isinstance(instruction, str):
            raise ObservationError(f"instruction: {wrong}")
        if instruction not in self._instructions:
            if len(self._instructions) >= _REMEMBERED_INSTRUCTIONS:
                self._instructions.clear()
            config = self._policy.config
            prompt = self._tokenizer.prompt(instruction)
            excess = sequence_length(config, len(prompt)) - config.llm.max_positions
            wrong = instructions.excess_fault(instruction, len(prompt), excess)
            if wrong:
                raise ObservationError(f"instruction: {wrong}")
            text = text_batch([prompt], config.action_token_count).to(self._device)
            self._instructions[instruction] = (text, self._policy.modulation(text))
        return self._instructions[instruction]

    def _warm_up(self) -> None:
        told = (text for text in self.contract.tasks.values() if not instructions.fault(text))
        observation = Observation(
            {c.name: np.zeros((c.height, c.width, 3), np.uint8) for c in self.contract.cameras},
            np.asarray(self.contract.normalization.proprio.min, dtype=np.float32),
            next(told, "do nothing"),
        )
        for _ in range(_WARM_UP_PASSES):
            self.infer(observation)
