"""Golden data of the frozen teachers and of the Spatial Forcing loss, or a check of existing data.

    python make_teachers.py specs/teachers_b.json OUT
    python make_teachers.py --check FOLDER

Heads are 16 dimensions wide. See README.md for the environment this needs.
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import public_code
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

HEAD_DIM = 16
FIT3D_FORMS = {
    "reg4": "vit_small_patch14_reg4_dinov2.lvd142m",
    "plain": "vit_base_patch14_dinov2.lvd142m",
    "clip": "vit_base_patch16_clip_384.laion2b_ft_in12k_in1k",
    "mae": "vit_base_patch16_224.mae",
    "deit3": "deit3_base_patch16_224.fb_in1k",
}
VGGT_GRID, STUDENT_GRID = 37, 16

Tensors = dict[str, Tensor]


def build_fit3d(form: str, dim: int, depth: int) -> nn.Module:
    """A timm tower as FiT3D's hub entry point makes it, at another size."""
    timm = importlib.import_module("timm")
    tower: nn.Module = timm.create_model(
        FIT3D_FORMS[form],
        pretrained=False,
        num_classes=0,
        dynamic_img_size=True,
        dynamic_img_pad=False,
        embed_dim=dim,
        depth=depth,
        num_heads=dim // HEAD_DIM,
    )
    return tower.eval()


@torch.no_grad()
def fit3d_features(tower: Any, pixels: Tensor) -> Tensor:
    """Patch tokens of the last block behind the final norm."""
    features: Tensor = tower.get_intermediate_layers(pixels, n=1, norm=True)[0]
    return features


def build_vggt(dim: int, depth: int, embed_depth: int, positions: int) -> nn.Module:
    """The public aggregator at another size, below a module of the published key names."""
    aggregator = importlib.import_module("vggt.models.aggregator")
    towers = importlib.import_module("vggt.layers.vision_transformer")
    # The aggregator only knows towers of published sizes by name.
    model = aggregator.Aggregator(
        embed_dim=dim, depth=depth, num_heads=dim // HEAD_DIM, patch_embed="conv"
    )
    block = importlib.import_module("vggt.layers.block").Block
    attention = importlib.import_module("vggt.layers.attention").MemEffAttention
    model.patch_embed = towers.DinoVisionTransformer(
        img_size=14 * round((positions - 1) ** 0.5),
        patch_size=14,
        embed_dim=dim,
        depth=embed_depth,
        num_heads=dim // HEAD_DIM,
        mlp_ratio=4,
        block_fn=lambda **settings: block(**settings, attn_class=attention),
        num_register_tokens=4,
        interpolate_antialias=True,
        interpolate_offset=0.0,
        block_chunks=0,
        init_values=1.0,
    )
    return nn.ModuleDict({"aggregator": model}).eval()


@torch.no_grad()
def vggt_outputs(model: nn.Module, images: Tensors) -> Tensors:
    """First and last entry of the output list at the native size, the last at the other."""
    outputs: Tensors = {}
    native = max(images, key=lambda name: int(name.rpartition("_")[2]))
    for name, value in images.items():
        size = name.rpartition("_")[2]
        layers, _ = model.get_submodule("aggregator")(value)
        outputs[f"last_{size}"] = layers[-1]
        if name == native:
            outputs[f"first_{size}"] = layers[0]
    return outputs


def spatial_forcing_outputs(weights: Tensors, student: Tensor, hidden: Tensor) -> Tensors:
    """Targets, losses, and the gradient of the loss with position embedding.

    Args:
        weights: Of the projector, without prefix.
        student: Language-model tokens [B, views * patches, dim].
        hidden: Aggregator tokens [B, views, 37 * 37, 2 * dim].
    """
    projectors = importlib.import_module("prismatic.models.projectors")
    pooling = importlib.import_module("prismatic.util.pooling_utils")
    projector = projectors.AlignProjector(
        llm_dim=student.shape[-1], vggt_dim=hidden.shape[-1] // 2, use_vlm_norm=True
    )
    projector.load_state_dict(weights)
    grid, size = (VGGT_GRID,) * 2, (14 * VGGT_GRID,) * 2
    outputs: Tensors = {}
    for embedded in (1, 0):
        tokens = student.clone().requires_grad_()
        target = pooling.custom_pooling(hidden, grid, size, tokens, "bilinear", bool(embedded))
        loss = projector(tokens, target)
        outputs[f"target_pe_{embedded}"] = target
        outputs[f"loss_pe_{embedded}"] = loss.detach().reshape(1)
        if embedded:
            loss.backward()
            assert tokens.grad is not None
            outputs["student_grad_pe_1"] = tokens.grad
    return outputs


