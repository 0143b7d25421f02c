"""Low-rank adaptation (LoRA) of a frozen base network, as OpenVLA-OFT trains it.

The base is the vision backbone, the projector and the language model. Each of their linear layers
and both patch embeddings (convolutions) computes ``W x + scale * B A x`` with W frozen; A starts as
noise and B as zeros, so that training starts from the base. What the base does not have is trained
whole: FiLM, the action head and the projectors of the robot state and of noisy actions.

The paper speaks of LoRA on the language model; with the towers frozen, its alignment loss could
change nothing but its own projector, so the public code's wider choice is taken.

The reference puts LoRA on 439 modules of the 7B network, found by the name of their last part. 14
of them never get a gradient, because nothing computes them: DINOv2's block 23 and SigLIP's block
26 (4 modules each), SigLIP's attention pooling (5), and ``lm_head`` with a continuous action head.
Here the 425 that are computed carry LoRA, 426 with the discrete head. The result is the same:
without a gradient B stays zero.
"""

import re
from importlib.util import find_spec

from torch import nn

from vega_policy.checkpoint import Adapter
from vega_policy.errors import RecipeError
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import LoraRecipe

BASE_PARTS = ("vision_backbone", "projector", "language_model")
"""Parts of the policy that a base checkpoint holds."""
_FILM = re.compile(r"^vision_backbone\..*\.blocks\.\d+\.(scale|shift)$")


def computed_names(policy: VegaPolicy) -> set[str]:
    """Names of the weights that take part in a pass; the public layout holds more than these."""
    config = policy.config.model_copy(update={"full_layout": False})
    return {name for name, _ in VegaPolicy.empty(config).named_parameters()}


def adapted_modules(policy: VegaPolicy) -> list[str]:
    """Paths of the modules that carry LoRA: linear layers and convolutions of the base."""
    computed = computed_names(policy)
    return [
        path
        for path, module in policy.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and path.partition(".")[0] in BASE_PARTS
        and not _FILM.match(path)
        and f"{path}.weight" in computed
    ]


def require_peft() -> None:
    """Checks that peft is installed, without importing it.

    Raises:
        RecipeError: It is not.
    """
    if find_spec("peft") is None:
        raise RecipeError(
            "LoRA needs peft: pip install 'peft>=0.18', or train all weights with lora=null"
        )


def inject(policy: VegaPolicy, lora: LoraRecipe) -> None:
    """Freezes the base, puts LoRA into it, and leaves everything else to be trained.

    Args:
        policy: Changed in place. A's noise is drawn from PyTorch's global generator.
        lora: Rank and scale.

    Raises:
        RecipeError: peft is not installed.
    """
    require_peft()
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.resolved_alpha,
        lora_dropout=lora.dropout,
        init_lora_weights="gaussian",
        target_modules=adapted_modules(policy),
    )
    inject_adapter_in_model(config, policy)
    for path, module in policy.named_modules():
        if path.partition(".")[0] not in (*BASE_PARTS, "") or _FILM.match(path):
            module.requires_grad_(True)


def extract(policy: VegaPolicy, lora: LoraRecipe) -> Adapter:
    """The low-rank changes as they are in the policy now.

    Args:
        policy: Changed by :func:`inject`.
        lora: What it was changed with.
    """
    weights = policy.state_dict()
    pairs = {
        path: (weights[f"{path}.lora_A.default.weight"], weights[f"{path}.lora_B.default.weight"])
        for path, module in policy.named_modules()
        if hasattr(module, "lora_A")
    }
    return Adapter(lora.rank, lora.resolved_alpha, pairs)
