"""Reads checkpoints: this project's own, and folders of the public OpenVLA-OFT layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy import contract as contracts
from vega_policy.checkpoint import lora, names
from vega_policy.checkpoint.files import (
    INDEX_FILE,
    MODEL_FILE,
    Weight,
    has_shards,
    held,
    read_shards,
    read_weights,
)
from vega_policy.checkpoint.hf_config import ALOHA, CONFIG_FILE, Platform, read_config
from vega_policy.contract import PolicyContract
from vega_policy.errors import CheckpointError
from vega_policy.model.config import ModelConfig
from vega_policy.model.llm import assert_bidirectional
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import models_dir
from vega_policy.tokenizer import InstructionTokenizer

_COMPUTE_PARTS = ("vision_backbone", "projector", "language_model")
_NAMED_AT_ONCE = 8
_DTYPE_KEY = "projector.fc1.weight"


class LoadedPolicy(NamedTuple):
    """A policy ready to run and what it says of itself."""

    policy: VegaPolicy
    contract: PolicyContract
    tokenizer: InstructionTokenizer


def load(directory: Path, device: str = "cpu") -> LoadedPolicy:
    """Reads a checkpoint to run it, and probes that its language model is bidirectional.

    Weights that are never computed are checked, but not loaded; LoRA is folded.

    Args:
        directory: With a policy.yaml.
        device: Where the weights shall be.

    Raises:
        CheckpointError: Something is missing, corrupt, superfluous or of the wrong shape.
    """
    refuse_public(directory)
    contract = PolicyContract.load(directory)
    state = gather(directory)
    config = config_of(directory, state, contract)
    config = config.model_copy(update={"full_layout": False})
    tokenizer = load_tokenizer(directory / contract.tokenizer, contract, config)
    policy = _filled(directory, state, config, torch.device(device), None)
    policy.eval().requires_grad_(False)
    assert_bidirectional(policy.language_model)
    return LoadedPolicy(policy, contract, tokenizer)


def load_policy(
    directory: Path,
    config: ModelConfig,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    base: Path | None = None,
) -> VegaPolicy:
    """Weights of a folder of the public or of this project's layout, which needs no policy.yaml.

    Args:
        directory: The folder.
        config: Its sizes, see :func:`public_config`. Without ``full_layout`` the weights that are
            never computed are checked, but not loaded.
        device: Where the weights shall be.
        dtype: Of vision backbone, projector and language model; None for the one in the files.
            The other parts are float32.
        base: Folder of the model that ``lora_adapter/`` belongs to, if the weights are not here.

    Returns:
        The policy in evaluation mode.

    Raises:
        CheckpointError: Something is missing, corrupt, superfluous or of the wrong shape.
    """
    state = gather(directory, base)
    return _filled(directory, state, config, torch.device(device), dtype).eval()


def load_base(
    directory: Path,
    config: ModelConfig,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    heads: bool = False,
) -> VegaPolicy:
    """A policy to train from a base: vision backbone, projector and language model of a folder.

    What the base does not bring (FiLM, action head, projectors of numbers) gets PyTorch's initial
    weights from the global generator.

    Args:
        directory: ``openvla/openvla-7b``, an OpenVLA-OFT folder or a checkpoint of this project.
        config: Sizes of the policy.
        device: Where the weights shall be.
        dtype: Of vision backbone, projector and language model; None for the one in the files.
        heads: Whether to take FiLM, action head and projectors of numbers from the folder, too.

    Raises:
        CheckpointError: The folder is missing, or its weights do not fit the sizes.
    """
    require_base(directory)
    state = gather(directory)
    expected = _Expected(config)
    if not heads:
        state = {key: weight for key, weight in state.items() if names.part_of(key) == names.MODEL}
        expected = expected.of_model()
    expected.check(directory, state)
    policy = VegaPolicy.empty(config)
    device = torch.device(device)
    dtype = dtype or state[_DTYPE_KEY].dtype
    _fill(policy, state, dtype, device)
    for module in policy.modules():
        if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]  # linear and norm layers have it
    return policy.to_compute_dtype(dtype).to(device)


def public_config(
    directory: Path, platform: Platform = ALOHA, base: Path | None = None
) -> ModelConfig:
    """Sizes of a folder, from its config.json and the shapes of its weights.

    Args:
        directory: The folder.
        platform: What a public folder does not say itself; ALOHA's by default.
        base: Folder of the model that ``lora_adapter/`` belongs to, if the weights are not here.

    Raises:
        CheckpointError: The folder is incomplete, or a size cannot be told.
    """
    return read_config(described(directory, base), gather(directory, base), platform)


def described(directory: Path, base: Path | None) -> Path:
    """Folder with the config.json: a folder of an adapter alone may leave it to its base."""
    if base is not None and not (directory / CONFIG_FILE).exists():
        return base
    return directory


def gather(directory: Path, base: Path | None = None) -> dict[str, Weight]:
    """All weights of a folder under the model's names, LoRA folded; nothing is read yet.

    A folder with a policy.yaml says there whether ``lora_adapter/`` is still to be folded. In a
    public one it is only if the model itself is not there, as the public tools merge otherwise.
    OpenVLA-OFT's ``vision_backbone--N`` file always replaces the vision backbone.

    Args:
        directory: The folder.
        base: Where the model is if not in the folder; None for what policy.yaml says.

    Raises:
        CheckpointError: Something is missing or corrupt.
    """
    if not directory.is_dir():
        raise CheckpointError(f"{directory} is no folder: expected the folder of a checkpoint")
    adapter = directory / lora.FOLDER
    own = (directory / contracts.FILE_NAME).exists()
    if own:
        contract = PolicyContract.load(directory)
        separate = contract.adapter == "separate"
        if base is None and contract.base_checkpoint is not None:
            base = base_folder(contract.base_checkpoint)
    else:
        separate = adapter.is_dir() and not has_shards(directory)
    if has_shards(directory):
        state = _renamed(directory, names.MODEL, read_shards(directory))
    elif separate:
        state = _base_state(directory, base)
    else:
        raise CheckpointError(
            f"{directory} has neither {MODEL_FILE} nor {INDEX_FILE} nor {lora.FOLDER}/: expected "
            "the folder of an OpenVLA or OpenVLA-OFT checkpoint"
        )
    vision = names.find_part(directory, names.VISION)
    replaced = vision is not None and _add_vision(state, vision, adapter)
    if separate:
        _add_adapter(state, adapter, vision is not None, replaced)
    for part in names.HEADS:
        path = names.find_part(directory, part)
        if path is not None:
            state |= _renamed(path, part, read_weights(path))
    return state


def _base_state(directory: Path, base: Path | None) -> dict[str, Weight]:
    if base is None:
        raise CheckpointError(
            f"{directory} holds a LoRA adapter without the model it belongs to: name its folder "
            "with --base. The public base comes with: hf download openvla/openvla-7b --local-dir "
            f"{models_dir() / 'openvla-7b'}"
        )
    require_base(base)
    return {k: weight for k, weight in gather(base).items() if names.part_of(k) == names.MODEL}


def base_folder(name: str) -> Path:
    """Folder of a base checkpoint: relative to models/, or absolute."""
    return models_dir() / name


def require_base(directory: Path) -> None:
    """Checks that a base checkpoint is there.

    Raises:
        CheckpointError: It is not; the message says how to get it.
    """
    if not directory.is_dir() or not has_shards(directory):
        what = f"no {MODEL_FILE} and no {INDEX_FILE}" if directory.is_dir() else "no such folder"
        raise CheckpointError(
            f"the base checkpoint {directory} is not there ({what}). Get OpenVLA's with: "
            f"hf download openvla/openvla-7b --local-dir {directory}"
        )


def _renamed(source: Path, part: str, weights: Mapping[str, Weight]) -> dict[str, Weight]:
    """Weights of a public file under the model's names."""
    original: dict[str, str] = {}
    for key in weights:
        name = names.from_public(part, key)
        if name in original:
            raise CheckpointError(f"{source} has both {original[name]} and {key}: expected one")
        original[name] = key
    return {name: weights[key] for name, key in original.items()}


