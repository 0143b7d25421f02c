"""config.json: the fields that Hugging Face's OpenVLA has, and this project's exact sizes.

A file of this project says its sizes in one key of its own, ``vega``. For a public one they follow
from ``text_config``, from the shapes of the weights, and from the names of the timm models for the
one number that no shape tells: the attention heads of the vision towers.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from vega_policy.checkpoint.files import Weight, read_json
from vega_policy.contract import problems
from vega_policy.errors import CheckpointError
from vega_policy.model.config import LanguageModelConfig, ModelConfig, TowerConfig

CONFIG_FILE = "config.json"
SPEC_FILE = "spec.json"
OWN_KEY = "vega"
_DINO = "vision_backbone.featurizer"
_SIGLIP = "vision_backbone.fused_featurizer"
_TIMM_HEADS = {
    "vit_large_patch14_reg4_dinov2": (1024, 16),
    "vit_so400m_patch14_siglip_224": (1152, 16),
}
"""Width and attention heads of the timm models that OpenVLA is built from."""
_LLAMA_DEFAULTS: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
}
"""LlamaConfig() of transformers 4.40, which filled in what OpenVLA's text_config leaves out."""
_PUBLIC_FIELDS: dict[str, Any] = {
    "architectures": ["OpenVLAForActionPrediction"],
    "model_type": "openvla",
    "arch_specifier": "no-align+fused-gelu-mlp",
    "vision_backbone_id": "dinosiglip-vit-so-224px",
    "llm_backbone_id": "llama2-7b-pure",
    "hf_llm_id": "meta-llama/Llama-2-7b-hf",
    "use_fused_vision_backbone": True,
    "timm_model_ids": ["vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224"],
    "timm_override_act_layers": [None, None],
    "image_resize_strategy": "resize-naive",
    "llm_max_length": 2048,
    "pad_token_id": 32000,
    "output_projector_states": False,
    "n_action_bins": 256,
    "transformers_version": "4.40.1",
}


_LLAMA_2: dict[str, Any] = {
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": False,
    "partial_rotary_factor": 1.0,
    "pretraining_tp": 1,
    "rope_scaling": None,
    "sliding_window": None,
    "quantization_config": None,
}
"""What Llama 2 is, in fields that describe other models, too."""
_MEANING = {"num_key_value_heads": "grouped queries", "rope_scaling": "scaled rotary positions"}


class Platform(NamedTuple):
    """What a public checkpoint does not say of itself.

    Attributes:
        views: Camera images of one observation.
        chunk: Actions predicted at once.
        action_dim: Values of one action, for a discrete head, whose weights do not tell.
    """

    views: int
    chunk: int
    action_dim: int


ALOHA = Platform(views=3, chunk=25, action_dim=14)


def read_config(directory: Path, state: Mapping[str, Weight], platform: Platform) -> ModelConfig:
    """Sizes of the network in a folder.

    Args:
        directory: With a config.json, and for other than the public sizes a spec.json that says
            the towers' heads.
        state: Its weights under the model's names; only shapes are looked at.
        platform: For a public folder, what it does not say itself.

    Raises:
        CheckpointError: A file is missing or malformed, or a size cannot be told.
    """
    path = directory / CONFIG_FILE
    data = read_json(path)
    try:
        if OWN_KEY in data:
            return ModelConfig.model_validate_json(json.dumps(data[OWN_KEY]))
        return _from_public(path, data, state, platform)
    except ValidationError as error:
        raise CheckpointError(f"{path} is malformed: {problems(error)}") from None


def _from_public(
    path: Path, data: dict[str, Any], state: Mapping[str, Weight], platform: Platform
) -> ModelConfig:
    if data.get("model_type") != "openvla":
        raise CheckpointError(
            f"{path}: model_type is {data.get('model_type')}, expected openvla: this folder holds "
            "another model"
        )
    sizes = data.get("image_sizes", [224, 224])
    size = sizes[0] if isinstance(sizes, list) and sizes else sizes
    llm = _language_model(path, data)
    head, action_dim, per_step = _head(path, state, llm.dim, platform)
    state_token = state.get("proprio_projector.fc1.weight")
    return ModelConfig(
        image_size=size,
        patch_size=_shape(path, state, f"{_DINO}.patch_embed.proj.weight", 4)[-1],
        views=platform.views,
        dino=_tower(path, data, state, _DINO, 0),
        siglip=_tower(path, data, state, _SIGLIP, 1),
        llm=llm,
        action_dim=action_dim,
        proprio_dim=action_dim if state_token is None else state_token.shape[-1],
        chunk=platform.chunk,
        action_tokens="per_step" if per_step else "per_dim",
        head=head,
        proprio=state_token is not None,
        film=f"{_DINO}.blocks.0.scale.weight" in state,
    )


def _language_model(path: Path, data: dict[str, Any]) -> LanguageModelConfig:
    stated = data.get("text_config", {})
    if not isinstance(stated, dict):
        raise CheckpointError(f"{path}: text_config is no JSON object")
    text = _LLAMA_DEFAULTS | {key: value for key, value in stated.items() if value is not None}
    heads = text["num_attention_heads"]
    wanted = _LLAMA_2 | {"num_key_value_heads": heads}
    if isinstance(heads, int) and isinstance(text["hidden_size"], int) and heads > 0:
        wanted["head_dim"] = text["hidden_size"] // heads
    for field, value in wanted.items():
        if text.get(field, value) != value:
            raise CheckpointError(
                f"{path}: text_config has {field} {text[field]} ({_MEANING.get(field, 'other')}), "
                f"expected {value} as OpenVLA's Llama 2 has it"
            )
    return LanguageModelConfig(
        dim=text["hidden_size"],
        ffn=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=heads,
        vocab_size=text["vocab_size"],
        vocab_padding=data.get("pad_to_multiple_of", 64),
        max_positions=text["max_position_embeddings"],
        rms_norm_eps=text["rms_norm_eps"],
        rope_theta=_rope_theta(path, stated, text["rope_theta"]),
    )


