"""Makes folders of the public OpenVLA-OFT layout from a policy of random weights."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vega_policy.checkpoint import Adapter
from vega_policy.checkpoint.names import HEADS, is_film, part_of, to_public
from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import models_dir
from vega_policy.tests.synthetic import small_policy

PUBLIC: dict[str, Any] = {"full_layout": True, "action_tokens": "per_dim"}
"""What a public checkpoint always has, as fields of a model's configuration."""
STEP = "150000"
KEY = "close_laptop"


def public_policy(**changes: Any) -> VegaPolicy:
    """A small policy of the public layout, every weight of it random."""
    policy = small_policy(**{**PUBLIC, **changes})
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    return policy


def write_public(
    folder: Path,
    policy: VegaPolicy,
    suffix: str = ".pt",
    module: bool = True,
    gamma: bool = False,
    shards: int = 2,
) -> Path:
    """Writes a merged OFT folder: configuration, shards, heads, FiLM, statistics, tokenizer."""
    write_description(folder, policy.config)
    write_shards(folder, policy.state_dict(), gamma, shards)
    write_heads(folder, policy, suffix, module)
    if policy.config.film:
        write_film_backbone(folder, policy.state_dict(), suffix=suffix)
    return folder


def write_description(folder: Path, config: ModelConfig) -> None:
    """config.json, the towers' heads, dataset_statistics.json and tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    llm = config.llm
    data = {
        "model_type": "openvla",
        "architectures": ["OpenVLAForActionPrediction"],
        "auto_map": {"AutoConfig": "configuration_prismatic.OpenVLAConfig"},
        "timm_model_ids": [
            "vit_large_patch14_reg4_dinov2.lvd142m",
            "vit_so400m_patch14_siglip_224",
        ],
        "image_sizes": [config.image_size] * 2,
        "pad_to_multiple_of": llm.vocab_padding,
        "text_config": {
            "model_type": "llama",
            "hidden_size": llm.dim,
            "intermediate_size": llm.ffn,
            "num_hidden_layers": llm.layers,
            "num_attention_heads": llm.heads,
            "max_position_embeddings": llm.max_positions,
            "vocab_size": llm.vocab_size,
            "torch_dtype": "bfloat16",
        },
    }
    heads = {"dino": {"heads": config.dino.heads}, "siglip": {"heads": config.siglip.heads}}
    bounds = {"min": -1.0, "max": 1.0, "q01": -0.9, "q99": 0.9, "mean": 0.0, "std": 0.5}
    statistics = {
        KEY: {
            "action": {name: [v] * config.action_dim for name, v in bounds.items()},
            "proprio": {name: [v] * config.proprio_dim for name, v in bounds.items()},
            "num_transitions": 100,
            "num_trajectories": 4,
        }
    }
    for name, content in (
        ("config", data),
        ("spec", heads),
        ("dataset_statistics", statistics),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    tokenizer = (models_dir() / "tokenizers" / "twin.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(tokenizer)


def write_shards(
    folder: Path, state: Mapping[str, Tensor], gamma: bool = False, shards: int = 1
) -> None:
    """The Hugging Face state dict, in one file or several and an index."""
    folder.mkdir(parents=True, exist_ok=True)
    model = {k: v.contiguous() for k, v in state.items() if part_of(k) == "model"}
    if gamma:
        model = {k.replace("scale_factor", "gamma"): v for k, v in model.items()}
    if shards == 1:
        save_file(model, folder / "model.safetensors")
        return
    keys = sorted(model)
    of_key = {}
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = keys[number::shards]
        save_file({key: model[key] for key in part}, folder / name)
        of_key |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 0}, "weight_map": of_key}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_heads(folder: Path, policy: VegaPolicy, suffix: str = ".pt", module: bool = True) -> None:
    """Action head and projectors of numbers, as saved from inside DDP or not."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in policy.state_dict().items():
        part, name = to_public(key)
        if part in HEADS:
            parts.setdefault(part, {})[f"module.{name}" if module else name] = value
    for part, state in parts.items():
        save(folder / f"{part}--{STEP}_checkpoint{suffix}", state)


