"""What a measurement says, for people and as data."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benches.policy.flops import Flops, Tokens, bf16_peak
from benches.policy.timing import TOTAL, Latency
from benches.policy.workload import MODEL, MODEL_STAGES, BenchError

AIMS_MS = {("openvla_oft_7b", "H100"): 35.0}
"""What this project aims at, compiled in bfloat16; not a published figure."""
_MEGA, _GIGA = 1e6, 1e9


class Setting(NamedTuple):
    """Under what conditions was measured.

    Attributes:
        recipe: Name.
        overrides: Fields of the recipe that were changed.
        device: Name of the device.
        dtype: Of the large parts.
        threads: CPU threads of an operation.
        compiled: Whether through ``torch.compile``.
        repeats: Passes that were counted.
    """

    recipe: str
    overrides: tuple[str, ...]
    device: str
    dtype: str
    threads: int
    compiled: bool
    repeats: int


class Measurement(NamedTuple):
    """A recipe's latency and cost.

    Attributes:
        setting: Conditions.
        tokens: Of one sequence.
        flops: Of one chunk.
        latency: By stage; ``model`` without and ``total`` with preprocessing.
    """

    setting: Setting
    tokens: Tokens
    flops: Flops
    latency: dict[str, Latency]

    @property
    def fraction_of_peak(self) -> float | None:
        """Share of the GPU's dense bfloat16 peak that the model's stages reach; None elsewhere."""
        peak = bf16_peak(self.setting.device)
        if peak is None:
            return None
        return self.flops.total / (1e-3 * self.latency[MODEL].p50_ms) / peak


def table(measured: Measurement) -> str:
    """A measurement for a terminal."""
    setting = measured.setting
    how = f"{setting.dtype}, {'compiled' if setting.compiled else 'not compiled'}"
    changed = f" ({' '.join(setting.overrides)})" if setting.overrides else ""
    kinds = ", ".join(
        f"{name.replace('_', ' ')} {count}"
        for name, count in measured.tokens._asdict().items()
        if count
    )
    lines = [
        f"{setting.recipe}{changed} on {setting.device}: {how}, {setting.threads} CPU threads, "
        f"{setting.repeats} repeats",
        f"tokens: {kinds}; sequence {measured.tokens.total}",
        "",
        f"{'stage':<12}{'p50 ms':>10}{'p95 ms':>10}{'GFLOP':>12}{'GFLOP/s':>12}",
    ]
    flops = {**measured.flops._asdict(), MODEL: measured.flops.total}
    for stage in ("preprocess", *MODEL_STAGES, MODEL, TOTAL):
        latency = measured.latency[stage]
        row = f"{stage:<12}{latency.p50_ms:>10.2f}{latency.p95_ms:>10.2f}"
        if stage in flops:
            rate = flops[stage] / (latency.p50_ms * _MEGA) if latency.p50_ms else 0.0
            row += f"{flops[stage] / _GIGA:>12,.3f}{rate:>12,.1f}"
        lines.append(row)
    lines += ["", f"model: {' + '.join(MODEL_STAGES)}; total: with preprocessing of camera frames"]
    if measured.fraction_of_peak is not None:
        lines.append(
            f"{100 * measured.fraction_of_peak:.1f} % of the dense bfloat16 peak of this GPU"
        )
    for (recipe, gpu), aim in AIMS_MS.items():
        if setting.recipe == recipe and bf16_peak(setting.device) is not None:
            model = measured.latency[MODEL].p50_ms
            lines.append(f"model {model:.1f} ms; the aim is {aim:.0f} ms on one {gpu}")
    return "\n".join(lines)


def as_json(measured: Measurement) -> dict[str, Any]:
    """A measurement as data."""
    return {
        **measured.setting._asdict(),
        "tokens": {**measured.tokens._asdict(), "sequence": measured.tokens.total},
        "flops": {**measured.flops._asdict(), "total": measured.flops.total},
        "latency": {stage: value._asdict() for stage, value in measured.latency.items()},
        "fraction_of_bf16_peak": measured.fraction_of_peak,
    }


class Reference(NamedTuple):
    """Latency of another implementation at the same sizes."""

    p50_ms: float
    p95_ms: float


def read_reference(path: Path, here: dict[str, object]) -> Reference:
    """Reads what ``tests/reference/bench_public.py`` printed.

    Args:
        path: The file.
        here: What is about to be measured: recipe, dtype and threads.

    Raises:
        BenchError: It is unreadable, or was measured under other conditions.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Reference(float(data["p50_ms"]), float(data["p95_ms"]))
        there = {key: data[key] for key in here}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BenchError(
            f"{path}: expected a JSON object with {', '.join(here)}, p50_ms and p95_ms "
            f"({type(error).__name__}: {error})"
        ) from None
    wrong = [
        f"{key} {there[key]}, here it is {here[key]}" for key in here if there[key] != here[key]
    ]
    if wrong:
        raise BenchError(f"{path} was measured with {'; '.join(wrong)}")
    return found
