"""Checkpoint directories: the public OpenVLA-OFT layout, plus policy.yaml.

policy.yaml                          what the policy was trained for
config.json                          sizes, in Hugging Face's fields and exactly under ``vega``
model.safetensors                    vision towers, projector and language model; or
                                     model-0000x-of-0000y.safetensors and an index
vision_backbone--latest_checkpoint.safetensors          FiLM
action_head--latest_checkpoint.safetensors
proprio_projector--latest_checkpoint.safetensors
noisy_action_projector--latest_checkpoint.safetensors   with the diffusion head
dataset_statistics.json              as OpenVLA-OFT writes it
tokenizer.json
lora_adapter/                        training only, in peft's format
align_projector--latest_checkpoint.safetensors          training only

Names are the public ones. Reading takes what the public tools write as well, see
:mod:`.gathering`.
"""

from vega_policy.checkpoint.base_digest import digest_of
from vega_policy.checkpoint.gathering import base_folder, require_base
from vega_policy.checkpoint.hf_config import CONFIG_FILE, Platform
from vega_policy.checkpoint.lora import Adapter, fold
from vega_policy.checkpoint.reading import (
    LoadedPolicy,
    base_state,
    compute_dtype,
    load,
    load_base,
    load_policy,
    parameter_count,
    public_config,
)
from vega_policy.checkpoint.streaming import MAX_SHARD_BYTES
from vega_policy.checkpoint.writing import ALIGN_FILE, STATISTICS_FILE, save

__all__ = [
    "ALIGN_FILE",
    "CONFIG_FILE",
    "MAX_SHARD_BYTES",
    "STATISTICS_FILE",
    "Adapter",
    "LoadedPolicy",
    "Platform",
    "base_folder",
    "base_state",
    "compute_dtype",
    "digest_of",
    "fold",
    "load",
    "load_base",
    "load_policy",
    "parameter_count",
    "public_config",
    "require_base",
    "save",
]
