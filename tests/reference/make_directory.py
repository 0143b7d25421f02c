"""A fine-tuned OpenVLA-OFT directory as the public code saves it, with what it computes.

    python make_directory.py specs/oft_directory.json OUT

Writes ``base/`` (the model that was fine-tuned), ``film/`` (LoRA and FiLM, shards left to the
base), ``film_merged/`` (the same with shards merged as the public script does it) and ``merged/``
(LoRA without FiLM, merged, the adapter left beside the shards), each with a spec.json. ``*_io/``
hold inputs and the outputs of the model as it was trained, before any merging. See README.md.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import public_code
import torch
from make_fixture import (
    Reference,
    Tensors,
    inference_outputs,
    make_inputs,
    make_statistics,
    tower_outputs,
    training_outputs,
)
from peft import LoraConfig, PeftModel, get_peft_model
from public_code import Spec
from safetensors.torch import save_file
from torch import nn

SHARD_SIZE = "3MB"
STEP = 100


def save_base(reference: Reference, folder: Path, generator: torch.Generator) -> None:
    """Random weights, saved in shards."""
    public_code.randomize(reference.policy, generator, reference.spec["draw"]["sharpness"])
    reference.policy.save_pretrained(folder, max_shard_size=SHARD_SIZE)


def load_base(reference: Reference, folder: Path) -> nn.Module:
    """The base as the public scripts load it, with the number of views set."""
    with public_code.tower_sizes(reference.spec):
        policy = reference.public.Policy.from_pretrained(folder)
    policy.vision_backbone.set_num_images_in_input(reference.spec["views"])
    return policy.eval()


def add_lora(policy: nn.Module, rank: int, generator: torch.Generator) -> PeftModel:
    """LoRA with the public settings, trained as it were: no factor is zero."""
    config = LoraConfig(
        r=rank,
        lora_alpha=min(rank, 16),
        lora_dropout=0.0,
        target_modules="all-linear",
        init_lora_weights="gaussian",
    )
    adapted = get_peft_model(policy, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                fan_in = weight[0].numel()
                weight.copy_(torch.randn(weight.shape, generator=generator) / fan_in**0.5)
                weight *= 0.5 if "lora_B" in name else 1.0
    return adapted.eval()


@torch.no_grad()
def add_film(reference: Reference, generator: torch.Generator) -> None:
    """FiLM around the adapted blocks, with random scale and shift."""
    reference.add_film()
    for name, weight in reference.policy.vision_backbone.named_parameters():
        if ".scale." in name or ".shift." in name:
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(0.1 * noise if weight.ndim == 1 else noise / weight.shape[1] ** 0.5)


def save_side_modules(reference: Reference, folder: Path) -> None:
    """Files of the modules beside the model, under the names of a data-parallel wrapper."""
    for name, module in reference.side.items():
        weights = {f"module.{key}": value for key, value in module.state_dict().items()}
        torch.save(weights, folder / f"{name}--{STEP}_checkpoint.pt")


def save_io(inputs: Tensors, outputs: Tensors, folder: Path) -> None:
    """Inputs and outputs beside the directory, not in it."""
    folder.mkdir(parents=True)
    save_file(inputs, folder / "inputs.safetensors")
    kept = {name: value.contiguous().clone() for name, value in outputs.items()}
    save_file(kept, folder / "outputs.safetensors")


def merge(reference: Reference, base: Path, folder: Path) -> None:
    """Fold the adapter of a directory into the base, as the public merge script does."""
    merged = PeftModel.from_pretrained(load_base(reference, base), folder / "lora_adapter")
    merged.merge_and_unload().save_pretrained(folder, max_shard_size=SHARD_SIZE)


@torch.no_grad()
def make(spec: Spec, out: Path) -> None:
    """Write all directories."""
    generator = torch.Generator().manual_seed(spec["draw"]["seed"])
    statistics = make_statistics(spec)
    reference = Reference(spec, statistics)
    inputs = make_inputs(spec, generator)
    save_base(reference, out / "base", generator)
    for module in reference.side.values():
        public_code.randomize(module, generator)
    for film in (False, True):
        folder = out / ("film" if film else "merged")
        reference.film = False
        adapted = add_lora(load_base(reference, out / "base"), spec["draw"]["rank"], generator)
        reference.policy = adapted.base_model.model
        reference.policy.norm_stats = statistics
        outputs = {} if film else tower_outputs(reference, inputs)
        if film:
            add_film(reference, generator)
        adapted.save_pretrained(folder / "lora_adapter")
        save_side_modules(reference, folder)
        (folder / "dataset_statistics.json").write_text(json.dumps(statistics, indent=1))
        if film:
            weights: dict[str, Any] = reference.policy.vision_backbone.state_dict()
            torch.save(weights, folder / f"vision_backbone--{STEP}_checkpoint.pt")
        outputs |= inference_outputs(reference, inputs, "film" if film else "nofilm")
        outputs |= training_outputs(reference, inputs)
        save_io(inputs, outputs, out / f"{folder.name}_io")
        if film:
            shutil.copytree(folder, out / "film_merged")
            shutil.copy(out / "base" / "config.json", folder)
            folder = out / "film_merged"
        merge(reference, out / "base", folder)
    for folder in out.iterdir():
        # The public code knows its towers by name alone, at their published sizes.
        (folder / "spec.json").write_text(json.dumps(spec, indent=1))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("spec", type=Path)
    parser.add_argument("out", type=Path, help="folder to write, must not exist")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True)
    torch.set_num_threads(1)
    make(public_code.complete(json.loads(arguments.spec.read_text())), arguments.out)


if __name__ == "__main__":
    main()
