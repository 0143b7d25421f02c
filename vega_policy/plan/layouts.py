"""What each of several processes holds and sends, from a step of one that holds everything.

DDP is what the trainer does: every process holds everything, and gradients are averaged in float32
once the last backward pass is over. FSDP2 shards weights, masters, moments, averages and gradients
of every block; a block is gathered when it is computed, while the next one is on its way. Weights
outside of all blocks (embeddings, heads, projectors) stay gathered from the first pass forward to
the last one backward. The teacher is nobody's to shard.
"""

from collections import Counter
from typing import NamedTuple

from vega_policy.plan.gpus import GIB, Gpu
from vega_policy.plan.step import Part, Step
from vega_policy.training.ranks import BUCKET

DDP, FSDP2 = "DDP", "FSDP2"
OF_THE_TRAINER = (DDP,)
"""What :mod:`vega_policy.train` can do."""

GATHERED = "gathered"
AVERAGING = "averaging"
SHARDED = (Part.WEIGHTS, Part.MASTERS, Part.MOMENTS, Part.AVERAGES, Part.GRADIENTS)
_FLOAT = 4
_BLOCKS_AT_ONCE = 2

CONTEXT = 0.75 * GIB
"""What CUDA, its libraries and NCCL take for themselves."""
FRAGMENTS = 0.05
"""Of what comes and goes, lost between allocations."""
LAUNCH = 8e-6
"""Seconds that eager PyTorch takes to call a kernel: small networks wait for that."""
REACHED = 0.7
"""Share of the bandwidths of memory and links that is reached."""


class Memory(NamedTuple):
    """Of one GPU at its fullest moment, in bytes.

    Attributes:
        parts: Tensors, by part.
        fragments: Lost between allocations, an estimate.
    """

    parts: Counter[str]
    fragments: int

    @property
    def tensors(self) -> int:
        """Of all tensors."""
        return sum(self.parts.values())

    @property
    def total(self) -> int:
        """With what is lost, but without what CUDA takes for itself."""
        return self.tensors + self.fragments


class Time(NamedTuple):
    """Of a step, in seconds: what is computed, sent, updated, and all of it."""

    compute: float
    communication: float
    update: float
    total: float


def memory(step: Step, layout: str, ranks: int) -> Memory:
    """What a GPU of a run holds at its fullest moment.

    Args:
        step: Of one process alone.
        layout: :data:`DDP` or :data:`FSDP2`.
        ranks: Processes, one a GPU.
    """
    shares = dict.fromkeys(SHARDED, ranks) if layout == FSDP2 else {}
    passes, update = step.trace.peak(shares), Counter(step.kept)
    update[Part.GRADIENTS] = step.gradients
    update = Counter({part: -(-size // shares.get(part, 1)) for part, size in update.items()})
    if layout == FSDP2 and ranks > 1:
        blocks = step.blocks
        passes[GATHERED] = blocks.outside + blocks.outside_trained
        passes[GATHERED] += _BLOCKS_AT_ONCE * blocks.largest + blocks.largest_trained
    elif ranks > 1:
        update[AVERAGING] = min(step.gradients, max(BUCKET * _FLOAT, step.largest_gradient))
    fullest = +max(passes, update, key=lambda parts: sum(parts.values()))
    return Memory(fullest, round(FRAGMENTS * _coming_and_going(fullest)))


def _coming_and_going(parts: Counter[str]) -> int:
    kept = (Part.WEIGHTS, Part.TEACHER, Part.MASTERS, Part.MOMENTS, Part.AVERAGES)
    return sum(size for part, size in parts.items() if part not in kept)


def time(step: Step, layout: str, ranks: int, gpu: Gpu, peak: float, share: float) -> Time:
    """How long a step takes, data and saving aside.

    Args:
        step: Of one process alone.
        layout: :data:`DDP`, which sends when it has computed, or :data:`FSDP2`, which does both at
            once.
        ranks: Processes, one a GPU.
        gpu: Which one.
        peak: Operations a second that it could do.
        share: Of the peak that is reached.
    """
    held = Counter(step.kept)
    passed_over = 2 * (held[Part.MASTERS] + held[Part.MOMENTS] + held[Part.AVERAGES])
    passed_over += 3 * step.gradients
    compute = max(step.flops / (peak * share), step.operations * LAUNCH)
    others = (ranks - 1) / ranks
    if layout == FSDP2:
        sent = others * step.micro_batches * (2 * held[Part.WEIGHTS] + step.gradients)
        update = passed_over / ranks / (gpu.bandwidth * REACHED)
        communication = sent / (gpu.link * REACHED)
        return Time(compute, communication, update, max(compute, communication) + update)
    update = passed_over / (gpu.bandwidth * REACHED)
    communication = 2 * others * step.gradients / (gpu.link * REACHED)
    return Time(compute, communication, update, compute + communication + update)
