"""The frozen teachers and the Spatial Forcing loss against what the public code computed."""

import re
from pathlib import Path

import torch
from torch import Tensor

from benches.parity import golden
from benches.parity.comparison import Comparison, compare, incomparable
from benches.parity.golden import GoldenDataError
from vega_policy.alignment.pooling import pooled_targets
from vega_policy.alignment.spatial_forcing import loss, projector_of
from vega_policy.teachers.fit3d.vit import load_fit3d
from vega_policy.teachers.vggt.aggregator import load_aggregator

FIT3D_WIDTHS = (192, 384, 768, 1024)
"""Widths of published towers, all of 64 dimensions a head."""
_FIT3D = re.compile(r"(fit3d_\w+)_io\.safetensors")
_VGGT, _VGGT_IO = "vggt_aggregator.safetensors", "vggt_io.safetensors"
_FORCING = "spatial_forcing.safetensors"


def compare_teachers(folder: Path) -> list[Comparison]:
    """Compares every output in a folder of teachers.

    Args:
        folder: Holds any of ``fit3d_*.safetensors`` with ``fit3d_*_io.safetensors``,
            ``vggt_aggregator.safetensors`` with ``vggt_io.safetensors``, and
            ``spatial_forcing.safetensors``.

    Raises:
        GoldenDataError: Golden data is missing or corrupt.
        CheckpointError: A teacher's weights are; RecipeError: they are missing.
    """
    if not folder.is_dir():
        raise GoldenDataError(f"{folder} is no folder")
    compared: list[Comparison] = []
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    for name in names:
        match = _FIT3D.fullmatch(name)
        if match:
            compared += _fit3d(folder, match[1])
        elif name == _VGGT_IO:
            compared += _vggt(folder)
        elif name == _FORCING:
            compared += _spatial_forcing(folder / name)
        elif name != _VGGT and f"{name.partition('.')[0]}_io.safetensors" not in names:
            compared.append(incomparable(name, (), "no teacher of that name is known"))
    if not compared:
        raise GoldenDataError(f"{folder} holds no golden data of teachers (*_io.safetensors)")
    return compared


@torch.inference_mode()
def _fit3d(folder: Path, teacher: str) -> list[Comparison]:
    path = folder / f"{teacher}_io.safetensors"
    data = golden.tensors(path)
    pixels, features = (golden.needed(data, key, path) for key in ("pixels", "features"))
    weights = folder / f"{teacher}.safetensors"
    dim = features.shape[-1]
    name = f"{teacher}.features"
    if dim in FIT3D_WIDTHS:
        candidates = [dim // 64]
    else:  # a made-up size, whose heads no file tells
        candidates = [heads for heads in range(1, dim + 1) if dim % heads == 0]
    lines = [
        compare(name, load_fit3d(weights, heads)(pixels).numpy(), features.numpy())._replace(
            note=f"{heads} heads"
        )
        for heads in candidates
    ]
    best = min(lines, key=lambda line: (not line.ok, line.largest_error))
    if len(lines) > 1:
        best = best._replace(note=f"{best.note} fit best of {len(lines)} divisors of {dim}")
    return [best, *_unknown(teacher, data, {"pixels", "features"})]


@torch.inference_mode()
def _vggt(folder: Path) -> list[Comparison]:
    data = golden.tensors(folder / _VGGT_IO)
    aggregator = load_aggregator(folder / _VGGT)
    compared = []
    known = {name for name in data if re.fullmatch(r"images_\d+", name)}
    for images in sorted(known):
        size = images.partition("_")[2]
        wanted = {0: f"first_{size}", -1: f"last_{size}"}
        outputs = aggregator(data[images], list(wanted))
        for name, output in zip(wanted.values(), outputs):
            if name in data:
                known.add(name)
                compared.append(compare(f"vggt.{name}", output.numpy(), data[name].numpy()))
    return [*compared, *_unknown("vggt", data, known)]


def _spatial_forcing(path: Path) -> list[Comparison]:
    data = golden.tensors(path)
    weights = {name: value for name, value in data.items() if name.startswith("projector.")}
    projector = projector_of({k.removeprefix("projector."): v for k, v in weights.items()})
    student, hidden = (golden.needed(data, key, path) for key in ("student", "vggt_hidden"))
    grid = round((student.shape[1] / hidden.shape[1]) ** 0.5)
    ours: dict[str, Tensor] = {}
    for embedding in (0, 1):
        student = student.detach().requires_grad_()
        target = pooled_targets(hidden, grid, bool(embedding))
        value = loss(student, target, projector)
        (gradient,) = torch.autograd.grad(value, student)
        ours[f"target_pe_{embedding}"] = target
        ours[f"loss_pe_{embedding}"] = value.detach()[None]
        ours[f"student_grad_pe_{embedding}"] = gradient
    compared = [
        compare(f"spatial_forcing.{name}", ours[name].numpy(), data[name].numpy())
        for name in data
        if name in ours
    ]
    known = {*weights, *ours, "student", "vggt_hidden"}
    return [*compared, *_unknown("spatial_forcing", data, known)]


def _unknown(group: str, data: dict[str, Tensor], known: set[str]) -> list[Comparison]:
    return [
        incomparable(f"{group}.{name}", value.shape, "no output of that name is known")
        for name, value in data.items()
        if name not in known
    ]
