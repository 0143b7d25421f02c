"""Chunk validation: what each chunk must be like, and in which order they must come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vega_control import chunk as checks
from vega_control.chunk import Chunk
from vega_control.config import GateConfig
from vega_control.workspace import Workspace


class Refusal(NamedTuple):
    """Why a chunk is not taken: the reason to count it by, and the sentence to log."""

    reason: str
    text: str


class ChunkValidator:
    """Checks chunks one by one, and remembers the last that was accepted."""

    def __init__(self, config: GateConfig, workspace: Workspace | None) -> None:
        """Takes what is enforced; without a workspace nothing is checked there."""
        self._config = config
        self._workspace = workspace
        self._lower = np.array(config.lower, np.float64)
        self._upper = np.array(config.upper, np.float64)
        self.reset()

    def reset(self) -> None:
        """From now on any chunk may be the first."""
        self._last_sequence = -1
        self._last_end_s = float("-inf")

    def note_accepted(self, chunk: Chunk) -> None:
        """Notes that a chunk is in force: only later ones may follow it."""
        self._last_sequence, self._last_end_s = chunk.sequence, chunk.end_s

    def malformed(self, chunk: Chunk, now_s: float) -> Refusal | None:
        """What is wrong with the chunk itself, wherever the arms are."""
        config = self._config
        # In this order: each check relies on the ones before it.
        for reason, check in (
            ("wrong_shape", lambda: checks.wrong_shape(chunk, config.joint_names)),
            ("stale", lambda: checks.stale(chunk, now_s, config.max_chunk_age_s)),
            ("out_of_order", lambda: self._out_of_order(chunk, now_s)),
            ("non_finite", lambda: checks.non_finite(chunk)),
            ("out_of_range", lambda: checks.out_of_range(chunk)),
        ):
            text = check()
            if text is not None:
                return Refusal(reason, text)
        return None

    def out_of_workspace(self, chunk: Chunk) -> Refusal | None:
        """The first step of a sound chunk that leads an arm out of the workspace."""
        if self._workspace is None:
            return None
        rows = np.minimum(np.maximum(chunk.rows, self._lower), self._upper)
        offence = self._workspace.offence(rows)
        if offence is None:
            return None
        step, text = offence
        return Refusal(
            "workspace",
            f"in step {step} {text}; the arms go on with the chunk before it, then hold",
        )

    def _out_of_order(self, chunk: Chunk, now_s: float) -> str | None:
        # A sender that was started anew counts from the beginning: its chunks are taken once
        # nothing is left of its predecessor's.
        if chunk.sequence > self._last_sequence or now_s > self._last_end_s:
            return None
        return f"chunk {self._last_sequence} was accepted before it"