def _add_vision(state: dict[str, Weight], path: Path, adapter: Path) -> bool:
    """Adds FiLM, or replaces the whole vision backbone; returns whether it did the latter."""
    found = _renamed(path, names.VISION, read_weights(path))
    if all(names.is_film(key) for key in found):
        state |= found
        return False
    pairs: dict[str, dict[str, Weight]] = {}
    for key in list(found):
        factor = names.lora_factor(key)
        if factor is not None:
            pairs.setdefault(factor[0], {})[factor[1]] = found.pop(key)
    if pairs:
        if not (adapter / lora.CONFIG_FILE).exists():
            raise CheckpointError(
                f"{path} holds LoRA that is not merged, and its scale is missing: expected "
                f"{adapter / lora.CONFIG_FILE}. Copy {lora.FOLDER}/ from where it was trained"
            )
        scaling = lora.read_scaling(adapter)
        complete = lora.complete_pairs(path, pairs, scaling.rank)
        lora.fold_into(found, complete, scaling.factor, path)
    for key in [key for key in state if key.startswith(f"{names.VISION}.")]:
        del state[key]
    state |= found
    return True


def _add_adapter(
    state: dict[str, Weight], folder: Path, has_vision: bool, vision_replaced: bool
) -> None:
    adapter = lora.Adapter.read(folder)
    if adapter.film_wrapped and not has_vision:
        raise CheckpointError(
            f"{folder} was trained with FiLM, but {folder.parent} has no "
            "vision_backbone--N_checkpoint file: without it the vision backbone would be the "
            "base's. Copy it from where it was trained"
        )
    pairs = {
        module: (held(a), held(b))
        for module, (a, b) in adapter.weights.items()
        if not (vision_replaced and module.startswith(f"{names.VISION}."))
    }
    lora.fold_into(state, pairs, adapter.scale, folder)


