"""Two processes train what one trains, with every recipe at a tiny size."""

import json

import pytest
import torch
from safetensors.torch import load_file

from benches import compare_ranks
from vega_policy.tests import synthetic
from vega_policy.tests.small_models import OVERRIDES, TRAINED, write_small_models
from vega_policy.tests.test_training import log

SPLIT = (*OVERRIDES, "training.micro_batch=4")
"""One process then computes the same two halves of a batch as two processes. Otherwise rounding
differs, and where an L1 error changes its sign a difference in the last bit becomes a gradient.
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return synthetic.write_dataset(tmp_path_factory.mktemp("data") / "episodes")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_small_models(tmp_path_factory.mktemp("small") / "models")


@pytest.fixture(autouse=True)
def small_models_on_the_cpu(models, monkeypatch):
    monkeypatch.setenv("VEGA_MODELS", str(models))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_two_processes_equal_one_with_every_recipe(dataset, tmp_path):
    """Losses over 20 steps, and the weights that come out; the action head's among them."""
    found = compare_ranks.compare(TRAINED, SPLIT, 20, dataset, tmp_path)
    assert set(found) == set(TRAINED)
    assert max(found.values()) <= 1e-5, found
    aligned = {name for name in TRAINED if max(log(tmp_path / "two" / name, "align")) > 0}
    assert aligned == set(TRAINED) - {"oft", "twin_oft"}
    for name in TRAINED:
        for path in sorted((tmp_path / "one" / name / "checkpoint").rglob("*.safetensors")):
            two = load_file(tmp_path / "two" / path.relative_to(tmp_path / "one"))
            for key, weight in load_file(path).items():
                torch.testing.assert_close(two[key], weight, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("difference", "code"), [(1e-6, 0), (2e-5, 1)])
def test_the_comparison_as_a_command(dataset, tmp_path, monkeypatch, capsys, difference, code):
    def compare(names, overrides, steps, data, folder):
        assert (names, steps, data) == (["twin_oft"], 3, dataset)
        return {"twin_oft": difference}

    monkeypatch.setattr(compare_ranks, "compare", compare)
    command = ["--recipe", "twin_oft", "--dataset", str(dataset), "--steps", "3"]
    report = tmp_path / "report.json"
    assert compare_ranks.main([*command, "--json", str(report), "--check"]) == code
    assert json.loads(report.read_text()) == {
        "steps": 3,
        "tolerance": 1e-5,
        "largest_difference": {"twin_oft": difference},
    }
    assert ("ok" if code == 0 else "more than 1e-05") in capsys.readouterr().out


def test_a_comparison_that_cannot_be(tmp_path, capsys):
    assert compare_ranks.main(["--recipe", "twin"]) == 2
    assert "no recipe 'twin'" in capsys.readouterr().err
    command = ["--recipe", "twin_oft", "--dataset", str(tmp_path), "--work", str(tmp_path)]
    assert compare_ranks.main(command) == 2
    assert "holds no episode" in capsys.readouterr().err