def _rope_theta(path: Path, stated: Mapping[str, Any], usual: float) -> float:
    """Base of the rotary positions; newer transformers write it into ``rope_parameters``."""
    rope = stated.get("rope_parameters") or {}
    if not isinstance(rope, dict) or rope.get("rope_type", "default") != "default":
        raise CheckpointError(
            f"{path}: text_config has rope_parameters {rope}, expected plain rotary positions "
            "(rope_type default) as OpenVLA's Llama 2 has them"
        )
    unknown = set(rope) - {"rope_theta", "rope_type", "partial_rotary_factor"}
    if unknown or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise CheckpointError(f"{path}: text_config has rope_parameters {rope}, which has no use")
    both = [x for x in (stated.get("rope_theta"), rope.get("rope_theta")) if x is not None]
    if len(set(both)) > 1:
        raise CheckpointError(f"{path}: text_config has two values of rope_theta: {both}")
    return float(both[0]) if both else usual


def _shape(path: Path, state: Mapping[str, Weight], key: str, axes: int) -> tuple[int, ...]:
    if key not in state:
        raise CheckpointError(f"{path.parent}: missing {key}")
    shape = state[key].shape
    if len(shape) != axes:
        raise CheckpointError(f"{path.parent}: {key} has shape {shape}, expected {axes} axes")
    return shape


def _tower(
    path: Path, data: dict[str, Any], state: Mapping[str, Weight], prefix: str, index: int
) -> TowerConfig:
    dim = _shape(path, state, f"{prefix}.patch_embed.proj.weight", 4)[0]
    mlp = _shape(path, state, f"{prefix}.blocks.0.mlp.fc1.weight", 2)[0]
    block = re.compile(rf"{re.escape(prefix)}\.blocks\.(\d+)\.")
    depth = 1 + max(int(match[1]) for match in map(block.match, state) if match)
    heads = _heads(path, data, dim, index)
    return TowerConfig(dim=dim, depth=depth, heads=heads, mlp_ratio=mlp_ratio(dim, mlp))


def mlp_ratio(dim: int, mlp: int) -> float:
    """A ratio that gives an MLP of this width; half a unit keeps it from being rounded down."""
    ratio = mlp / dim
    return ratio if int(dim * ratio) == mlp else (mlp + 0.5) / dim


def _heads(path: Path, data: dict[str, Any], dim: int, index: int) -> int:
    spec = path.with_name(SPEC_FILE)
    if spec.exists():
        tower = read_json(spec).get(("dino", "siglip")[index])
        if isinstance(tower, dict) and isinstance(tower.get("heads"), int):
            return int(tower["heads"])
    ids = data.get("timm_model_ids") or []
    name = str(ids[index]).partition(".")[0] if index < len(ids) else "none"
    width, heads = _TIMM_HEADS.get(name, (None, 0))
    if width != dim:
        raise CheckpointError(
            f"{path}: cannot tell the attention heads of a vision tower {dim} wide (timm model "
            f"{name}). Known are {', '.join(f'{k} ({v[0]})' for k, v in _TIMM_HEADS.items())}; for "
            f'others put a {SPEC_FILE} with {{"dino": {{"heads": ..}}, "siglip": {{"heads": ..}}}} '
            "beside it"
        )
    return heads


def _head(
    path: Path, state: Mapping[str, Weight], dim: int, platform: Platform
) -> tuple[Literal["l1", "diffusion", "discrete"], int, bool]:
    """Kind of action head, values of one action, and whether a query stands for a whole step."""
    kinds: dict[Literal["l1", "diffusion"], str] = {
        "l1": "action_head.model",
        "diffusion": "action_head.noise_predictor.mlp_resnet",
    }
    for kind, prefix in kinds.items():
        if f"{prefix}.fc2.weight" in state:
            action_dim = _shape(path, state, f"{prefix}.fc2.weight", 2)[0]
            width = _shape(path, state, f"{prefix}.fc1.weight", 2)[1]
            return kind, action_dim, width == dim and action_dim > 1
    return "discrete", platform.action_dim, False


def to_json(
    config: ModelConfig, statistics: Mapping[str, Any], dtype: str, base: Mapping[str, Any]
) -> str:
    """Text of a config.json.

    Args:
        config: Sizes.
        statistics: Of the data by dataset, as in dataset_statistics.json.
        dtype: Of the weights, "bfloat16" or "float32".
        base: Fields of a public config.json to be kept; empty for a network of this project.
    """
    llm = config.llm
    text = {
        "model_type": "llama",
        "vocab_size": llm.vocab_size,
        "hidden_size": llm.dim,
        "intermediate_size": llm.ffn,
        "num_hidden_layers": llm.layers,
        "num_attention_heads": llm.heads,
        "num_key_value_heads": llm.heads,
        "max_position_embeddings": llm.max_positions,
        "rms_norm_eps": llm.rms_norm_eps,
        "rope_theta": llm.rope_theta,
        "pad_token_id": _PUBLIC_FIELDS["pad_token_id"],
        "torch_dtype": dtype,
    }
    data = {
        **_PUBLIC_FIELDS,
        "image_sizes": [config.image_size, config.image_size],
        "pad_to_multiple_of": llm.vocab_padding,
        "torch_dtype": dtype,
        "text_config": text,
        **base,
        "norm_stats": statistics,
        OWN_KEY: config.model_dump(mode="json"),
    }
    return json.dumps(data, indent=2) + "\n"
