"""Frozen teachers: parity with the public implementations, published layouts, bad files."""

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vega_policy.alignment.pooling import plane_embedding, pooled_targets
from vega_policy.alignment.spatial_forcing import loss, projector_of
from vega_policy.errors import CheckpointError, RecipeError
from vega_policy.images import DINO_MEAN, DINO_STD, centre_crops
from vega_policy.teachers.fit3d.config import Fit3dConfig
from vega_policy.teachers.fit3d.vit import Fit3dTeacher, load_fit3d
from vega_policy.teachers.teacher import TeacherInput
from vega_policy.teachers.vggt.aggregator import VggtTeacher, load_aggregator
from vega_policy.teachers.vggt.config import VggtConfig
from vega_policy.tests.teacher_files import (
    FIT3D_FORMS,
    fit3d_state,
    vggt_state,
    write_fit3d,
    write_vggt,
)

DATA = Path(__file__).parent / "data" / "teachers"
TOLERANCE = 1e-5


def golden(name, folder):
    """A file of the public implementation's: its weights as a file of their own, the rest."""
    everything = load_file(DATA / f"{name}.safetensors")
    io = {k.removeprefix("io."): v.float() for k, v in everything.items() if k.startswith("io.")}
    path = folder / f"{name}.safetensors"
    save_file({k: v for k, v in everything.items() if not k.startswith("io.")}, path)
    return path, io


def assert_close(ours, public):
    assert ours.shape == public.shape
    error = (ours.detach() - public).abs().max() / public.abs().max()
    assert error < TOLERANCE


def batch_of(samples=2, views=3, size=28):
    pixels = torch.randn(samples, 6 * views, size, size, generator=torch.Generator().manual_seed(3))
    return TeacherInput(pixels, centre_crops(samples * views, 0.9), None)


@pytest.mark.parametrize("form", ["plain", "reg4", "clip", "mae", "deit3"])
def test_fit3d_is_timms_tower_with_the_position_embedding_resampled(form, tmp_path):
    path, io = golden(f"fit3d_{form}", tmp_path)
    assert_close(load_fit3d(path)(io["pixels"]), io["features"])


def test_vggt_is_the_public_aggregator_at_its_own_size_and_at_another(tmp_path):
    path, io = golden("vggt", tmp_path)
    model = load_aggregator(path)
    outputs = model(io["images_42"])
    assert len(outputs) == model.depth
    assert_close(outputs[0], io["first_42"])
    assert_close(outputs[-1], io["last_42"])
    assert_close(model(io["images_28"], [-1])[0], io["last_28"])


@pytest.mark.parametrize("embedded", [0, 1])
def test_spatial_forcing_targets_loss_and_gradient_are_the_public_ones(embedded, tmp_path):
    path, io = golden("spatial_forcing", tmp_path)
    weights = {k.removeprefix("projector."): v.float() for k, v in load_file(path).items()}
    target = pooled_targets(io["vggt_hidden"], 16, bool(embedded))
    assert_close(target[:, ::8], io[f"target_pe_{embedded}"])
    student = io["student"].requires_grad_()
    value = loss(student, target, projector_of(weights))
    assert_close(value[None], io[f"loss_pe_{embedded}"])
    if embedded:
        value.backward()
        assert_close(student.grad[:, ::8], io["student_grad_pe_1"])


def test_weights_that_are_no_projector_are_refused():
    with pytest.raises(CheckpointError, match="not the weights of a projector"):
        projector_of({"fc1.weight": torch.zeros(4, 3)})


def test_pooling_leaves_a_grid_of_the_students_size_as_it_is():
    hidden = torch.randn(2, 3, 16, 8)
    assert torch.equal(pooled_targets(hidden, 4, False), hidden.flatten(1, 2))
    added = pooled_targets(hidden, 4, True) - hidden.flatten(1, 2)
    torch.testing.assert_close(added[1, 16:32], 0.1 * plane_embedding(4, 8))


@pytest.mark.parametrize("form", FIT3D_FORMS)
def test_every_published_fit3d_file_answers_one_feature_a_patch(form, tmp_path):
    path = write_fit3d(tmp_path / "teacher.safetensors", form, dim=48)
    teacher = Fit3dTeacher(Fit3dConfig(), path, grid=2)
    batch = batch_of()
    [features] = teacher.targets(batch)
    assert features.shape == (2, 3, 4, 48)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    assert not teacher.model.training
    # Each view is seen by itself, and as it is.
    [alone] = teacher.targets(TeacherInput(batch.pixels[1:, 6:12], batch.crops, None))
    torch.testing.assert_close(alone[0, 0], features[1, 1])
    # Behind the final norm, if asked for.
    raw = Fit3dTeacher(Fit3dConfig(final_norm=False), path, grid=2)
    normed = raw.model.norm(raw.targets(batch)[0])
    torch.testing.assert_close(normed, features)


