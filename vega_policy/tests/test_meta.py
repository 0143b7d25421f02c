"""Device discipline without a GPU: a whole step on the meta device, where a tensor that was left on
the CPU is an error.
"""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vega_policy.data.dataset import Batch
from vega_policy.model.layout import text_batch
from vega_policy.plan.step import META, Sketch
from vega_policy.recipe import load_recipe
from vega_policy.tests.small_models import OVERRIDES, TRAINED
from vega_policy.training.optimizer import learning_rate

SIZES = (*OVERRIDES, "training.precision=bfloat16")
HEADS = {
    "l1": (),
    "diffusion": ("model.head=diffusion", "model.action_tokens=per_dim"),
    "discrete": ("model.head=discrete", "model.action_tokens=per_dim"),
}


class OnMeta(TorchDispatchMode):
    """Refuses every tensor of another device but for plain numbers."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        moved = func is torch.ops.aten._to_copy.default  # to the device, and said so
        for leaf in tree_leaves(out if moved else (args, kwargs, out)):
            if isinstance(leaf, Tensor) and leaf.dim() and not leaf.is_meta:
                raise AssertionError(f"{func} works on {leaf.device}, {tuple(leaf.shape)}")
        return out


def a_step(name: str, *overrides: str, prompts: tuple[int, ...] = (6,)) -> Sketch:
    """Everything that a step does on a device."""
    sketch = Sketch(load_recipe(name, [*SIZES, *overrides]))
    batch, changes = sketch._inputs(2)
    text = text_batch([[1] * length for length in prompts], sketch.recipe.model.action_token_count)
    batch = Batch(batch.views, batch.proprio, batch.actions, text.to(META), batch.scene)
    with OnMeta():
        losses = sketch.objective(batch, *changes)
        torch.autograd.backward([losses.total])
        sketch.optimizer.accumulate()
        assert sketch.optimizer.step(0, 10)
        sketch.optimizer.use_averages()
        sketch.optimizer.use_masters()
    assert all(loss.is_meta for loss in losses)
    return sketch


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_of_every_recipe_stays_on_its_device(name):
    sketch = a_step(name)
    assert all(weight.is_meta for weight in sketch.objective.state_dict().values())


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_a_step_of_every_head_stays_on_its_device(head, lora):
    name = "oft" if lora else "twin_close_laptop"
    a_step(name, *HEADS[head], "training.optimizer.clip_norm=1.0", "training.optimizer.ema=0.9")


def test_prompts_of_different_lengths_stay_on_their_device():
    a_step("twin_vega", prompts=(6, 9))


def test_checkpointing_stays_on_its_device():
    a_step("oft_sf", "training.gradient_checkpointing=true")


def test_images_without_augmentation_stay_on_their_device():
    a_step("twin_vega", "data.augmentation.enabled=false")


def test_a_tensor_that_was_left_behind_is_found():
    sketch = Sketch(load_recipe("twin_oft", list(SIZES)))
    batch, (crops, jitter) = sketch._inputs(2)
    left = crops._replace(top=torch.zeros(6))
    with pytest.raises((AssertionError, RuntimeError)), OnMeta():
        sketch.objective(batch, left, jitter)


def test_the_optimizer_has_its_masters_where_the_weights_are():
    sketch = a_step("twin_close_laptop")
    assert all(master.is_meta for master in sketch.optimizer.masters)
    assert learning_rate(sketch.recipe.training.optimizer, 0, 10) > 0
