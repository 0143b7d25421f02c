"""Makes a fixture of make_fixture.py small enough for the tests to carry.

    python reduce_fixture.py FIXTURE OUT

Of the vocabulary only rows in use are kept and ids are renumbered: those of the inputs, and for the
discrete head the action ids, the padding behind them and every id that wins somewhere. Weights that
are never computed and outputs that other cases cover are left out. The cross-entropy is that over
the rows kept. Runs in the project's environment.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy

KEY = "fixture"
FIRST_ACTION, PADDING, END = 31744, 32000, 32064
ALOHA = {"views": 3, "chunk": 25, "action_dim": 14, "proprio_dim": 14, "normalization": "bounds"}
SIDE_MODULES = ("action_head", "proprio_projector", "noisy_action_projector")
KEPT = ("film_", "train_")

Tensors = dict[str, Tensor]


def kept_ids(inputs: Tensors, outputs: Tensors, discrete: bool) -> Tensor:
    """Ids to keep, ascending, so that action ids stay at the end of the vocabulary proper."""
    texts = [inputs["prompt_ids"], inputs["train_input_ids"]]
    if not discrete:  # only their place in the sequence matters
        texts = [ids[(ids < FIRST_ACTION) | (ids >= PADDING)] for ids in texts]
    ids = [text.flatten() for text in texts] + [torch.arange(3)]  # BOS and stop keep their ids
    if discrete:
        ids += [value.flatten() for name, value in outputs.items() if name.endswith("token_ids")]
        ids.append(torch.arange(FIRST_ACTION, END))
    return torch.cat(ids).unique()


def renumber(ids: Tensor, kept: Tensor) -> Tensor:
    """Place of each id among the kept ones; ids that are not kept become BOS."""
    places = torch.searchsorted(kept, ids).clamp(max=len(kept) - 1)
    return torch.where(kept[places] == ids, places, 1)


def model_config(spec: dict[str, Any], kept: Tensor) -> dict[str, Any]:
    """Our configuration of the reduced case, as far as it differs from the defaults."""
    padding = int((kept >= PADDING).sum())
    fields = ("image_size", "views", "dino", "siglip", "chunk", "action_dim", "head")
    proprio = spec["proprio_dim"]
    config = {name: spec[name] for name in fields}
    config |= {"proprio_dim": proprio} if proprio is not None else {"proprio": False}
    config["llm"] = {**spec["llm"], "vocab_size": len(kept), "vocab_padding": padding}
    return config | {"full_layout": False, "film_mean_includes_padding": True}


def reduce_weights(folder: Path, config: dict[str, Any], kept: Tensor) -> Tensors:
    """The weights that our network wants, by its own names."""
    weights = load_file(folder / "model.safetensors") | load_file(folder / "film_delta.safetensors")
    for module in SIDE_MODULES:
        if (folder / f"{module}.safetensors").exists():
            for name, value in load_file(folder / f"{module}.safetensors").items():
                weights[f"{module}.{name.removeprefix('module.')}"] = value
    for name in ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight"):
        weights[name] = weights[name][kept]
    wanted = VegaPolicy(ModelConfig.model_validate(config)).state_dict()
    return {name: weights[name].clone() for name in wanted}


def reduce(folder: Path, out: Path) -> None:
    """Write case.json, weights, inputs and outputs."""
    spec = ALOHA | json.loads((folder / "spec.json").read_text())
    discrete = spec["head"] == "discrete"
    inputs = load_file(folder / "inputs.safetensors")
    outputs = load_file(folder / "outputs.safetensors")
    kept = kept_ids(inputs, outputs, discrete)
    config = model_config(spec, kept)
    weights = reduce_weights(folder, config, kept)
    labels = inputs.pop("train_labels")
    inputs["train_prompt_lengths"] = (labels >= 0).int().argmax(dim=1)
    inputs["train_attention_mask"] = inputs["train_attention_mask"].bool()
    for name in ("prompt_ids", "train_input_ids"):
        inputs[name] = renumber(inputs[name], kept)
    outputs = {name: value for name, value in outputs.items() if name.startswith(KEPT)}
    outputs.pop("train_layer_hidden_mid")
    if discrete:
        for name in [name for name in outputs if name.endswith("token_ids")]:
            outputs[name] = renumber(outputs[name], kept)
        shape = outputs.pop("train_token_loss").shape
        outputs.pop("train_loss_with_stop_token")
        actions = labels[(labels >= FIRST_ACTION) & (labels < PADDING)]
        inputs["train_action_ids"] = renumber(actions, kept).reshape(shape)
        logits = outputs["train_action_hidden"] @ weights["language_model.lm_head.weight"].T
        losses = functional.cross_entropy(
            logits.flatten(0, 1), inputs["train_action_ids"].flatten(), reduction="none"
        )
        outputs["train_token_loss"] = losses.reshape(shape)
    statistics = json.loads((folder / "dataset_statistics.json").read_text())[KEY]["action"]
    case = {
        "model": config,
        "normalization": spec["normalization"],
        "action_statistics": {
            name: value for name, value in statistics.items() if name not in ("mean", "std")
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    for name, tensors in (("weights", weights), ("inputs", inputs), ("outputs", outputs)):
        save_file(tensors, out / f"{name}.safetensors")
        (out / f"{name}.safetensors").chmod(0o644)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("fixture", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    reduce(arguments.fixture, arguments.out)


if __name__ == "__main__":
    main()
