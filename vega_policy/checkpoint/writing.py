"""Writes checkpoint folders, complete or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from vega_policy.checkpoint import names
from vega_policy.checkpoint.files import Weight, held
from vega_policy.checkpoint.hf_config import CONFIG_FILE, to_json
from vega_policy.checkpoint.lora import FOLDER, Adapter
from vega_policy.checkpoint.streaming import MAX_SHARD_BYTES, write_shards, write_tensors
from vega_policy.errors import CheckpointError
from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy
from vega_policy.vega_contract import VegaContract

STATISTICS_FILE = "dataset_statistics.json"
_LONGEST_NAME = 200
ALIGN_FILE = names.part_file(names.ALIGN)


def _silent(line: str) -> None:
    del line


@dataclass(frozen=True)
class Contents:
    """What goes into a checkpoint folder.

    Attributes:
        state: Weights under the model's names.
        config: Sizes.
        contract: For policy.yaml.
        tokenizer_file: To be copied.
        statistics: For dataset_statistics.json, by dataset.
        config_fields: Of a public config.json, to be kept.
        align_projector: Kept for further training.
        adapter: LoRA that is not part of ``state``. If the contract names a base checkpoint, the
            model's own weights are left out, because they are there.
    """

    state: Mapping[str, Weight]
    config: ModelConfig
    contract: VegaContract
    tokenizer_file: Path
    statistics: Mapping[str, Any]
    config_fields: Mapping[str, Any] = field(default_factory=dict)
    align_projector: nn.Module | None = None
    adapter: Adapter | None = None


def save(
    directory: Path,
    policy: VegaPolicy,
    contract: VegaContract,
    tokenizer_file: Path,
    align_projector: nn.Module | None = None,
    adapter: Adapter | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """Writes a checkpoint; a directory of that name is replaced once the new one is complete.

    Args:
        directory: Where to.
        policy: Each weight is stored in the dtype it has. LoRA that peft put into it is left out.
        contract: Goes into policy.yaml.
        tokenizer_file: Copied.
        align_projector: Kept for further training.
        adapter: LoRA that the policy was trained with. The checkpoint then holds it as it is, and
            no copy of the base if the contract names one.
        max_shard_bytes: Largest file of the model's weights.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    state = {
        key.replace(".base_layer.", "."): held(value)
        for key, value in policy.state_dict().items()
        if names.lora_factor(key) is None
    }
    normalization = contract.normalization
    statistics = {
        _dataset_name(contract): {
            "action": normalization.action.model_dump(exclude_none=True),
            "proprio": normalization.proprio.model_dump(exclude_none=True),
        }
    }
    kind = "separate" if adapter is not None else None
    contents = Contents(
        state,
        policy.config,
        contract.model_copy(update={"adapter": kind}),
        tokenizer_file,
        statistics,
        align_projector=align_projector,
        adapter=adapter,
    )
    write(directory, contents, max_shard_bytes)


def _dataset_name(contract: VegaContract) -> str:
    """The key of the statistics: the tasks, unless these are a whole list of sentences."""
    joined = "+".join(contract.tasks)
    return joined if 0 < len(joined) <= _LONGEST_NAME else contract.recipe


def write(
    directory: Path,
    contents: Contents,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    report: Callable[[str], None] = _silent,
) -> None:
    """Writes a checkpoint folder, file by file.

    Args:
        directory: Where to; replaced once the new folder is complete.
        contents: What to write.
        max_shard_bytes: Largest file of the model's weights.
        report: Gets a line for each large file.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    with _complete_or_nothing(directory) as folder:
        _write_weights(folder, contents, max_shard_bytes, report)
        dtype = str(contents.state["projector.fc1.weight"].dtype).removeprefix("torch.")
        text = to_json(contents.config, contents.statistics, dtype, contents.config_fields)
        (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
        statistics = json.dumps(contents.statistics, indent=2) + "\n"
        (folder / STATISTICS_FILE).write_text(statistics, encoding="utf-8")
        shutil.copyfile(contents.tokenizer_file, folder / contents.contract.tokenizer)
        contents.contract.save(folder)


def _write_weights(
    folder: Path, contents: Contents, max_shard_bytes: int, report: Callable[[str], None]
) -> None:
    parts: dict[str, dict[str, Weight]] = {}
    for key, weight in contents.state.items():
        part, name = names.to_public(key)
        parts.setdefault(part, {})[name] = weight
    model = parts.pop(names.MODEL)
    if contents.adapter is None or contents.contract.base_checkpoint is None:
        write_shards(folder, model, max_shard_bytes, report)
    for part, state in parts.items():
        write_tensors(folder / names.part_file(part), state)
        report(f"wrote {names.part_file(part)}")
    if contents.adapter is not None:
        contents.adapter.write(folder / FOLDER)
    if contents.align_projector is not None:
        state = {k: held(value) for k, value in contents.align_projector.state_dict().items()}
        write_tensors(folder / ALIGN_FILE, state)


def restore_interrupted(directory: Path) -> None:
    """Gives a checkpoint its name back that was being replaced when the process was killed."""
    replaced = _replaced(directory)
    if replaced.is_dir() and not directory.exists():
        replaced.rename(directory)
    shutil.rmtree(replaced, ignore_errors=True)


def _replaced(directory: Path) -> Path:
    return directory.with_name(directory.name + ".replaced")


@contextmanager
def _complete_or_nothing(directory: Path) -> Iterator[Path]:
    """A folder to write to, which takes the place of another once all is written."""
    partial = directory.with_name(directory.name + ".partial")
    replaced = _replaced(directory)
    try:
        restore_interrupted(directory)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if directory.exists():
            directory.rename(replaced)
        partial.rename(directory)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(f"cannot write {directory}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