class _Expected:
    """Names and shapes that a network of some sizes has in its files."""

    def __init__(self, config: ModelConfig) -> None:
        self._allocates_all = config.full_layout
        self._shapes = _shapes(config.model_copy(update={"full_layout": True}))
        computed = _shapes(config.model_copy(update={"full_layout": False}))
        self._never_computed = set(self._shapes) - set(computed)

    def of_model(self) -> "_Expected":
        """The same without what openvla-7b does not have."""
        expected = object.__new__(_Expected)
        expected._allocates_all = self._allocates_all
        expected._shapes = {
            key: shape for key, shape in self._shapes.items() if names.part_of(key) == names.MODEL
        }
        expected._never_computed = self._never_computed & set(expected._shapes)
        return expected

    def check(self, source: Path, found: Mapping[str, Weight]) -> None:
        """Compares with what a folder holds.

        A file of the public layout has all weights that are never computed, one of a network
        without ``full_layout`` has none of them.
        """
        shapes = dict(self._shapes)
        if not self._allocates_all:
            for part in {names.part_of(key) for key in self._never_computed}:
                absent = {k for k in self._never_computed if names.part_of(k) == part}
                if absent.isdisjoint(found):
                    for key in absent:
                        del shapes[key]
        check_shapes(source, shapes, {key: weight.shape for key, weight in found.items()})


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    state = VegaPolicy.empty(config).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def check_weights(source: Path, config: ModelConfig, state: Mapping[str, Weight]) -> None:
    """Compares the names and shapes of weights with a network's.

    Raises:
        CheckpointError: Any is missing, superfluous or of another shape; they are named.
    """
    _Expected(config).check(source, state)


def as_stored(config: ModelConfig, state: Mapping[str, Weight]) -> ModelConfig:
    """The sizes, ``full_layout`` saying whether the weights that are never computed are there."""
    full = _shapes(config.model_copy(update={"full_layout": True}))
    return config.model_copy(update={"full_layout": full.keys() <= state.keys()})


