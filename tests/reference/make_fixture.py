"""Golden fixtures of the public OpenVLA-OFT implementation, or a check of existing ones.

    python make_fixture.py specs/oft_b.json OUT
    python make_fixture.py --check FIXTURE

See README.md for the environment this needs and for what a fixture holds.
"""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import public_code
import torch
from public_code import Spec
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

KEY = "fixture"
IGNORED = -100
PAD = 32000
SPACE = 29871
STOP = 2
ACTION_IDS = (31744, 32000)
SIDE_MODULES = ("action_head", "proprio_projector", "noisy_action_projector")

Tensors = dict[str, Tensor]


class Reference:
    """The public policy of one fixture with the modules around it.

    Args:
        spec: Completed spec.
        statistics: Contents of dataset_statistics.json.
    """

    def __init__(self, spec: Spec, statistics: dict[str, Any]) -> None:
        self.spec = spec
        self.public = public_code.load(spec)
        self.policy: Any = public_code.build_policy(self.public, spec, statistics)
        self.side = public_code.build_side_modules(self.public, spec)
        self.film = False

    def add_film(self) -> None:
        """Switch FiLM on for good."""
        public_code.add_film(self.public, self.policy)
        self.film = True

    def predict(self, inputs: Tensors) -> tuple[np.ndarray, Tensor]:
        """Un-normalised actions and hidden states of sample 0, as the public code serves them."""
        prompt = inputs["prompt_ids"]
        actions, hidden = self.policy.predict_action(
            input_ids=prompt,
            unnorm_key=KEY,
            proprio=inputs["proprio"][0].numpy() if "proprio" in inputs else None,
            proprio_projector=self.side.get("proprio_projector"),
            action_head=self.side.get("action_head"),
            noisy_action_projector=self.side.get("noisy_action_projector"),
            use_film=self.film,
            pixel_values=inputs["pixel_values"][:1],
            attention_mask=torch.ones_like(prompt),
        )
        return actions, hidden

    def train_forward(self, inputs: Tensors, **noisy: Any) -> SimpleNamespace:
        """The padded batch through the public training forward pass."""
        labels = inputs["train_labels"]
        output = self.policy(
            input_ids=inputs["train_input_ids"],
            attention_mask=inputs["train_attention_mask"].bool(),
            pixel_values=inputs["pixel_values"],
            labels=labels,
            output_hidden_states=True,
            output_projector_features=True,
            proprio=inputs.get("proprio"),
            proprio_projector=self.side.get("proprio_projector"),
            use_film=self.film,
            **noisy,
        )
        shifted = labels[:, 1:]
        mask = self.public.current_action_mask(shifted) | self.public.next_actions_mask(shifted)
        inserted = output.projector_features.shape[1]
        size = (labels.shape[0], self.spec["chunk"] * self.spec["action_dim"], -1)
        hidden = output.hidden_states[-1][:, inserted:-1][mask].reshape(size)
        logits = output.logits[:, inserted:-1][mask].reshape(size)
        return SimpleNamespace(output=output, hidden=hidden, logits=logits, ids=shifted[mask])


@torch.no_grad()
def compute_outputs(reference: Reference, inputs: Tensors, film: Tensors | None) -> Tensors:
    """Every output of a fixture, by the names that README.md explains.

    Args:
        reference: With weights loaded, FiLM still off.
        inputs: Contents of inputs.safetensors.
        film: FiLM weights, or None for a policy without.
    """
    outputs = tower_outputs(reference, inputs)
    outputs |= inference_outputs(reference, inputs, "nofilm")
    if film is not None:
        reference.add_film()
        missing, extra = reference.policy.vision_backbone.load_state_dict(film, strict=False)
        if extra or any(".block." not in name and ".blocks." in name for name in missing):
            raise SystemExit(f"film_delta.safetensors does not fit: {extra} {missing}")
        outputs |= inference_outputs(reference, inputs, "film")
    outputs |= training_outputs(reference, inputs)
    return {name: value.contiguous().clone() for name, value in outputs.items()}


def tower_outputs(reference: Reference, inputs: Tensors) -> Tensors:
    """Patch features of both towers; FiLM must be off."""
    dim = reference.spec["dino"]["dim"]
    fused = reference.policy.vision_backbone(inputs["pixel_values"])
    return {"dino_tap_plain": fused[..., :dim], "siglip_tap_plain": fused[..., dim:]}


def inference_outputs(reference: Reference, inputs: Tensors, prefix: str) -> Tensors:
    """What the public code serves for sample 0; the prefix says whether FiLM is on."""
    head = reference.spec["head"]
    if head == "diffusion":
        return _denoised_outputs(reference, inputs, prefix)
    actions, hidden = reference.predict(inputs)
    outputs = {
        f"{prefix}_action_hidden": hidden,
        f"{prefix}_actions": torch.from_numpy(actions).float(),
    }
    if head == "discrete":
        shape = (reference.spec["chunk"], reference.spec["action_dim"])
        ids = reference.policy.language_model.lm_head(hidden).argmax(-1).reshape(shape)
        bins = np.clip(reference.policy.vocab_size - ids.numpy() - 1, 0, 254)
        normalized = reference.policy.bin_centers[bins]
        outputs[f"{prefix}_token_ids"] = ids
        outputs[f"{prefix}_actions_normalized"] = torch.from_numpy(normalized).float()
    return outputs