def test_public_sizes_have_64_dimensions_a_head_and_the_recipe_may_say_otherwise(tmp_path):
    path = write_fit3d(tmp_path / "teacher.safetensors", dim=192, depth=1)
    assert load_fit3d(path).blocks[0].attn.heads == 3
    assert load_fit3d(path, heads=6).blocks[0].attn.heads == 6
    with pytest.raises(RecipeError, match="width of 192 is not a multiple of 5 heads"):
        load_fit3d(path, heads=5)


def test_a_vggt_file_answers_the_layers_asked_for(tmp_path):
    path = write_vggt(tmp_path / "vggt.safetensors", dim=32, depth=3)
    config = VggtConfig(image_size=42)
    batch = batch_of()
    first, last = VggtTeacher(config, path, [0, -1]).targets(batch)
    assert first.shape == last.shape == (2, 3, 9, 64)
    assert last.dtype == torch.float32
    assert not last.requires_grad
    # What a layer answers does not hang on the others.
    torch.testing.assert_close(VggtTeacher(config, path, [2]).targets(batch)[0], last)


def test_vggt_sees_all_views_of_a_sample_together_and_the_first_one_apart(tmp_path):
    model = load_aggregator(write_vggt(tmp_path / "vggt.safetensors"))
    images = torch.rand(2, 3, 3, 28, 28)
    [tokens] = model(images, [-1])
    [one] = model(images[1:], [-1])
    torch.testing.assert_close(one[0], tokens[1])
    [swapped] = model(images[:, [0, 2, 1]], [-1])
    torch.testing.assert_close(swapped[:, [0, 2, 1]], tokens)  # the rest have no order
    [rotated] = model(images[:, [1, 2, 0]], [-1])
    assert (rotated[:, [2, 0, 1]] - tokens).abs().max() > 0.01


def test_vggt_gets_pixels_from_0_to_1(tmp_path):
    teacher = VggtTeacher(VggtConfig(image_size=28), write_vggt(tmp_path / "v.safetensors"), [-1])
    images = torch.rand(1, 2, 3, 28, 28)
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (DINO_MEAN, DINO_STD))
    views = (images - mean) / std
    pixels = torch.cat([views, torch.zeros_like(views)], dim=2).flatten(1, 2)
    [features] = teacher.targets(TeacherInput(pixels, centre_crops(2, 0.9), None))
    [expected] = teacher.model(images, [-1])
    torch.testing.assert_close(features, expected[:, :, 5:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_teachers_compute_in_the_dtype_of_the_recipe(precision, tmp_path):
    fit3d = Fit3dTeacher(
        Fit3dConfig(precision=precision), write_fit3d(tmp_path / "f.safetensors"), 2
    )
    vggt = VggtTeacher(
        VggtConfig(precision=precision, image_size=28), write_vggt(tmp_path / "v.safetensors"), [-1]
    )
    for teacher in (fit3d, vggt):
        dtypes = {weight.dtype for weight in teacher.model.parameters()}
        assert dtypes == {getattr(torch, precision)}
        assert not any(weight.requires_grad for weight in teacher.model.parameters())
        [features] = teacher.targets(batch_of())
        assert features.dtype == torch.float32
        assert features.isfinite().all()


@pytest.mark.parametrize("wrap", ["flat", "training checkpoint", "prefix", "state_dict and prefix"])
def test_wrapped_files_are_unwrapped(wrap, tmp_path):
    state = fit3d_state(FIT3D_FORMS["dinov2_reg_small"])
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1])
    prefixed = {f"module.backbone.{key}": value for key, value in state.items()}
    content = {
        "flat": state,
        "training checkpoint": {
            "model": state,
            "optimizer": optimizer.state_dict(),
            "lr_scheduler": schedule.state_dict(),
            "epoch": 0,
            "args": argparse.Namespace(lr=1e-5, lr_drop=[1]),
        },
        "prefix": prefixed,
        "state_dict and prefix": {"state_dict": prefixed},
    }[wrap]
    torch.save(content, tmp_path / "teacher.pth")
    loaded = load_fit3d(tmp_path / "teacher.pth").state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_vggt_may_be_wrapped_too(tmp_path):
    torch.save({"model": vggt_state()}, tmp_path / "model.pt")
    assert load_aggregator(tmp_path / "model.pt").depth == 2


LOADERS = {
    "fit3d": (load_fit3d, lambda: fit3d_state(FIT3D_FORMS["clip_base"])),
    "vggt": (load_aggregator, vggt_state),
}


@pytest.mark.parametrize("teacher", LOADERS)
def test_a_missing_teacher_says_what_to_download_and_where_to_put_it(teacher, tmp_path):
    load, _ = LOADERS[teacher]
    with pytest.raises(RecipeError, match=r"(?s)missing.*hf download.*--local-dir models/teachers"):
        load(tmp_path / "teacher.pth")