def make(spec: dict[str, Any], folder: Path) -> None:
    """Write golden data of random weights and inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec, indent=1))
    generator = torch.Generator().manual_seed(spec["seed"])
    for form, sizes in spec["fit3d"].items():
        tower = build_fit3d(form, **sizes)
        public_code.randomize(tower, generator)
        pixels = torch.randn(2, 3, 224, 224, generator=generator)
        save(tower.state_dict(), folder / f"fit3d_{form}.safetensors")
        io = {"pixels": pixels, "features": fit3d_features(tower, pixels)}
        save(io, folder / f"fit3d_{form}_io.safetensors")
    model = build_vggt(**spec["vggt"])
    public_code.randomize(model, generator)
    save(model.state_dict(), folder / "vggt_aggregator.safetensors")
    images = {
        "images_70": torch.rand(2, 3, 3, 70, 70, generator=generator),
        "images_56": torch.rand(1, 2, 3, 56, 56, generator=generator),
    }
    save(images | vggt_outputs(model, images), folder / "vggt_io.safetensors")
    make_spatial_forcing(spec["spatial_forcing"], folder, generator)


def make_spatial_forcing(sizes: dict[str, int], folder: Path, generator: torch.Generator) -> None:
    """Write random projector weights and tokens with what the public loss makes of them."""
    student_dim, dim, views = sizes["student_dim"], sizes["vggt_dim"], sizes["views"]
    projectors = importlib.import_module("prismatic.models.projectors")
    projector = projectors.AlignProjector(llm_dim=student_dim, vggt_dim=dim, use_vlm_norm=True)
    public_code.randomize(projector, generator)
    weights = projector.state_dict()
    tokens = {
        "student": torch.randn(2, views * STUDENT_GRID**2, student_dim, generator=generator),
        "vggt_hidden": torch.randn(2, views, VGGT_GRID**2, 2 * dim, generator=generator),
    }
    outputs = spatial_forcing_outputs(weights, tokens["student"], tokens["vggt_hidden"])
    named = {f"projector.{name}": value for name, value in weights.items()}
    save(named | tokens | outputs, folder / "spatial_forcing.safetensors")


def save(tensors: Tensors, path: Path) -> None:
    """Write copies that share no memory."""
    save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, path)


def check(folder: Path) -> None:
    """Compute every output anew and print the largest difference of each."""
    for path in sorted(folder.glob("fit3d_*_io.safetensors")):
        form = path.name.removeprefix("fit3d_").removesuffix("_io.safetensors")
        weights = load_file(folder / f"fit3d_{form}.safetensors")
        tower = build_fit3d(form, weights["norm.weight"].numel(), depth_of(weights, "blocks."))
        tower.load_state_dict(weights)
        io = load_file(path)
        report(f"fit3d_{form}", {"features": fit3d_features(tower, io["pixels"])}, io)
    weights = load_file(folder / "vggt_aggregator.safetensors")
    model = build_vggt(
        dim=weights["aggregator.camera_token"].shape[-1],
        depth=depth_of(weights, "aggregator.frame_blocks."),
        embed_depth=depth_of(weights, "aggregator.patch_embed.blocks."),
        positions=weights["aggregator.patch_embed.pos_embed"].shape[1],
    )
    model.load_state_dict(weights)
    io = load_file(folder / "vggt_io.safetensors")
    images = {name: value for name, value in io.items() if name.startswith("images_")}
    report("vggt", vggt_outputs(model, images), io)
    data = load_file(folder / "spatial_forcing.safetensors")
    named = {name: value for name, value in data.items() if name.startswith("projector.")}
    weights = {name.removeprefix("projector."): value for name, value in named.items()}
    outputs = spatial_forcing_outputs(weights, data["student"], data["vggt_hidden"])
    report("spatial_forcing", outputs, data)


def depth_of(names: Iterable[str], prefix: str) -> int:
    """Number of blocks below a prefix of weight names."""
    rest = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return len({name.partition(".")[0] for name in rest})


def report(title: str, outputs: Tensors, expected: Tensors) -> None:
    """Print the largest difference of every output."""
    for name, value in outputs.items():
        difference = (value - expected[name]).abs().max()
        print(f"{title} {name:20} {difference:.2e} of {expected[name].abs().max():.2e}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("spec", type=Path, help="spec file, or with --check a folder")
    parser.add_argument("out", type=Path, nargs="?", help="folder to write")
    parser.add_argument("--check", action="store_true", help="compute a folder's outputs anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    public_code.use_spatial_forcing()
    if arguments.check:
        check(arguments.spec)
    elif arguments.out is None:
        parser.error("OUT is missing: the folder to write")
    else:
        make(json.loads(arguments.spec.read_text()), arguments.out)


if __name__ == "__main__":
    main()
