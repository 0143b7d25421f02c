"""Makes the deployable form of a checkpoint.

    python -m vega_policy.export CHECKPOINT OUT
    python -m vega_policy.export OFT_DIR OUT --recipe oft --unnorm-key KEY [--base OPENVLA_7B]

The alignment projector served training only and is left behind (paper, below eq. 7), LoRA is folded
into the weights, and a public OpenVLA-OFT folder gets the policy.yaml that says what it was trained
for. Every other weight keeps its bits.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

import hw_config
from hw_config import ConfigError
from vega_core import command_line
from vega_core.command_line import positive
from vega_policy import contract as contracts
from vega_policy.checkpoint import expected, gathering, hf_config, names, reading, writing
from vega_policy.checkpoint.files import read_json
from vega_policy.checkpoint.streaming import finite
from vega_policy.contract import problems
from vega_policy.data.facts import DatasetFacts
from vega_policy.errors import CheckpointError, PolicyError, listed
from vega_policy.model.config import ModelConfig
from vega_policy.model.layout import sequence_length
from vega_policy.normalization import Statistics
from vega_policy.recipe import Recipe, load_recipe
from vega_policy.training.provenance import training_contract
from vega_policy.vega_contract import VegaContract

_PUBLIC_PLATFORMS = {(7, 8): ("LIBERO", 8), (14, 14): ("ALOHA", 25), (7, 7): ("Bridge", 5)}
"""Public platforms and their chunks by the lengths of action and robot state."""
_TOKENIZER_FILE = "tokenizer.json"
_SHORTEST_PROMPT = 8  # tokens
_DROPPED_FIELDS = ("auto_map", "norm_stats", hf_config.OWN_KEY)


class Public(NamedTuple):
    """What a public folder needs to become a checkpoint.

    Attributes:
        recipe: Sizes and preprocessing it was trained with.
        unnorm_key: Its dataset, in dataset_statistics.json; None if there is but one.
        fold_adapter: Its adapter is not part of the weights beside it.
    """

    recipe: Recipe
    unnorm_key: str | None
    fold_adapter: bool = False


def _silent(line: str) -> None:
    del line


def export(
    source: Path,
    out: Path,
    public: Public | None = None,
    base: Path | None = None,
    report: Callable[[str], None] = _silent,
) -> list[str]:
    """Writes what deployment needs of a checkpoint, weight by weight.

    Args:
        source: The checkpoint, or a public OpenVLA-OFT folder.
        out: New folder.
        public: For a public folder.
        base: Where the model is if the source holds an adapter alone; None for what policy.yaml
            says.
        report: Gets a line for each large file.

    Returns:
        Names of the files in the new folder.

    Raises:
        PolicyError: The source is incomplete or contradicts itself, the recipe or the robot, or
            the folder exists or cannot be written.
    """
    if out.exists():
        raise CheckpointError(f"{out} exists already: choose another folder, or remove it first")
    own = (source / contracts.FILE_NAME).exists()
    if own and public is not None:
        raise CheckpointError(
            f"{source} has a {contracts.FILE_NAME}, which says what it was trained for: leave out "
            "--recipe and --unnorm-key"
        )
    if not own and public is None:
        reading.refuse_public(source)
    if public and not public.fold_adapter and gathering.has_both(source):
        report(
            f"{source} has lora_adapter/ beside the whole model: assumed to be merged into it, as "
            "OpenVLA-OFT's training saves it; --base BASE compares, --fold-adapter folds it"
        )
    contents = _from_public(source, public, base) if public else _from_own(source, base)
    for line in _assumptions(contents):
        report(line)
    expected.check_weights(source, contents.config, contents.state)
    reading.load_tokenizer(contents.tokenizer_file, contents.contract, contents.config)
    weights = {key: finite(key, weight) for key, weight in contents.state.items()}
    writing.write(out, replace(contents, state=weights), report=report)
    return sorted(path.name for path in out.iterdir())


def _from_own(source: Path, base: Path | None) -> writing.Contents:
    contract = VegaContract.load(source)
    state = gathering.gather(source, base)
    config = reading.config_of(source, state, contract)
    return writing.Contents(
        state,
        expected.as_stored(config, state),
        contract.model_copy(update={"adapter": None}),
        source / contract.tokenizer,
        read_json(source / writing.STATISTICS_FILE),
        _kept_fields(source / hf_config.CONFIG_FILE),
    )


def _from_public(source: Path, public: Public, base: Path | None) -> writing.Contents:
    state = gathering.gather(source, base, public.fold_adapter)
    recipe = public.recipe
    wanted = recipe.model
    described = reading.described(source, base)
    platform = hf_config.Platform(wanted.views, wanted.chunk, wanted.action_dim)
    config = hf_config.read_config(described, state, platform)
    _compare(source, recipe, config)
    statistics = read_json(source / writing.STATISTICS_FILE)
    key = _dataset(source, statistics, public.unnorm_key)
    contract = _public_contract(recipe, key, *_statistics(source, statistics, key))
    return writing.Contents(
        state,
        expected.as_stored(wanted, state),
        contract,
        _tokenizer_file(source, base),
        statistics,
        _kept_fields(described / hf_config.CONFIG_FILE),
    )


def _assumptions(contents: writing.Contents) -> list[str]:
    """What the checkpoint will be taken for, a line each."""
    contract, weights = contents.contract, contents.state.values()
    told = contract.known_instructions
    scheme = contract.normalization.scheme
    dtypes = sorted({str(each.dtype).removeprefix("torch.") for each in weights})
    lines = [
        f"chunk: {contract.chunk} steps at {contract.control_hz:g} a second",
        f"cameras, in order: {', '.join(contract.camera_names)}",
        f"joints, in order: {', '.join(contract.joint_names)}",
        f"instructions: {listed(map(repr, told)) or 'not known'}",
        f"normalisation: {scheme}",
        f"weights: {', '.join(dtypes)}",
    ]
    parts = contract.normalization
    for what, statistics in (("state", parts.proprio), ("action", parts.action)):
        still = ", ".join(contract.joint_names[number] for number in statistics.constant(scheme))
        if still:
            lines.append(f"the {what} never changed in {still}: the policy cannot move it")
    found = contract.contradictions(hw_config.load())
    if found:
        lines.append(f"the robot of hw_config will refuse it: {'; '.join(found)}")
    return lines


def _kept_fields(path: Path) -> dict[str, Any]:
    return {key: value for key, value in read_json(path).items() if key not in _DROPPED_FIELDS}


def _compare(source: Path, recipe: Recipe, found: ModelConfig) -> None:
    """Compares the sizes of a public folder with the recipe's."""
    wanted = recipe.model
    lines = []
    if found.action_dim != wanted.action_dim or found.proprio_dim != wanted.proprio_dim:
        name, chunk = _PUBLIC_PLATFORMS.get((found.action_dim, found.proprio_dim), ("", "?"))
        lines.append(
            f"action chunk: expected {wanted.action_dim} x {wanted.chunk} (values x steps) with "
            f"{wanted.proprio_dim} state values, came {found.action_dim} x {chunk} with "
            f"{found.proprio_dim}" + (f", the sizes of {name}" if name else "")
        )
    ours, theirs = _sizes(wanted), _sizes(found)
    for field, value in ours.items():
        if theirs[field] != value:
            lines.append(f"{field}: expected {value}, came {theirs[field]}")
    if found.head == "discrete" != wanted.head:
        lines.append(f"there is no {names.HEADS[0]}--N_checkpoint file")
    if lines:
        raise CheckpointError(
            f"{source} is not what recipe {recipe.name} describes; choose the recipe it was "
            "trained with:\n" + "\n".join(f"  - {line}" for line in lines)
        )


