"""The parity tool on golden data made by this implementation itself."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benches.parity import __main__ as command
from vega_policy import images
from vega_policy.alignment.pooling import pooled_targets
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.alignment.spatial_forcing import loss
from vega_policy.checkpoint import names
from vega_policy.images import Crops
from vega_policy.jpeg import jpeg_round_trip
from vega_policy.model.layout import TextBatch, text_batch
from vega_policy.teachers.fit3d.vit import FineTunedViT
from vega_policy.tests import synthetic

CHUNK, ACTION_DIM, VIEWS = 3, 2, 2
PROMPT = [1, 40, 41, 42, 43]
SHORT = [1, 50, 51]
LOW, HIGH = [-1.0, 0.0], [2.0, 4.0]


def random_policy():
    return synthetic.small_policy(
        full_layout=True,
        views=VIEWS,
        chunk=CHUNK,
        action_dim=ACTION_DIM,
        proprio_dim=4,
        action_tokens="per_dim",
        film_mean_includes_padding=True,
    )


def write_weights(folder, policy):
    parts = {}
    for key, value in policy.state_dict().items():
        part, name = names.to_public(key)
        prefix = "module." if part in names.HEADS else ""
        parts.setdefault(part, {})[prefix + name] = value.contiguous()
    files = {names.MODEL: "model", names.VISION: "film_delta"}
    for part, tensors in parts.items():
        save_file(tensors, folder / f"{files.get(part, part)}.safetensors")


def write_descriptions(folder, config):
    llm = config.llm
    text = {
        "vocab_size": llm.vocab_size,
        "hidden_size": llm.dim,
        "intermediate_size": llm.ffn,
        "num_hidden_layers": llm.layers,
        "num_attention_heads": llm.heads,
    }
    size = config.image_size
    public = {"model_type": "openvla", "image_sizes": [size, size], "text_config": text}
    (folder / "config.json").write_text(json.dumps(public))
    heads = {name: {"heads": getattr(config, name).heads} for name in ("dino", "siglip")}
    (folder / "spec.json").write_text(json.dumps(heads))
    bounds = {"min": LOW, "max": HIGH}
    statistics = {"fixture": {"action": bounds, "proprio": bounds}}
    (folder / "dataset_statistics.json").write_text(json.dumps(statistics))


def make_inputs(size):
    queries = CHUNK * ACTION_DIM
    rows = [[*prompt, *range(300, 300 + queries), 2] for prompt in (PROMPT, SHORT)]
    longest = max(map(len, rows))
    labels = [
        [-100] * len(prompt) + row[len(prompt) :] + [-100] * (longest - len(row))
        for prompt, row in zip((PROMPT, SHORT), rows)
    ]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return {
        "pixel_values": torch.randn(2, 6 * VIEWS, size, size),
        "proprio": torch.rand(2, 4),
        "prompt_ids": torch.tensor([PROMPT]),
        "train_input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
        "train_attention_mask": torch.tensor(mask, dtype=torch.uint8),
        "train_labels": torch.tensor(labels),
    }


@torch.inference_mode()
def compute_outputs(policy, inputs):
    low, high = torch.tensor(LOW), torch.tensor(HIGH)
    prompt = text_batch([PROMPT], policy.config.action_token_count)
    first = inputs["pixel_values"][:1], inputs["proprio"][:1]
    with_film = policy(*first, prompt)
    encoded = policy.encode(*first, None).inserted
    plain = policy.answer(encoded, prompt).hidden
    valid = inputs["train_attention_mask"].bool()
    lengths = torch.tensor([len(PROMPT), len(SHORT)])
    text = TextBatch(inputs["train_input_ids"], valid, lengths, None)
    middle = policy.config.llm.layers // 2
    train = policy(inputs["pixel_values"], inputs["proprio"], text, keep_layers=(middle,))
    hidden = train.layers[middle].clone()
    hidden[1, -1] = 99.0  # padding: unspecified
    return {
        "dino_tap_plain": policy.vision_backbone.plain_dino(inputs["pixel_values"]),
        "film_action_hidden": with_film.action_hidden.clone(),
        "film_actions": (with_film.actions[0] + 1) / 2 * (high - low) + low,
        "nofilm_actions": (policy.action_head(plain)[0] + 1) / 2 * (high - low) + low,
        "train_layer_hidden_mid": hidden,
        "train_projector_features": train.inserted.clone(),
        "train_actions_normalized": train.actions.clone(),
    }


@pytest.fixture(scope="module")
def golden_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden") / "model"
    folder.mkdir()
    policy = random_policy()
    write_weights(folder, policy)
    write_descriptions(folder, policy.config)
    inputs = make_inputs(policy.config.image_size)
    save_file(inputs, folder / "inputs.safetensors")
    save_file(compute_outputs(policy, inputs), folder / "outputs.safetensors")
    return folder


@pytest.fixture
def changed(golden_model, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(golden_model, tmp_path / "model")


def change_outputs(folder, **changes):
    path = folder / "outputs.safetensors"
    save_file({**load_file(path), **changes}, path)


def test_a_model_within_tolerance(golden_model, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert command.main(["--model", str(golden_model), "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "all 7 outputs are within tolerance" in printed
    results = json.loads(report.read_text())
    assert results["ok"]
    expected = load_file(golden_model / "outputs.safetensors")
    assert {line["name"] for line in results["model"]} == set(expected)
    for line in results["model"]:
        assert line["ok"], line
        assert line["name"] in printed
        assert line["relative_error"] <= 1e-4


def test_an_output_out_of_tolerance(changed, capsys):
    actions = load_file(changed / "outputs.safetensors")["film_actions"]
    actions[1, 1] += 1e-3 * actions.abs().max()
    change_outputs(changed, film_actions=actions)
    assert command.main(["--model", str(changed)]) == 1
    assert "1 of 7 outputs missed: film_actions" in capsys.readouterr().out


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_output_that_is_not_finite_is_missed(changed, tmp_path, value):
    actions = load_file(changed / "outputs.safetensors")["film_actions"]
    actions[0, 0] = value
    change_outputs(changed, film_actions=actions)
    report = tmp_path / "report.json"
    assert command.main(["--model", str(changed), "--json", str(report)]) == 1
    lines = {line["name"]: line for line in json.loads(report.read_text())["model"]}
    assert lines["film_actions"]["largest_error"] is None


def test_an_output_of_an_unknown_name_is_reported(changed, capsys):
    change_outputs(changed, film_surprise=torch.zeros(3))
    assert command.main(["--model", str(changed)]) == 1
    printed = capsys.readouterr().out
    assert "1 of 8 outputs missed: film_surprise" in printed
    assert "no output of that name is known" in printed


def test_an_output_of_another_shape_is_missed(changed, capsys):
    change_outputs(changed, dino_tap_plain=torch.zeros(2, 3, 4))
    assert command.main(["--model", str(changed)]) == 1
    assert "ours has shape" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["inputs", "outputs", "model", "action_head", "film_delta"])
def test_a_missing_or_truncated_file_is_named(changed, capsys, name):
    path = changed / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert command.main(["--model", str(changed)]) == 2
    assert f"{name}.safetensors is truncated or corrupt" in capsys.readouterr().err
    path.unlink()
    assert command.main(["--model", str(changed)]) == 2
    assert "error: " in capsys.readouterr().err


def test_inputs_of_an_impossible_shape(changed, capsys):
    path = changed / "inputs.safetensors"
    save_file({**load_file(path), "proprio": torch.zeros(2, 9)}, path)
    assert command.main(["--model", str(changed)]) == 2
    assert "not of the form that is understood" in capsys.readouterr().err


def test_weights_go_through_the_loader(changed, capsys):
    path = changed / "action_head.safetensors"
    tensors = load_file(path)
    tensors["module.surprise"] = torch.zeros(1)
    save_file(tensors, path)
    assert command.main(["--model", str(changed)]) == 2
    assert "unexpected action_head.surprise" in capsys.readouterr().err


@pytest.fixture
def golden_images(tmp_path):
    camera = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    frames = torch.from_numpy(camera)[None]
    squashed = images.squash(frames, 40)
    policy = images.lanczos_resize(jpeg_round_trip(squashed), 28)
    side = 0.9**0.5
    start = torch.tensor([1 - side])
    crop = images.training_images(policy, Crops(start, start, side), None)
    centre = (images.evaluation_images(policy, 0.9) * 255).round().to(torch.uint8)
    stages = {
        "camera_60x80": camera,
        "squashed_40_pil_bicubic": squashed[0].numpy(),
        "lanczos3_28_without_jpeg": images.lanczos_resize(squashed, 28)[0].numpy(),
        "policy_28": policy[0].numpy(),
        "policy_28_from_60x80": images.lanczos_resize(jpeg_round_trip(frames), 28)[0].numpy(),
        "center_crop_28": centre[0].permute(1, 2, 0).numpy(),
        "crop_bottom_right_f32": crop[0].permute(1, 2, 0).numpy(),
    }
    path = tmp_path / "images.npz"
    np.savez(path, **stages)
    return path


def change_image(path, name, by):
    with np.load(path) as file:
        stages = dict(file)
    flat = stages[name].reshape(-1)
    flat[0] = flat[0] + by if flat[0] < 128 else flat[0] - by
    np.savez(path, **stages)


def test_images(golden_images, capsys):
    assert command.main(["--images", str(golden_images)]) == 0
    assert "all 6 outputs" in capsys.readouterr().out
    change_image(golden_images, "lanczos3_28_without_jpeg", 1)  # one grey level is allowed
    assert command.main(["--images", str(golden_images)]) == 0
    change_image(golden_images, "squashed_40_pil_bicubic", 1)  # here it is not
    assert command.main(["--images", str(golden_images)]) == 1
    assert "squashed_40_pil_bicubic" in capsys.readouterr().out.splitlines()[-1]


def test_images_missing_or_corrupt(golden_images, tmp_path, capsys):
    assert command.main(["--images", str(tmp_path / "nothing.npz")]) == 2
    assert "nothing.npz is missing" in capsys.readouterr().err
    golden_images.write_bytes(golden_images.read_bytes()[:-200])
    assert command.main(["--images", str(golden_images)]) == 2
    assert "truncated, corrupt or no .npz file" in capsys.readouterr().err


@pytest.fixture
def golden_teachers(tmp_path):
    folder = tmp_path / "teachers"
    folder.mkdir()
    torch.manual_seed(0)
    tower = FineTunedViT(24, 2, 3, 48, 14, 26, 0, layer_scale=True, norm_pre=False)
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_file(tower.state_dict(), folder / "fit3d_mine.safetensors")
    pixels = torch.randn(2, 3, 42, 42)
    with torch.inference_mode():
        features = tower(pixels).clone()
    save_file({"pixels": pixels, "features": features}, folder / "fit3d_mine_io.safetensors")
    projector = AlignmentProjector(8, 12)
    student, hidden = torch.randn(2, 2 * 9, 8), torch.randn(2, 2, 25, 12)
    target = pooled_targets(hidden, 3, position_embedding=True)
    with torch.inference_mode():
        value = loss(student, target, projector)[None].clone()
    weights = {f"projector.{key}": tensor for key, tensor in projector.state_dict().items()}
    tensors = {"student": student, "vggt_hidden": hidden, "loss_pe_1": value, **weights}
    save_file(tensors, folder / "spatial_forcing.safetensors")
    return folder


def test_teachers(golden_teachers, capsys):
    assert command.main(["--teachers", str(golden_teachers)]) == 0
    printed = capsys.readouterr().out
    assert "3 heads fit best of 8 divisors of 24" in printed
    assert "spatial_forcing.loss_pe_1" in printed


def test_a_teacher_of_an_unknown_name_is_reported(golden_teachers, capsys):
    save_file({"x": torch.zeros(1)}, golden_teachers / "dust3r.safetensors")
    assert command.main(["--teachers", str(golden_teachers)]) == 1
    assert "missed: dust3r.safetensors" in capsys.readouterr().out


def test_teachers_without_golden_data(golden_teachers, tmp_path, capsys):
    (golden_teachers / "fit3d_mine.safetensors").unlink()
    assert command.main(["--teachers", str(golden_teachers)]) == 2
    assert command.main(["--teachers", str(tmp_path / "none")]) == 2
    (tmp_path / "empty").mkdir()
    assert command.main(["--teachers", str(tmp_path / "empty")]) == 2
    assert "holds no golden data" in capsys.readouterr().err


def test_nothing_to_compare():
    with pytest.raises(SystemExit, match="2"):
        command.main([])
