"""Reads checkpoints: this project's own, and folders of the public OpenVLA-OFT layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy import contract as contracts
from vega_policy.checkpoint import names
from vega_policy.checkpoint.expected import check_weights
from vega_policy.checkpoint.files import Weight
from vega_policy.checkpoint.gathering import gather, require_base
from vega_policy.checkpoint.hf_config import ALOHA, CONFIG_FILE, Platform, read_config
from vega_policy.errors import CheckpointError
from vega_policy.model.config import ModelConfig
from vega_policy.model.llm import assert_bidirectional
from vega_policy.model.policy import VegaPolicy
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.vega_contract import VegaContract

_COMPUTE_PARTS = ("vision_backbone", "projector", "language_model")
_DTYPE_KEY = "projector.fc1.weight"


class LoadedPolicy(NamedTuple):
    """A policy ready to run and what it says of itself."""

    policy: VegaPolicy
    contract: VegaContract
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
    contract = VegaContract.load(directory)
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
    state = base_state(directory, config, heads)
    policy = VegaPolicy.empty(config)
    device = torch.device(device)
    dtype = dtype or state[_DTYPE_KEY].dtype
    _fill(policy, state, dtype, device)
    for module in policy.modules():
        if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
            module.to_empty(device=device, recurse=False)
            module.reset_parameters()  # type: ignore[operator]  # linear and norm layers have it
    return policy.to_compute_dtype(dtype).to(device)


def base_state(directory: Path, config: ModelConfig, heads: bool = False) -> dict[str, Weight]:
    """Weights of a base that fits the sizes of a policy; their contents are not read.

    Args:
        directory: As in :func:`load_base`.
        config: As there.
        heads: As there.

    Raises:
        CheckpointError: As there.
    """
    require_base(directory)
    state = gather(directory)
    if not heads:
        state = {key: weight for key, weight in state.items() if names.part_of(key) == names.MODEL}
    check_weights(directory, config, state, model_only=not heads)
    _check_unshaped(directory, config, state)
    return state


def _check_unshaped(directory: Path, config: ModelConfig, state: Mapping[str, Weight]) -> None:
    """Compares what no shape tells: attention heads, norms, positions. Wrong, they run as well."""
    if not (directory / CONFIG_FILE).exists():
        return
    platform = Platform(config.views, config.chunk, config.action_dim)
    base = read_config(directory, state, platform)
    pairs = {
        "dino.heads": (config.dino.heads, base.dino.heads),
        "siglip.heads": (config.siglip.heads, base.siglip.heads),
    }
    for field, value in config.llm:
        pairs[f"llm.{field}"] = (value, getattr(base.llm, field))
    wrong = [f"model.{k}: expected {ours}, came {b}" for k, (ours, b) in pairs.items() if ours != b]
    if wrong:
        raise CheckpointError(
            f"the base {directory} is another network than the recipe's: {'; '.join(wrong)}. Set "
            "these fields in the recipe as the base has them"
        )


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


def config_of(directory: Path, state: Mapping[str, Weight], contract: VegaContract) -> ModelConfig:
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


def load_tokenizer(path: Path, contract: VegaContract, config: ModelConfig) -> InstructionTokenizer:
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
