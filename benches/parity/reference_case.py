"""A checkpoint of the reference with inputs: its sizes, and our policy with its weights."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import ValidationError
from torch import Tensor

from benches.parity import golden
from benches.parity.golden import GoldenDataError
from vega_policy import checkpoint
from vega_policy.checkpoint import STATISTICS_FILE, Platform
from vega_policy.checkpoint.hf_config import SPEC_FILE
from vega_policy.model.llm import assert_bidirectional
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import Normalizer, Scheme, Statistics

_QUANTILE_PLATFORMS = ((7, 8), (7, 5))
"""Values of an action and chunk of the reference's platforms that normalise by quantiles, LIBERO
and Bridge; ALOHA has the bounds."""


class ReferenceCase:
    """A folder of golden data of the network.

    Args:
        folder: See :func:`benches.parity.model_parity.compare_model`.

    Raises:
        GoldenDataError: A file is missing or corrupt.
        CheckpointError: The checkpoint is, or contradicts itself.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise GoldenDataError(f"{folder} is no folder")
        self.inputs = golden.tensors(folder / "inputs.safetensors")
        self.expected = golden.tensors(folder / "outputs.safetensors")
        if not self.expected:
            raise GoldenDataError(f"{folder / 'outputs.safetensors'} holds no outputs")
        spec = golden.mapping(folder / SPEC_FILE)
        self._head = spec.get("head", "l1")
        statistics = self._action_statistics()
        action_dim = int(spec.get("action_dim", statistics.dim))
        chunk = int(spec.get("chunk", self._chunk()))
        self._platform = Platform(self.pixels.shape[1] // 6, chunk, action_dim)
        quantiles = (action_dim, chunk) in _QUANTILE_PLATFORMS
        scheme = spec.get("normalization", "bounds_q99" if quantiles else "bounds")
        self.normalizer = Normalizer(statistics, self._scheme(scheme))

    def input(self, name: str) -> Tensor:
        """One of the inputs."""
        value: Tensor = golden.needed(self.inputs, name, self.folder / "inputs.safetensors")
        return value

    @property
    def pixels(self) -> Tensor:
        """Normalised views [B, 6 * views, H, W]."""
        return self.input("pixel_values")

    def first(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Pixels and normalised robot state of the first samples."""
        proprio = self.inputs.get("proprio")
        return self.pixels[:count], None if proprio is None else proprio[:count]

    @cached_property
    def policy(self) -> VegaPolicy:
        """Our policy with the reference's weights in float32, read as any public checkpoint is."""
        config = checkpoint.public_config(self.folder, self._platform)
        self._require("action_head", config.head == self._head)
        self._require("proprio_projector", config.proprio == ("proprio" in self.inputs))
        self._require("film_delta", config.film or not self._has_output("film_"))
        # In batches of unequal prompts the reference averages over the padding, too.
        config = config.model_copy(update={"film_mean_includes_padding": True})
        policy = checkpoint.load_policy(self.folder, config, dtype=torch.float32)
        policy.requires_grad_(False)
        assert_bidirectional(policy.language_model)
        return policy

    def _has_output(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.expected)

    def _require(self, part: str, fits: bool) -> None:
        """Checks that the weights are those that inputs, outputs and spec.json speak of."""
        if not fits:
            raise GoldenDataError(
                f"{self.folder}: the weights of {part} are missing, superfluous or of another kind "
                f"than {SPEC_FILE}, the inputs and the outputs say"
            )

    def _action_statistics(self) -> Statistics:
        path = self.folder / STATISTICS_FILE
        data = golden.mapping(path)
        if len(data) != 1:
            raise GoldenDataError(f"{path}: expected one dataset, got {', '.join(data) or 'none'}")
        (dataset,) = data.values()
        action: dict[str, Any] = golden.needed(dataset, "action", path)
        try:
            # Whichever bounds the scheme does not use may be left out.
            low, high = action.get("min", action.get("q01")), action.get("max", action.get("q99"))
            return Statistics.model_validate(
                {"min": low, "max": high, "q01": low, "q99": high, **action}
            )
        except ValidationError as error:
            raise GoldenDataError(f"{path} is malformed: {error}") from None

    def _chunk(self) -> int:
        """Actions of a chunk, read off an output."""
        for name, value in self.expected.items():
            if re.fullmatch(r"(film|nofilm|train)_actions(_normalized)?", name) and value.dim() > 1:
                return value.shape[-2]
        return 1  # nothing that depends on it is compared

    def _scheme(self, name: object) -> Scheme:
        for scheme in get_args(Scheme):
            if name == scheme:
                return scheme
        raise GoldenDataError(
            f"{self.folder / SPEC_FILE}: normalization is {name!r}, expected one of "
            f"{', '.join(get_args(Scheme))}"
        )
