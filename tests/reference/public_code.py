"""The public OpenVLA-OFT classes at sizes of one's own, for the scripts beside this file.

Needs the environment that README.md describes; the project itself never imports this.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

DINO_ID = "vit_large_patch14_reg4_dinov2.lvd142m"
SIGLIP_ID = "vit_so400m_patch14_siglip_224"
VOCABULARY = 32064
ALOHA = {
    "views": 3,
    "chunk": 25,
    "action_dim": 14,
    "proprio_dim": 14,
    "normalization": "bounds",
    "head": "l1",
}
"""What a spec that does not say otherwise means."""

Spec = dict[str, Any]


def complete(spec: Spec) -> Spec:
    """A spec with the ALOHA constants wherever it is silent."""
    return {**ALOHA, **spec}


def load(spec: Spec) -> SimpleNamespace:
    """Import the public classes with the constants of a completed spec.

    The public constants are fixed at import, so one process handles one set of them. The
    packages' own ``__init__`` modules are passed over: they import the training stack.
    """
    _stand_in_for("torchvision")
    for package in ("prismatic", "prismatic.models", "prismatic.vla", "prismatic.extern.hf"):
        _bare_package(package)
    _bare_package("prismatic.training")
    constants = importlib.import_module("prismatic.vla.constants")
    constants.NUM_ACTIONS_CHUNK = spec["chunk"]
    constants.ACTION_DIM = spec["action_dim"]
    constants.PROPRIO_DIM = spec["proprio_dim"]
    constants.ACTION_PROPRIO_NORMALIZATION_TYPE = spec["normalization"]
    modeling = importlib.import_module("prismatic.extern.hf.modeling_prismatic")
    configuration = importlib.import_module("prismatic.extern.hf.configuration_prismatic")
    film = importlib.import_module("prismatic.models.film_vit_wrapper")
    heads = importlib.import_module("prismatic.models.action_heads")
    projectors = importlib.import_module("prismatic.models.projectors")
    masks = importlib.import_module("prismatic.training.train_utils")
    return SimpleNamespace(
        modeling=modeling,
        Config=configuration.OpenVLAConfig,
        Policy=modeling.OpenVLAForActionPrediction,
        FilmBackbone=film.FiLMedPrismaticVisionBackbone,
        L1Head=heads.L1RegressionActionHead,
        DiffusionHead=heads.DiffusionActionHead,
        ProprioProjector=projectors.ProprioProjector,
        NoisyActionProjector=projectors.NoisyActionProjector,
        current_action_mask=masks.get_current_action_mask,
        next_actions_mask=masks.get_next_actions_mask,
    )


def use_spatial_forcing() -> None:
    """Let ``prismatic`` and ``vggt`` be those of the Spatial Forcing code."""
    _stand_in_for("torchvision")
    spec = importlib.util.find_spec("vggt")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("Package vggt is not on PYTHONPATH; see README.md beside this.")
    sys.path.insert(0, str(Path(next(iter(spec.submodule_search_locations))).parent))
    for package in ("prismatic.models", "prismatic.util"):
        _bare_package(package)


@contextmanager
def tower_sizes(spec: Spec) -> Iterator[None]:
    """While it lasts, the public code makes its two towers in the sizes of the spec."""
    towers = {DINO_ID: spec["dino"], SIGLIP_ID: spec["siglip"]}
    timm = importlib.import_module("timm")
    create_model = timm.create_model

    def create_tower(name: str, **arguments: Any) -> nn.Module:
        tower = towers[name]
        return create_model(
            name,
            **arguments,
            embed_dim=tower["dim"],
            depth=tower["depth"],
            num_heads=tower["heads"],
            mlp_ratio=tower["mlp_ratio"],
        )

    timm.create_model = create_tower
    try:
        yield
    finally:
        timm.create_model = create_model


def build_policy(public: SimpleNamespace, spec: Spec, statistics: dict[str, Any]) -> Any:
    """The public policy, float32, in evaluation mode, with the towers and LLM of the spec."""
    config = public.Config(
        norm_stats=statistics,
        vision_backbone_id="dinosiglip-vit-so-224px",
        llm_backbone_id="llama2-7b-pure",
        use_fused_vision_backbone=True,
        text_config={
            "vocab_size": VOCABULARY,
            "pad_token_id": 32000,
            "hidden_size": spec["llm"]["dim"],
            "intermediate_size": spec["llm"]["ffn"],
            "num_hidden_layers": spec["llm"]["layers"],
            "num_attention_heads": spec["llm"]["heads"],
        },
    )
    config.image_sizes = [spec["image_size"]] * 2
    with tower_sizes(spec):
        policy = public.Policy(config)
    attention = type(policy.language_model.model.layers[0].self_attn).__name__
    if attention != "LlamaSdpaAttention":
        raise SystemExit(f"The language model attends with {attention}, not bidirectionally.")
    policy.vision_backbone.set_num_images_in_input(spec["views"])
    return policy.eval()


def build_side_modules(public: SimpleNamespace, spec: Spec) -> dict[str, nn.Module]:
    """Action head and projectors by the names of their checkpoint files."""
    dim = spec["llm"]["dim"]
    sizes = {"input_dim": dim, "hidden_dim": dim, "action_dim": spec["action_dim"]}
    modules: dict[str, nn.Module] = {}
    if spec["head"] == "l1":
        modules["action_head"] = public.L1Head(**sizes)
    if spec["head"] == "diffusion":
        steps = spec["diffusion"]["train_steps"]
        modules["action_head"] = public.DiffusionHead(**sizes, num_diffusion_steps_train=steps)
        modules["noisy_action_projector"] = public.NoisyActionProjector(llm_dim=dim)
    if spec["proprio_dim"] is not None:
        modules["proprio_projector"] = public.ProprioProjector(
            llm_dim=dim, proprio_dim=spec["proprio_dim"]
        )
    return {name: module.eval() for name, module in modules.items()}


def add_film(public: SimpleNamespace, policy: Any) -> None:
    """Wrap every block of both towers with FiLM, in place."""
    policy.vision_backbone = public.FilmBackbone(policy.vision_backbone, llm_dim=policy.llm_dim)
    policy.vision_backbone.eval()


def randomize(module: nn.Module, generator: torch.Generator, sharpness: float = 1.0) -> None:
    """Weights of which every one shows in the outputs: nothing stays zero, one or tiny.

    Args:
        module: Changed in place.
        generator: Source of the weights.
        sharpness: Factor on the language model's query and key weights. Action slots start from
            the same zeros, and only sharp attention tells them apart.
    """
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_(_draw(name, weight, generator))
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight *= sharpness


def _draw(name: str, weight: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(weight.shape, generator=generator)
    if name.endswith(("scale_factor", "gamma")):
        return 0.5 + 0.1 * noise
    if weight.ndim == 1:
        centre = 1.0 if name.endswith("weight") else 0.0
        return centre + 0.1 * noise
    if name.endswith(("pos_embed", "_token", "register_tokens")):
        return 0.1 * noise
    if "embed_tokens" in name:
        return 0.3 * noise
    return noise / weight[0].numel() ** 0.5


class _StandInType(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandInType(name, (), {})


class _StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != self.package:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def _stand_in_for(package: str) -> None:
    """Let imports of a package succeed whose functions nothing here calls."""
    if importlib.util.find_spec(package) is None:
        sys.meta_path.append(_StandInFinder(package))


def _bare_package(name: str) -> None:
    """Make a package importable without running its ``__init__``."""
    if name in sys.modules:
        return
    parent, _, leaf = name.rpartition(".")
    if parent:
        if parent not in sys.modules:
            _bare_package(parent)
        folders = [str(Path(folder) / leaf) for folder in sys.modules[parent].__path__]
    else:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            raise SystemExit(f"Package {name} is not on PYTHONPATH; see README.md beside this.")
        folders = list(spec.submodule_search_locations)
    package = ModuleType(name)
    package.__path__ = folders
    sys.modules[name] = package
