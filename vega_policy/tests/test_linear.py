"""Large float32 products of inference on a CPU: the same numbers, another library."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from vega_policy.model import linear
from vega_policy.tests.synthetic import small_policy


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(96, 80))
    linear.accelerate(layer)
    return layer[0]


def test_every_linear_layer_of_a_policy_has_it_and_keeps_its_name():
    policy = small_policy()
    layers = [module for module in policy.modules() if isinstance(module, nn.Linear)]
    assert {type(layer) for layer in layers} == {linear.Linear}
    assert "language_model.model.layers.0.self_attn.q_proj.weight" in policy.state_dict()


@pytest.mark.parametrize("shape", [(7, 96), (2, 3, 96), (96,)])
@pytest.mark.parametrize("bias", [True, False])
def test_numbers_are_those_of_pytorch(monkeypatch, layer, shape, bias):
    monkeypatch.setattr(linear, "LEAST_PRODUCTS", 0)
    if not bias:
        layer.bias = None
    x = torch.randn(shape)
    with torch.no_grad():
        expected = functional.linear(x, layer.weight, layer.bias)
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


def test_views_of_larger_tensors(monkeypatch, layer):
    monkeypatch.setattr(linear, "LEAST_PRODUCTS", 0)
    wide = torch.randn(4, 10, 200)
    for x in (
        wide[:, 2:7, 50:146],
        wide[..., :96].transpose(0, 1),
        wide[:1, :1, :96].expand(3, 5, 96),
    ):
        with torch.no_grad():
            expected = functional.linear(x, layer.weight, layer.bias)
            torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", ["small", "training", "bfloat16"])
def test_everything_else_is_left_to_pytorch(monkeypatch, layer, case):
    if case != "small":
        monkeypatch.setattr(linear, "LEAST_PRODUCTS", 0)
    x = torch.randn(5, 96)
    if case == "bfloat16":
        layer, x = layer.bfloat16(), x.bfloat16()
    with torch.set_grad_enabled(case == "training"):
        y = layer(x)
        assert torch.equal(y, functional.linear(x, layer.weight, layer.bias))
    assert y.requires_grad == (case == "training")