def _denoised_outputs(reference: Reference, inputs: Tensors, prefix: str) -> Tensors:
    outputs: Tensors = {}
    head: Any = reference.side["action_head"]
    predict_noise = head.predict_noise
    draw = torch.randn
    for steps in reference.spec["diffusion"]["inference_steps"]:
        head.noise_scheduler.set_timesteps(steps)
        predicted: list[Tensor] = []

        def record(hidden: Tensor, predicted: list[Tensor] = predicted) -> Tensor:
            predicted.append(predict_noise(hidden))
            return predicted[-1]

        head.predict_noise = record
        torch.randn = lambda size, **_: inputs["noise"].clone()  # type: ignore[assignment]
        try:
            actions, hidden = reference.predict(inputs)
        finally:
            torch.randn = draw
            del head.predict_noise
        outputs[f"{prefix}_actions_steps_{steps}"] = torch.from_numpy(actions).float()
        outputs[f"{prefix}_first_noise_steps_{steps}"] = predicted[0]
        outputs[f"{prefix}_last_noise_steps_{steps}"] = predicted[-1]
        outputs[f"{prefix}_last_action_hidden_steps_{steps}"] = hidden
    return outputs


def training_outputs(reference: Reference, inputs: Tensors) -> Tensors:
    """What the public training step computes of the padded batch."""
    spec = reference.spec
    outputs: Tensors = {}
    noisy: dict[str, Any] = {}
    head: Any = reference.side.get("action_head")
    if spec["head"] == "diffusion":
        timesteps = inputs["train_timesteps"]
        noisy["noisy_actions"] = head.noise_scheduler.add_noise(
            inputs["train_actions"], inputs["train_noise"], timesteps
        )
        noisy["diffusion_timestep_embeddings"] = head.time_encoder(timesteps)[:, None]
        noisy["noisy_action_projector"] = reference.side["noisy_action_projector"]
        outputs["train_noisy_actions"] = noisy["noisy_actions"]
    result = reference.train_forward(inputs, **noisy)
    outputs["train_projector_features"] = result.output.projector_features
    outputs["train_layer_hidden_mid"] = result.output.hidden_states[spec["llm"]["layers"] // 2]
    outputs["train_action_hidden"] = result.hidden
    if spec["head"] == "l1":
        outputs["train_actions_normalized"] = head.predict_action(result.hidden)
    if spec["head"] == "diffusion":
        predicted = head.predict_noise(result.hidden)
        outputs["train_noise_prediction"] = predicted
        outputs["train_loss"] = nn.functional.mse_loss(predicted, inputs["train_noise"])[None]
    if spec["head"] == "discrete":
        size = (inputs["train_labels"].shape[0], spec["chunk"], spec["action_dim"])
        losses = nn.functional.cross_entropy(
            result.logits.flatten(0, 1), result.ids.flatten(), reduction="none"
        )
        outputs["train_token_ids"] = result.logits.argmax(-1).reshape(size)
        outputs["train_token_loss"] = losses.reshape(size)
        outputs["train_loss_with_stop_token"] = result.output.loss[None]
    return outputs


def make_statistics(spec: Spec) -> dict[str, Any]:
    """Normalisation statistics; with ``bounds_q99`` the last action dimension is left as it is."""

    def limits(size: int, low: float, high: float) -> dict[str, list[float]]:
        lowest = np.linspace(low, low / 3, size)
        highest = np.linspace(high / 4, high, size)
        inset = 0.1 * (highest - lowest)
        values = {
            "min": lowest,
            "max": highest,
            "q01": lowest + inset,
            "q99": highest - inset,
            "mean": (lowest + highest) / 2,
            "std": (highest - lowest) / 4,
        }
        return {name: value.tolist() for name, value in values.items()}

    size = spec["action_dim"]
    action: dict[str, Any] = limits(size, -1.7, 2.1)
    action["mask"] = [True] * size
    if spec["normalization"] == "bounds_q99":
        action["mask"][-1] = False
    entry: dict[str, Any] = {"action": action, "num_transitions": 100, "num_trajectories": 2}
    if spec["proprio_dim"] is not None:
        entry["proprio"] = limits(spec["proprio_dim"], -2.6, 1.3)
    return {KEY: entry}


def make_inputs(spec: Spec, generator: torch.Generator) -> Tensors:
    """Random observations, a prompt, and a right-padded training batch of two."""

    def integers(low: int, high: int, *size: int) -> Tensor:
        return torch.randint(low, high, size, generator=generator)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    side = spec["image_size"]
    chunk = (2, spec["chunk"], spec["action_dim"])
    inputs = {"pixel_values": normal(2, 6 * spec["views"], side, side)}
    if spec["proprio_dim"] is not None:
        inputs["proprio"] = torch.rand(2, spec["proprio_dim"], generator=generator) * 2 - 1
    prompts = [
        torch.cat([torch.tensor([1]), integers(300, 20000, size - 2), torch.tensor([SPACE])])
        for size in spec["draw"]["prompt_lengths"]
    ]
    inputs["prompt_ids"] = prompts[0][None]
    samples = [
        torch.cat([prompt, integers(*ACTION_IDS, chunk[1] * chunk[2]), torch.tensor([STOP])])
        for prompt in prompts
    ]
    longest = max(len(sample) for sample in samples)
    ids = torch.full((2, longest), PAD)
    labels = torch.full((2, longest), IGNORED)
    valid = torch.zeros(2, longest, dtype=torch.uint8)
    for row, (prompt, sample) in enumerate(zip(prompts, samples)):
        ids[row, : len(sample)] = sample
        labels[row, len(prompt) : len(sample)] = sample[len(prompt) :]
        valid[row, : len(sample)] = 1
    inputs |= {"train_input_ids": ids, "train_labels": labels, "train_attention_mask": valid}
    if spec["head"] == "diffusion":
        inputs["noise"] = normal(1, *chunk[1:])
        inputs["train_actions"] = torch.rand(chunk, generator=generator) * 2 - 1
        inputs["train_noise"] = normal(*chunk)
        inputs["train_timesteps"] = integers(0, spec["diffusion"]["train_steps"], 2)
    return inputs


def make(spec: Spec, folder: Path) -> None:
    """Write a fixture of random weights and inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(spec["draw"]["seed"])
    statistics = make_statistics(spec)
    reference = Reference(spec, statistics)
    public_code.randomize(reference.policy, generator, spec["draw"].get("sharpness", 1.0))
    for module in reference.side.values():
        public_code.randomize(module, generator)
    if spec["head"] == "discrete":
        favour_action_tokens(reference.policy.language_model.lm_head.weight)
    if spec["head"] == "diffusion":
        calm_denoising(reference.side["action_head"])
    for name, module in reference.side.items():
        weights = {f"module.{key}": value for key, value in module.state_dict().items()}
        save_file(weights, folder / f"{name}.safetensors")
    save_file(reference.policy.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(reference.policy.config.to_json_string(use_diff=False))
    (folder / "dataset_statistics.json").write_text(json.dumps(statistics, indent=1))
    (folder / "spec.json").write_text(json.dumps(spec, indent=1))
    inputs = make_inputs(spec, generator)
    save_file(inputs, folder / "inputs.safetensors")
    film = make_film(spec, generator)
    save_file(film, folder / "film_delta.safetensors")
    save_file(compute_outputs(reference, inputs, film), folder / "outputs.safetensors")


@torch.no_grad()
def calm_denoising(head: Any) -> None:
    """Keep random weights from being chaotic: rounding must not grow from step to step."""
    head.noise_predictor.mlp_resnet.fc2.weight *= 0.15


@torch.no_grad()
def favour_action_tokens(lm_head: Tensor) -> None:
    """Make most arg-maxima action tokens, and some of the rest tokens of the padding."""
    first, end = ACTION_IDS
    lm_head[first:end] *= 1.7
    lm_head[end:] *= 1.6


def make_film(spec: Spec, generator: torch.Generator) -> Tensors:
    """Random FiLM weights by the names of the wrapped backbone."""
    weights: Tensors = {}
    dim = spec["llm"]["dim"]
    for tower, name in (("dino", "featurizer"), ("siglip", "fused_featurizer")):
        width = spec[tower]["dim"]
        for block in range(spec[tower]["depth"]):
            for part in ("scale", "shift"):
                key = f"vision_backbone.{name}.blocks.{block}.{part}"
                weight = torch.randn(width, dim, generator=generator) / dim**0.5
                weights[f"{key}.weight"] = weight
                weights[f"{key}.bias"] = 0.1 * torch.randn(width, generator=generator)
    return weights


def check(folder: Path) -> None:
    """Compute a fixture's outputs anew and print the largest difference of each."""
    spec = public_code.complete(json.loads((folder / "spec.json").read_text()))
    statistics = json.loads((folder / "dataset_statistics.json").read_text())
    reference = Reference(spec, statistics)
    reference.policy.load_state_dict(load_file(folder / "model.safetensors"))
    for name, module in reference.side.items():
        weights = load_file(folder / f"{name}.safetensors")
        module.load_state_dict({key.removeprefix("module."): weights[key] for key in weights})
    film = load_file(folder / "film_delta.safetensors")
    outputs = compute_outputs(reference, load_file(folder / "inputs.safetensors"), film)
    for name, expected in load_file(folder / "outputs.safetensors").items():
        difference = (outputs[name].double() - expected.double()).abs().max()
        print(f"{name:32} {difference:.2e} of {expected.abs().max():.2e}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("spec", type=Path, help="spec file, or with --check a fixture folder")
    parser.add_argument("out", type=Path, nargs="?", help="folder to write")
    parser.add_argument("--check", action="store_true", help="compute a fixture's outputs anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.check:
        check(arguments.spec)
    elif arguments.out is None:
        parser.error("OUT is missing: the folder to write")
    else:
        make(public_code.complete(json.loads(arguments.spec.read_text())), arguments.out)


if __name__ == "__main__":
    main()
