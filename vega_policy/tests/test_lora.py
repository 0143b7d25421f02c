import sys

import pytest
import torch

from vega_policy.errors import RecipeError
from vega_policy.model.layout import text_batch
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import LoraRecipe, load_recipe
from vega_policy.tests.synthetic import small_inputs, small_policy
from vega_policy.training import lora

RANK = LoraRecipe(rank=4)


def actions(policy):
    text = text_batch([[1, 5, 6]], policy.config.action_token_count)
    with torch.no_grad():
        return policy(*small_inputs(policy.config, 2), text).actions


@pytest.fixture
def changed():
    """A policy whose low-rank changes are not zero."""
    policy = small_policy()
    torch.manual_seed(1)
    lora.inject(policy, RANK)
    for name, weight in policy.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight, std=0.05)
    return policy.eval()


@pytest.mark.parametrize(("head", "count"), [("l1", 425), ("diffusion", 425), ("discrete", 426)])
def test_the_modules_of_the_7b_that_carry_lora(head, count):
    """The reference's 439 without those that are never computed."""
    config = load_recipe("openvla_oft_7b").model.model_copy(update={"head": head})
    modules = lora.adapted_modules(VegaPolicy.empty(config))
    assert len(modules) == len(set(modules)) == count
    assert ("language_model.lm_head" in modules) == (head == "discrete")
    assert "vision_backbone.featurizer.patch_embed.proj" in modules
    assert "vision_backbone.fused_featurizer.patch_embed.proj" in modules
    assert {"projector.fc1", "projector.fc2", "projector.fc3"} < set(modules)
    unused = (".featurizer.blocks.23.", ".fused_featurizer.blocks.26.", "attn_pool")
    assert not [module for module in modules if any(part in module for part in unused)]


def test_what_is_trained():
    policy = small_policy(full_layout=True)
    lora.inject(policy, RANK)
    for name, weight in policy.named_parameters():
        whole = name.startswith(("action_head.", "proprio_projector."))
        whole |= ".scale." in name or ".shift." in name
        assert weight.requires_grad == (whole or ".lora_" in name), name


def test_training_starts_from_the_base():
    policy = small_policy()
    before = actions(policy)
    lora.inject(policy, RANK)
    assert torch.equal(actions(policy), before)
    noise = [w.detach() for n, w in policy.named_parameters() if ".lora_A." in n]
    assert float(torch.cat([w.flatten() for w in noise]).std()) == pytest.approx(0.25, rel=0.05)


def test_lora_takes_the_dtype_of_what_it_changes():
    policy = small_policy().to_compute_dtype(torch.bfloat16)
    lora.inject(policy, RANK)
    kinds = {w.dtype for n, w in policy.named_parameters() if ".lora_" in n}
    assert kinds == {torch.bfloat16}


def test_the_changes_fold_into_the_base(changed):
    adapter = lora.extract(changed, RANK)
    assert adapter.scale == 1
    plain = small_policy()
    assert set(adapter.weights) == set(lora.adapted_modules(plain))
    before = actions(plain)
    for module in adapter.weights:
        plain.get_submodule(module).weight.data += adapter.delta(module)
    torch.testing.assert_close(actions(plain), actions(changed), atol=1e-5, rtol=0)
    assert (actions(plain) - before).abs().max() > 1e-3


def test_without_peft_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(RecipeError, match="LoRA needs peft: pip install"):
        lora.inject(small_policy(), RANK)