@pytest.mark.parametrize("teacher", LOADERS)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "empty"])
def test_damaged_files_are_named(teacher, suffix, damage, tmp_path):
    load, state = LOADERS[teacher]
    path = tmp_path / f"teacher{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state(), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(CheckpointError, match=f"{path.name} is (truncated or )?corrupt"):
        load(path)


class Dangerous:
    def __reduce__(self):
        return (print, ("this code must not run",))


@pytest.mark.parametrize("content", [Dangerous(), {"model": {"weight": Dangerous()}}])
def test_files_with_code_are_not_run(content, tmp_path, capsys):
    torch.save(content, tmp_path / "teacher.pth")
    with pytest.raises(CheckpointError, match="not read for safety"):
        load_fit3d(tmp_path / "teacher.pth")
    assert not capsys.readouterr().out


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"blocks": {"0": {}}}])
def test_files_without_weights_are_refused(content, tmp_path):
    torch.save(content, tmp_path / "teacher.pth")
    with pytest.raises(CheckpointError, match="holds no"):
        load_fit3d(tmp_path / "teacher.pth")


@pytest.mark.parametrize(
    ("teacher", "gone"),
    [
        ("fit3d", "blocks.1.norm1.bias"),
        ("fit3d", "pos_embed"),
        ("fit3d", "patch_embed.proj.weight"),
        ("fit3d", "norm.weight"),
        ("vggt", "aggregator.global_blocks.0.attn.q_norm.bias"),
        ("vggt", "aggregator.register_token"),
        ("vggt", "aggregator.patch_embed.pos_embed"),
    ],
)
def test_missing_weights_are_named(teacher, gone, tmp_path):
    load, make = LOADERS[teacher]
    state = make()
    del state[gone]
    save_file(state, tmp_path / "teacher.safetensors")
    with pytest.raises(CheckpointError, match=f"missing {gone.removeprefix('aggregator.')}"):
        load(tmp_path / "teacher.safetensors")


@pytest.mark.parametrize(
    ("teacher", "extra"),
    [
        ("fit3d", "head.weight"),
        ("fit3d", "blocks.0.ls1.gamma2"),
        ("vggt", "gaussian_head.weight"),
        ("vggt", "aggregator.frame_blocks.0.attn.extra"),
    ],
)
def test_superfluous_weights_are_named(teacher, extra, tmp_path):
    load, make = LOADERS[teacher]
    save_file(make() | {extra: torch.zeros(3)}, tmp_path / "teacher.safetensors")
    with pytest.raises(CheckpointError, match=f"unexpected {extra.removeprefix('aggregator.')}"):
        load(tmp_path / "teacher.safetensors")


@pytest.mark.parametrize(
    ("teacher", "key", "shape"),
    [
        ("fit3d", "blocks.1.mlp.fc2.weight", (32, 64)),
        ("fit3d", "norm.bias", (31,)),
        ("fit3d", "pos_embed", (37, 32)),
        ("vggt", "aggregator.camera_token", (1, 3, 1, 32)),
        ("vggt", "aggregator.frame_blocks.1.attn.qkv.weight", (32, 32)),
    ],
)
def test_wrong_shapes_are_named(teacher, key, shape, tmp_path):
    load, make = LOADERS[teacher]
    save_file(make() | {key: torch.zeros(shape)}, tmp_path / "teacher.safetensors")
    name = key.removeprefix("aggregator.")
    with pytest.raises(CheckpointError, match=rf"{name} has shape \({shape[0]}, .*expected|{name}"):
        load(tmp_path / "teacher.safetensors")


def test_a_position_embedding_of_no_square_is_refused(tmp_path):
    state = fit3d_state(FIT3D_FORMS["dinov2_small"]) | {"pos_embed": torch.zeros(1, 1372, 32)}
    save_file(state, tmp_path / "teacher.safetensors")
    with pytest.raises(CheckpointError, match="1372 rows is neither a square grid"):
        load_fit3d(tmp_path / "teacher.safetensors")


def test_the_recipes_dimension_must_be_the_files(tmp_path):
    path = write_fit3d(tmp_path / "teacher.safetensors", dim=48)
    assert Fit3dTeacher(Fit3dConfig(dim=48), path, 2).dim == 48
    with pytest.raises(RecipeError, match=r"alignment.fit3d.dim is 1024, .* is 48 wide"):
        Fit3dTeacher(Fit3dConfig(dim=1024), path, 2)


def test_layers_and_sizes_that_vggt_does_not_have(tmp_path):
    path = write_vggt(tmp_path / "vggt.safetensors", depth=2)
    with pytest.raises(RecipeError, match=r"VGGT layer 2 does not exist.* 0 to 1"):
        VggtTeacher(VggtConfig(image_size=28), path, [0, 2])
    with pytest.raises(RecipeError, match="image_size is 30, not a multiple"):
        VggtTeacher(VggtConfig(image_size=30), path, [-1])
