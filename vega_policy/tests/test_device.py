import pytest
import torch

import hw_config
from vega_policy import device
from vega_policy.kinds.hold import HoldContract
from vega_policy.kinds.kind import cell_fields
from vega_policy.kinds.replay import ReplayContract
from vega_policy.vega_contract import VegaContract


@pytest.fixture
def gpus(monkeypatch):
    """Makes PyTorch find so many GPUs."""

    def there(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return there


@pytest.mark.parametrize(
    ("word", "count", "found"),
    [("cpu", 0, "cpu"), ("auto", 0, "cpu"), ("auto", 2, "cuda"), ("cuda", 1, "cuda"),
     ("cuda:1", 2, "cuda:1")],
)  # fmt: skip
def test_a_word_becomes_a_device(gpus, word, count, found):
    gpus(count)
    assert device.resolve(word) == found


@pytest.mark.parametrize("word", ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "mps", "cuda 1"])
def test_another_word_is_refused_with_those_that_there_are(word):
    with pytest.raises(device.DeviceError, match="expected auto, cpu, cuda or cuda:N"):
        device.resolve(word)
    assert "expected auto, cpu, cuda or cuda:N" in device.problem(word)


@pytest.mark.parametrize("built_with", [None, "12.4"])
def test_without_cuda_a_gpu_is_refused_with_what_to_do(gpus, monkeypatch, built_with):
    gpus(0)
    monkeypatch.setattr(torch.version, "cuda", built_with)
    with pytest.raises(device.DeviceError) as refused:
        device.resolve("cuda")
    assert ("without CUDA" if built_with is None else "nvidia-smi") in str(refused.value)
    assert "device:=cpu" in str(refused.value)


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(gpus):
    gpus(2)
    with pytest.raises(device.DeviceError, match="there are: cuda:0, cuda:1"):
        device.resolve("cuda:2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_launch_asks_a_process_of_its_own():
    assert device.problem("cuda") == _told()
    assert device.problem("auto") is None
    assert device.problem("cpu") is None


def _told():
    try:
        return device.resolve("cuda")
    except device.DeviceError as error:
        return str(error)


def test_a_policy_without_a_model_says_that_it_takes_no_device():
    cell = cell_fields(hw_config.load())
    contract = HoldContract(recipe="hold", tasks={}, git_commit="none", **cell)
    assert "a policy of kind hold has no model" in device.ignored(contract, "cuda")
    assert device.ignored(contract, "cpu") is None
    assert not ReplayContract.takes_device
    assert VegaContract.takes_device
