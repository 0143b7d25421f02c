"""LoRA against peft itself."""

import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from vega_policy.checkpoint import Adapter, fold
from vega_policy.errors import CheckpointError
from vega_policy.tests import public_layout


class Small(nn.Module):
    """A convolution and two linear layers, one of them an output embedding."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, kernel_size=2, stride=2)
        self.fc = nn.Linear(8, 6, bias=False)
        self.lm_head = nn.Linear(6, 5)


@pytest.fixture
def saved_by_peft(tmp_path):
    """A model's weights, those that peft merged, and the folder of its adapter."""
    torch.manual_seed(0)
    model = Small()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    config = LoraConfig(r=3, lora_alpha=2, target_modules=["patch", "fc", "lm_head"])
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter)
    adapted.save_pretrained(tmp_path / "lora_adapter", save_embedding_layers=False)
    return before, adapted.merge_and_unload().state_dict(), tmp_path / "lora_adapter"


def test_folding_is_what_peft_merges(saved_by_peft):
    before, merged, folder = saved_by_peft
    adapter = Adapter.read(folder)
    assert (adapter.rank, adapter.alpha) == (3, 2)
    assert set(adapter.weights) == {"patch", "fc", "lm_head"}
    for module, (a, b) in adapter.weights.items():
        weight = before[f"{module}.weight"]
        torch.testing.assert_close(fold(weight, a, b, adapter.scale), merged[f"{module}.weight"])
        delta = adapter.delta(module)
        torch.testing.assert_close(weight + delta, merged[f"{module}.weight"])


def test_folding_is_computed_in_float32():
    torch.manual_seed(0)
    weight = torch.randn(16, 12, dtype=torch.bfloat16)
    a, b = torch.randn(2, 4, 12)[0].bfloat16(), torch.randn(16, 4).bfloat16()
    exact = weight.double() + 0.5 * b.double() @ a.double()
    folded = fold(weight, a, b, 0.5)
    assert folded.dtype == torch.bfloat16
    assert torch.equal(folded, exact.float().bfloat16())


def test_peft_reads_what_is_written(saved_by_peft, tmp_path):
    before, merged, folder = saved_by_peft
    Adapter.read(folder).write(tmp_path / "again")
    model = Small()
    model.load_state_dict(before)
    ours = PeftModel.from_pretrained(model, tmp_path / "again").merge_and_unload().state_dict()
    for key, value in merged.items():
        torch.testing.assert_close(ours[key], value)


@pytest.mark.parametrize("default", [False, True])
def test_the_reference_s_modules(tmp_path, default):
    policy = public_layout.public_policy()
    adapter = public_layout.random_adapter(policy)
    lm_head = policy.language_model.lm_head.weight
    public_layout.write_adapter(tmp_path, adapter, default=default, lm_head=lm_head)
    found = Adapter.read(tmp_path / "lora_adapter")
    assert found.weights.keys() == adapter.weights.keys()
    blocks, layers, pooling, patches, head = 3 + 3, 2, 5, 2, 1
    assert len(found.weights) == 4 * blocks + 7 * layers + 3 + pooling + patches + head


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("use_rslora", True, "use_rslora"),
        ("use_dora", True, "DoRA"),
        ("rank_pattern", {"qkv": 4}, "rank_pattern"),
        ("peft_type", "IA3", "peft_type is IA3, expected LORA"),
        ("bias", "all", "bias is all"),
        ("init_lora_weights", "pissa", "init_lora_weights is pissa, which changed the base's"),
        ("init_lora_weights", "pissa_niter_16", "merge_and_unload"),
        ("init_lora_weights", "olora", "init_lora_weights is olora"),
        ("init_lora_weights", "corda", "init_lora_weights is corda"),
        ("loftq_config", {"loftq_bits": 4}, "LoftQ"),
        ("target_parameters", ["experts"], "bare parameters"),
        ("use_bdlora", True, "use_bdlora is not supported"),
        ("r", 4, r"lora_A \(2, .*expected rank 4"),
        ("r", None, "expected numbers r and lora_alpha"),
    ],
)
def test_other_kinds_of_adapters_are_refused(tmp_path, field, value, message):
    adapter = public_layout.random_adapter(public_layout.public_policy())
    public_layout.write_adapter(tmp_path, adapter, **{field: value})
    with pytest.raises(CheckpointError, match=message):
        Adapter.read(tmp_path / "lora_adapter")


def test_an_incomplete_adapter_is_refused(tmp_path):
    a, b = torch.ones(2, 4), torch.ones(4, 2)
    folder = tmp_path / "lora_adapter"
    weights = {
        "base_model.model.fc.lora_A.weight": a,
        "base_model.model.fc.lora_B.weight": b,
        "base_model.model.other.lora_A.weight": a,
    }
    public_layout.write_adapter(tmp_path, Adapter(2, 1.0, {"fc": (a, b)}))
    public_layout.save(folder / "adapter_model.safetensors", weights)
    with pytest.raises(CheckpointError, match=r"missing other\.lora_B"):
        Adapter.read(folder)
    weights["base_model.model.fc.lora_magnitude_vector"] = weights.pop(
        "base_model.model.other.lora_A.weight"
    )
    public_layout.save(folder / "adapter_model.safetensors", weights)
    with pytest.raises(CheckpointError, match="lora_magnitude_vector is no weight of a plain LoRA"):
        Adapter.read(folder)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no adapter_model"):
        Adapter.read(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["r"] == 2


@pytest.mark.parametrize("start", [True, False, "gaussian"])
def test_starts_that_leave_the_base_alone_are_read(tmp_path, start):
    adapter = public_layout.random_adapter(public_layout.public_policy())
    public_layout.write_adapter(tmp_path, adapter, init_lora_weights=start)
    assert Adapter.read(tmp_path / "lora_adapter").weights.keys() == adapter.weights.keys()
