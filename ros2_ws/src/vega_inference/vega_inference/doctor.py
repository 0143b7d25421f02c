"""Judges whether the policy fits the robot, and the computer the policy."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from hw_config import HardwareConfig
from vega_core.findings import Finding, fail, ok, skip, warn
from vega_policy.errors import CheckpointError, ContractError
from vega_policy.kinds import load_contract

_GB = 1e9
_NEEDS_GPU = 2 * _GB
_OVER_WEIGHTS = 1.3  # activations and the CUDA context
_SMI_S = 5.0


def survey(hardware: HardwareConfig, checkpoint: Path) -> list[Finding]:
    """Checks a checkpoint folder and the GPU."""
    weights = sum(file.stat().st_size for file in checkpoint.glob("*.safetensors"))
    row = contract(hardware, checkpoint, weights)
    if not weights:
        return [row, skip("GPU", "not checked: without weights it is not known what they need")]
    return [row, gpu(gpus(), weights)]


def contract(hardware: HardwareConfig, checkpoint: Path, weights: float) -> Finding:
    """The checkpoint was trained for a robot like this one."""
    check = "checkpoint"
    try:
        policy = load_contract(checkpoint)
        policy.check_against(hardware)
    except CheckpointError as error:
        return fail(check, str(error), "name a folder that training has written: --checkpoint DIR")
    except ContractError as error:
        return fail(
            check,
            str(error),
            "use a policy trained for this cell, or mend hw_config where it is wrong",
        )
    if policy.weights is not None and not weights:
        return fail(
            check, f"{checkpoint} has no weights", f"copy the whole folder ({policy.weights})"
        )
    tasks = ", ".join(policy.tasks)
    return ok(check, f"{checkpoint} ({policy.recipe}; {tasks}): fits hw_config")


def gpu(found: Sequence[tuple[str, float]] | None, weights: float) -> Finding:
    """The weights fit into a GPU, where they need one.

    Args:
        found: Name and bytes of each GPU; None when there is no driver.
        weights: Bytes.
    """
    check = "GPU"
    needed = _OVER_WEIGHTS * weights
    if not found:
        if weights < _NEEDS_GPU:
            return ok(check, "none; this policy is small enough for the CPU")
        return fail(
            check,
            f"none found; the policy's weights take {weights / _GB:.0f} GB",
            "install NVIDIA's driver (nvidia-smi must list the GPU), or run the policy on another "
            "machine: docker/README.md",
        )
    name, memory = max(found, key=lambda one: one[1])
    text = f"{name}, {memory / _GB:.0f} GB; the policy needs about {needed / _GB:.1f}"
    if memory < needed:
        return warn(check, text, "use a larger GPU, or another machine: docker/README.md")
    return ok(check, text)


def gpus() -> list[tuple[str, float]] | None:
    """Name and memory (bytes) of each GPU, None without NVIDIA's driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=_SMI_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [line.rpartition(",") for line in said.stdout.splitlines() if "," in line]
    return [(name.strip(), float(mib) * 2**20) for name, _, mib in rows if mib.strip().isdecimal()]