def _sizes(config: ModelConfig) -> dict[str, object]:
    """Fields that the files of a checkpoint tell; MLPs by width, as their ratios are rounded."""
    told = config.model_dump(
        exclude={"full_layout", "film_mean_includes_padding", "diffusion", "dino", "siglip", "llm"}
        | {"action_dim", "proprio_dim"}
    )
    for name, tower in (("dino", config.dino), ("siglip", config.siglip)):
        told |= {f"{name}.{key}": getattr(tower, key) for key in ("dim", "depth", "heads")}
        told[f"{name} MLP width"] = tower.mlp_dim
    return told | {f"llm.{key}": value for key, value in config.llm.model_dump().items()}


def _dataset(source: Path, statistics: dict[str, object], key: str | None) -> str:
    """The dataset that is meant: the one that was asked for, or the only one there is."""
    path, known = source / writing.STATISTICS_FILE, ", ".join(statistics) or "none"
    if key is None and len(statistics) == 1:
        return next(iter(statistics))
    if key is None:
        raise CheckpointError(f"{path}: --unnorm-key is needed, one of: {known}")
    if key not in statistics:
        raise CheckpointError(f"{path}: no statistics under '{key}'; the keys are: {known}")
    return key


def _statistics(
    source: Path, statistics: dict[str, object], key: str
) -> tuple[Statistics, Statistics]:
    """Statistics of actions and of robot states of one dataset."""
    path, entry = source / writing.STATISTICS_FILE, statistics[key]
    parts = []
    for name in ("action", "proprio"):
        values = entry.get(name) if isinstance(entry, dict) else None
        if not isinstance(values, dict):
            raise CheckpointError(f"{path}: '{key}' has no statistics of {name}")
        wanted = {k: v for k, v in values.items() if k in Statistics.model_fields}
        try:
            parts.append(Statistics.model_validate(wanted))
        except ValidationError as error:
            raise CheckpointError(f"{path}: '{key}', {name}: {problems(error)}") from None
    return parts[0], parts[1]


