from pathlib import Path

import pytest
import torch

from vega_policy.tests import synthetic


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that no test may change."""
    return synthetic.write_dataset(tmp_path_factory.mktemp("data") / "episodes")


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that no test may change."""
    return synthetic.write_checkpoint(tmp_path_factory.mktemp("saved") / "checkpoint")


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains on the CPU even where there is a GPU, in processes that a test starts as well."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
