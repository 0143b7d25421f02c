"""Where a policy's model runs: the words of `device`, and what this computer has of them.

    python -m vega_policy.device cuda:1

prints the device, or exits with the reason why there is none.
"""

from __future__ import annotations

import re
import subprocess
import sys

from vega_policy.contract import PolicyContract

WORDS = "auto, cpu, cuda or cuda:N"
_LONGEST_S = 120.0  # torch on a busy computer


class DeviceError(ValueError):
    """A model cannot run there; the text says why and what to do."""


def check_word(word: str) -> None:
    """Raises DeviceError where it is no word for a device."""
    if not re.fullmatch(r"auto|cpu|cuda(:(0|[1-9][0-9]?))?", word):
        raise DeviceError(f"device:={word}: expected {WORDS}")


def ignored(contract: PolicyContract, word: str) -> str | None:
    """What a person should know whose policy has nothing that would run on a device."""
    if contract.takes_device or word in ("auto", "cpu"):
        return None
    return f"device:={word}: a policy of kind {contract.kind} has no model; it runs on the CPU"


def resolve(word: str) -> str:
    """The device for PyTorch; `auto` is a GPU where there is one.

    Raises:
        DeviceError: It is no word for a device, or this computer has no such GPU.
    """
    check_word(word)
    if word == "cpu":
        return word
    import torch  # takes seconds, and the CPU needs no answer

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if word == "auto":
        return "cuda" if count else "cpu"
    if not count:
        why = "this PyTorch was built without CUDA: install one with it"
        if torch.version.cuda is not None:
            why = "PyTorch finds no GPU: nvidia-smi must list one"
        raise DeviceError(f"device:={word}: {why}, or give device:=cpu or device:=auto")
    if ":" in word and int(word.partition(":")[2]) >= count:
        there = ", ".join(f"cuda:{number}" for number in range(count))
        raise DeviceError(f"device:={word}: there is no such GPU; there are: {there}")
    return word


def problem(word: str) -> str | None:
    """Why no model can run there, found out by a process of its own; None if one can."""
    try:
        check_word(word)
    except DeviceError as error:
        return str(error)
    if word in ("auto", "cpu"):
        return None
    command = [sys.executable, "-m", "vega_policy.device", word]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"device:={word}: PyTorch does not tell within {_LONGEST_S:g} s what GPUs there are"
    lines = said.stderr.strip().splitlines()
    return None if said.returncode == 0 else (lines[-1] if lines else f"device:={word}: unusable")


def main() -> None:
    """Runs the command."""
    try:
        print(resolve(sys.argv[1] if len(sys.argv) > 1 else "auto"))
    except (DeviceError, ImportError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
