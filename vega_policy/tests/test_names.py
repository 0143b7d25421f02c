import pytest

from vega_policy.checkpoint import names
from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import load_recipe
from vega_policy.tests.public_layout import wrap


@pytest.fixture(scope="module", params=["l1", "diffusion", "discrete"])
def keys(request):
    """Every weight of the 7B network."""
    sizes = load_recipe("openvla_oft_7b").model.model_dump() | {"head": request.param}
    return list(VegaPolicy.empty(ModelConfig.model_validate(sizes)).state_dict())


def test_names_of_the_7b_network_survive_both_directions(keys):
    public = {names.to_public(key) for key in keys}
    assert len(public) == len(keys)
    for key in keys:
        part, name = names.to_public(key)
        assert names.from_public(part, name) == key
        assert names.to_public(names.from_public(part, name)) == (part, name)


def test_wrappers_and_old_names_lead_to_the_same_weight(keys):
    for key in keys:
        part, name = names.to_public(key)
        assert names.from_public(part, f"module.{name}") == key
        old = name.replace("scale_factor", "gamma")
        assert names.from_public(part, old) == key
        if key.startswith("vision_backbone."):
            wrapped = name if names.is_film(key) else wrap(name)
            assert names.from_public("vision_backbone", wrapped) == key
            assert names.from_public("vision_backbone", f"vision_backbone.{wrapped}") == key
            assert names.from_public("vision_backbone", wrapped.split(".", 1)[1]) == key


def test_only_layer_scale_was_ever_renamed():
    key = "language_model.model.gamma.weight"
    assert names.from_public("model", key) == key
    inside = "vision_backbone.featurizer.blocks.0.attn.gamma"
    assert names.from_public("model", inside) == inside


def test_parts_of_the_public_layout(keys):
    parts = {names.part_of(key) for key in keys}
    assert {"model", "vision_backbone", "proprio_projector"} <= parts
    film = [key for key in keys if names.is_film(key)]
    assert len(film) == (24 + 27) * 4
    assert not any(names.is_film(key) for key in keys if ".ls1.scale_factor" in key)


def test_names_in_adapters():
    module = "vision_backbone.featurizer.blocks.0.attn.qkv"
    written = names.to_adapter(module, "A")
    assert written == f"base_model.model.{module}.lora_A.weight"
    assert names.from_adapter(written) == (f"{module}.lora_A.weight", False)
    wrapped = f"base_model.model.vision_backbone.{wrap(module)}.lora_A.default.weight"
    name, was_wrapped = names.from_adapter(wrapped)
    assert was_wrapped
    assert names.lora_factor(name) == (module, "A")
    assert names.lora_factor(f"{module}.weight") is None