def _public_contract(
    recipe: Recipe, key: str, action: Statistics, proprio: Statistics
) -> VegaContract:
    hw = hw_config.load()
    model = recipe.model
    for what, wanted, found in (
        ("action values", model.action_dim, len(hw.joint_names)),
        ("state values", model.proprio_dim, len(hw.joint_names)),
        ("cameras", model.views, len(hw.cameras)),
        ("action values in the statistics", model.action_dim, action.dim),
        ("state values in the statistics", model.proprio_dim, proprio.dim),
    ):
        if wanted != found:
            raise CheckpointError(
                f"{what}: recipe {recipe.name} has {wanted}, but there are {found}: expected a "
                "checkpoint of the robot that hw_config describes"
            )
    facts = DatasetFacts(
        tasks={key: hw_config.load_task(key).instruction} if key in hw_config.task_names() else {},
        joint_names=hw.joint_names,
        camera_names=tuple(hw.cameras),
        fps=hw.rates.control_hz,
        action=action,
        proprio=proprio,
    )
    return training_contract(recipe, facts).model_copy(update={"git_commit": "unknown"})


def _tokenizer_file(source: Path, base: Path | None) -> Path:
    for folder in (source, base):
        if folder is not None and (folder / _TOKENIZER_FILE).is_file():
            return folder / _TOKENIZER_FILE
    raise CheckpointError(
        f"{source} has no {_TOKENIZER_FILE}: copy it from openvla/openvla-7b, or name the folder "
        "of the base with --base"
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line.parser("vega_policy.export", __doc__)
    parser.add_argument(
        "checkpoint", type=Path, help="folder with a policy.yaml, or a public OpenVLA-OFT folder"
    )
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--recipe", help="what a public folder was trained with")
    parser.add_argument(
        "--chunk", type=positive, help="steps a chunk of a public folder (default: the recipe's)"
    )
    parser.add_argument(
        "--fold-adapter",
        action="store_true",
        help="a public folder's lora_adapter/ is not merged into the model beside it",
    )
    parser.add_argument("--unnorm-key", help="dataset in a public folder's dataset_statistics.json")
    parser.add_argument(
        "--base", type=Path, help="folder of openvla-7b, if the checkpoint has an adapter alone"
    )
    arguments = parser.parse_args(argv)
    for option in ("unnorm_key", "chunk", "fold_adapter"):
        if getattr(arguments, option) and arguments.recipe is None:
            name = option.replace("_", "-")
            parser.error(f"--{name} needs --recipe: both are for public folders")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _arguments(argv)
    code = command_line.run(lambda: _run(arguments), PolicyError, ConfigError)
    if code == command_line.INTERRUPTED:
        print(f"interrupted: {arguments.out} was not made", file=sys.stderr)
    return code


def _run(arguments: argparse.Namespace) -> int:
    public = None
    if arguments.recipe is not None:
        changed = [] if arguments.chunk is None else [f"model.chunk={arguments.chunk}"]
        recipe = load_recipe(arguments.recipe, changed)
        _check_chunk(recipe)
        public = Public(recipe, arguments.unnorm_key, arguments.fold_adapter)
    written = export(arguments.checkpoint, arguments.out, public, arguments.base, print)
    print(f"{arguments.out}: {', '.join(written)}")
    return command_line.OK


def _check_chunk(recipe: Recipe) -> None:
    """Refuses chunks that do not fit into the language model's sequence."""
    model = recipe.model
    most = model.llm.max_positions - sequence_length(model, _SHORTEST_PROMPT)
    if most < 0:
        raise CheckpointError(
            f"chunk: {model.chunk} steps are {-most} tokens more than the language model takes "
            f"({model.llm.max_positions}, camera images among them): choose a shorter one"
        )


if __name__ == "__main__":
    sys.exit(main())
