"""Names of weights: in the files of the public layout, and in this project's model.

The model's own names are those of the public Hugging Face state dict, with ``action_head.``,
``proprio_projector.`` and ``noisy_action_projector.`` in front of what OpenVLA-OFT keeps in files
of their own, and FiLM's ``scale`` and ``shift`` inside the vision blocks. Public files vary:
prefixes of the wrappers they were saved from, LayerScale as ``gamma``, blocks inside FiLM's
``block``, linear layers inside peft's ``base_layer``.
"""

import re
from pathlib import Path

from vega_policy.checkpoint.files import one_of

MODEL = "model"
VISION = "vision_backbone"
HEADS = ("action_head", "proprio_projector", "noisy_action_projector")
ALIGN = "align_projector"

_FILM = re.compile(r"vision_backbone\.\w+\.blocks\.\d+\.(scale|shift)\.(weight|bias)")
_LAYER_SCALE = re.compile(r"(\.ls[12])\.gamma$")
_WRAPPED_BLOCK = re.compile(r"(\.blocks\.\d+)\.block\.")
_LORA = re.compile(r"(.+)\.lora_([AB])(?:\.default)?\.weight")
_PEFT_PREFIX = "base_model.model."


def part_file(part: str) -> str:
    """Name under which a part other than the model is written."""
    return f"{part}--latest_checkpoint.safetensors"


def find_part(directory: Path, part: str) -> Path | None:
    """The file of a part, whatever its step; None if there is none.

    Raises:
        CheckpointError: Several files claim to be it.
    """
    pattern = rf"{part}(--\w+_checkpoint)?\.(pt|safetensors)"
    if part == VISION:
        pattern += r"|film_delta\.safetensors"
    return one_of(directory, pattern)


def part_of(key: str) -> str:
    """The file that a weight of the model is written to."""
    first = key.partition(".")[0]
    if first in HEADS:
        return first
    return VISION if is_film(key) else MODEL


def is_film(key: str) -> bool:
    """Whether a weight of the model belongs to FiLM."""
    return _FILM.fullmatch(key) is not None


def to_public(key: str) -> tuple[str, str]:
    """Part and name in that part's file of one of the model's weights."""
    part = part_of(key)
    return part, key.removeprefix(f"{part}.") if part in HEADS else key


def from_public(part: str, key: str) -> str:
    """The model's name of a weight in a file of the public layout.

    Args:
        part: ``model``, ``vision_backbone`` or one of the heads.
        key: As in the file. LoRA's own factors keep their ``lora_A`` and ``lora_B``.
    """
    key = key.removeprefix("module.")
    if part in HEADS:
        return f"{part}.{key.removeprefix(f'{part}.')}"
    if part == VISION and not key.startswith(f"{VISION}."):
        key = f"{VISION}.{key}"
    return _LAYER_SCALE.sub(r"\1.scale_factor", _unwrapped(key)).replace(".base_layer.", ".")


def _unwrapped(key: str) -> str:
    return _WRAPPED_BLOCK.sub(r"\1.", key.replace(f"{VISION}.{VISION}.", f"{VISION}."))


def lora_factor(key: str) -> tuple[str, str] | None:
    """Module path and factor ("A" or "B") of a LoRA weight in the model's names, or None."""
    match = _LORA.fullmatch(key)
    return (match[1], match[2]) if match else None


def from_adapter(key: str) -> tuple[str, bool]:
    """The model's name of a weight in a peft adapter, and whether FiLM's wrapper was around it."""
    key = key.removeprefix(_PEFT_PREFIX)
    plain = _unwrapped(key)
    return plain, plain != key


def to_adapter(module: str, factor: str) -> str:
    """Name in a peft adapter of LoRA's factor "A" or "B" of a module."""
    return f"{_PEFT_PREFIX}{module}.lora_{factor}.weight"
