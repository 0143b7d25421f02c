import pytest
import torch

from vega_policy.errors import RecipeError
from vega_policy.training import ranks
from vega_policy.training.ranks import Ranks


@pytest.fixture
def gpus(monkeypatch):
    """Makes believe that the machine has some GPUs."""

    def have(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)

    return have


@pytest.mark.parametrize(
    ("count", "local", "device"), [(0, "1", "cpu"), (1, None, "cuda:0"), (2, "1", "cuda:1")]
)
def test_every_process_has_a_gpu_of_its_own(gpus, monkeypatch, count, local, device):
    gpus(count)
    if local is not None:
        monkeypatch.setenv("LOCAL_RANK", local)
    assert Ranks().device == torch.device(device)


def test_more_processes_than_gpus(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(RecipeError, match=r"process 3 on a machine of 2 GPUs: .*per-node 2"):
        Ranks()


def test_averages_travel_in_pieces_in_order(monkeypatch):
    """Two processes that hold the same, played by one: the sum is twice the value."""
    sent = []

    def all_reduce(flat):
        sent.append(len(flat))
        flat *= 2

    monkeypatch.setattr(ranks, "BUCKET", 10)
    monkeypatch.setattr(ranks.dist, "all_reduce", all_reduce)
    alone = Ranks()
    alone.size = 2
    tensors = [
        torch.arange(n).float().reshape(shape) for n, shape in [(6, (2, 3)), (4, 4), (12, 12)]
    ]
    tensors.append(torch.tensor(3.0, dtype=torch.bfloat16))
    before = [tensor.clone() for tensor in tensors]
    alone.average(tensors)
    assert sent == [10, 12, 1]
    for tensor, value in zip(tensors, before):
        assert torch.equal(tensor, value)
        assert tensor.dtype == value.dtype