def write_film_backbone(
    folder: Path,
    state: Mapping[str, Tensor],
    adapter: Adapter | None = None,
    suffix: str = ".pt",
    wrapped: bool = True,
) -> None:
    """The whole vision backbone; with an adapter, as peft had it during training.

    Args:
        folder: Where to.
        state: The policy's weights, without the adapter.
        adapter: Its LoRA.
        suffix: Of the file.
        wrapped: Whether blocks are inside FiLM's ``block``.
    """
    written = {}
    for key, value in state.items():
        if not key.startswith("vision_backbone."):
            continue
        module = key.removesuffix(".weight").removesuffix(".bias")
        name = key
        if adapter is not None and module in adapter.weights:
            name = f"{module}.base_layer{key[len(module) :]}"
        written[name if is_film(key) or not wrapped else wrap(name)] = value
    for module, pair in ({} if adapter is None else adapter.weights).items():
        if module.startswith("vision_backbone."):
            name = wrap(module) if wrapped else module
            for factor, value in zip("AB", pair):
                written[f"{name}.lora_{factor}.default.weight"] = value
    save(folder / f"vision_backbone--{STEP}_checkpoint{suffix}", written)


def wrap(key: str) -> str:
    """The name of a block's weight inside FiLM's wrapper."""
    before, separator, after = key.partition(".blocks.")
    number, _, rest = after.partition(".")
    return f"{before}.blocks.{number}.block.{rest}" if separator else key


def random_adapter(
    policy: VegaPolicy, rank: int = 2, alpha: float = 1.0, new: bool = False
) -> Adapter:
    """LoRA on all linear layers and convolutions, as the public code's version of peft chose them.

    Args:
        policy: Of the public layout.
        rank: Of the adapter.
        alpha: Of the adapter.
        new: Whether to choose as newer versions of peft do: no convolutions, no lm_head.
    """
    generator = torch.Generator().manual_seed(5)
    kinds = nn.Linear if new else (nn.Linear, nn.Conv2d)
    weights = {}
    for path, module in policy.named_modules():
        skipped = path.startswith(HEADS) or path.endswith((".scale", ".shift"))
        if skipped or not isinstance(module, kinds) or (new and path.endswith("lm_head")):
            continue
        out, *rest = module.weight.shape
        a = 0.3 * torch.randn(rank, *rest, generator=generator)
        b = 0.3 * torch.randn(out, rank, *[1] * (len(rest) - 1), generator=generator)
        weights[path] = (a, b)
    return Adapter(rank, alpha, weights)


def write_adapter(
    folder: Path,
    adapter: Adapter,
    default: bool = False,
    wrapped: bool = False,
    lm_head: Tensor | None = None,
    **config: Any,
) -> None:
    """``lora_adapter/`` as peft writes it.

    Args:
        folder: The checkpoint's.
        adapter: What to write.
        default: Whether names say the adapter's name, "default".
        wrapped: Whether it was trained inside FiLM's wrapper.
        lm_head: The whole base weight, which peft adds if lm_head is adapted.
        config: Fields of adapter_config.json to change.
    """
    target = folder / "lora_adapter"
    target.mkdir(parents=True, exist_ok=True)
    middle = ".default" if default else ""
    state = {}
    for module, pair in adapter.weights.items():
        name = module
        if wrapped and module.startswith("vision_backbone."):
            name = "vision_backbone." + wrap(module)
        for factor, value in zip("AB", pair):
            state[f"base_model.model.{name}.lora_{factor}{middle}.weight"] = value
    if lm_head is not None:
        state["base_model.model.language_model.lm_head.base_layer.weight"] = lm_head.clone()
    save_file(state, target / "adapter_model.safetensors")
    written = {
        "peft_type": "LORA",
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["qkv", "proj", "lm_head"],
        "use_rslora": False,
        "use_dora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "modules_to_save": None,
    }
    (target / "adapter_config.json").write_text(json.dumps(written | config))


def folded(policy: VegaPolicy, adapter: Adapter, parts: Iterable[str] = ("",)) -> dict[str, Tensor]:
    """The policy's weights with the adapter's updates of the modules whose names begin so."""
    state = dict(policy.state_dict())
    for module in adapter.weights:
        if module.startswith(tuple(parts)):
            key = f"{module}.weight"
            state[key] = state[key] + adapter.delta(module)
    return state


def save(path: Path, state: Mapping[str, Tensor]) -> None:
    """Writes a state dict in the format that the name says."""
    plain = {key: value.detach().clone() for key, value in state.items()}
    if path.suffix == ".safetensors":
        save_file(plain, path)
    else:
        torch.save(plain, path)