def check_shapes(
    source: Path, wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Compares names and shapes.

    Raises:
        CheckpointError: Any is missing, superfluous or of another shape; they are named.
    """
    problems = [f"missing {key}" for key in wanted if key not in found]
    problems += [f"unexpected {key}" for key in found if key not in wanted]
    problems += [
        f"{key} has shape {found[key]}, expected {wanted[key]}"
        for key in wanted
        if key in found and wanted[key] != found[key]
    ]
    if problems:
        more = len(problems) - _NAMED_AT_ONCE
        listed = "\n  ".join(problems[:_NAMED_AT_ONCE])
        tail = f"\n  and {more} more" if more > 0 else ""
        raise CheckpointError(f"{source} does not fit its own description:\n  {listed}{tail}")


def _filled(
    source: Path,
    state: Mapping[str, Weight],
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype | None,
) -> VegaPolicy:
    check_weights(source, config, state)
    policy = VegaPolicy.empty(config)
    dtype = dtype or state[_DTYPE_KEY].dtype
    _fill(policy, state, dtype, device)
    return policy.to_compute_dtype(dtype).to(device)  # buffers; the weights are so already


@torch.no_grad()
def _fill(
    policy: VegaPolicy, state: Mapping[str, Weight], dtype: torch.dtype, device: torch.device
) -> None:
    """Assigns weight after weight; each is in memory once, besides the one being read."""
    wanted = set(policy.state_dict())
    for key, weight in state.items():
        if key not in wanted:
            continue
        kept = dtype if key.partition(".")[0] in _COMPUTE_PARTS else torch.float32
        value = torch.empty(weight.shape, dtype=kept, device=device)
        value.copy_(weight.read())
        _assign(policy, key, value)


def _assign(policy: VegaPolicy, key: str, value: Tensor) -> None:
    path, _, name = key.rpartition(".")
    policy.get_submodule(path).register_parameter(name, nn.Parameter(value))


def config_of(
    directory: Path, state: Mapping[str, Weight], contract: PolicyContract
) -> ModelConfig:
    """Sizes of a checkpoint with a policy.yaml.

    Raises:
        CheckpointError: config.json is missing or malformed, or policy.yaml contradicts it.
    """
    platform = Platform(len(contract.cameras), contract.chunk, contract.action_dim)
    config = read_config(directory, state, platform)
    pairs = {
        "action_dim": (config.action_dim, contract.action_dim),
        "proprio_dim": (config.proprio_dim, contract.proprio_dim),
        "chunk": (config.chunk, contract.chunk),
        "action_tokens": (config.action_tokens, contract.action_tokens),
        "image size": (config.image_size, contract.image.size),
        "number of cameras": (config.views, len(contract.cameras)),
    }
    wrong = [
        f"{name}: {CONFIG_FILE} has {ours}, policy.yaml has {theirs}"
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]
    if wrong:
        raise CheckpointError(f"{directory} contradicts itself: " + "; ".join(wrong))
    return config


def load_tokenizer(
    path: Path, contract: PolicyContract, config: ModelConfig
) -> InstructionTokenizer:
    """The tokenizer of a checkpoint.

    Raises:
        CheckpointError: It is missing or damaged, or has more tokens than the model.
    """
    tokenizer = InstructionTokenizer(path, contract.instruction_template)
    if tokenizer.vocab_size > config.llm.vocab_size:
        raise CheckpointError(
            f"{path.parent}: the tokenizer has {tokenizer.vocab_size} tokens, the model "
            f"{config.llm.vocab_size}"
        )
    return tokenizer


def refuse_public(directory: Path) -> None:
    """Refuses to run a folder that does not say what it was trained for.

    Raises:
        CheckpointError: It is no folder, or one of the public layout without a policy.yaml.
    """
    if not directory.is_dir():
        raise CheckpointError(
            f"{directory} is no folder: expected a checkpoint, a folder with a policy.yaml"
        )
    if (directory / contracts.FILE_NAME).exists():
        return
    if (directory / CONFIG_FILE).exists() or names.find_part(directory, names.HEADS[0]):
        raise CheckpointError(
            f"{directory} has no {contracts.FILE_NAME}, so nothing says which cameras, joints and "
            "normalisation it was trained with. If it is an OpenVLA-OFT checkpoint, make a "
            f"deployable one of it: python -m vega_policy.export {directory} OUT --recipe RECIPE "
            "--unnorm-key KEY"
        )


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in module.parameters())


def compute_dtype(name: str) -> torch.dtype:
    """The dtype that a recipe's ``precision`` means."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
