"""The train command: what it refuses, and what it takes to go on with a run."""

import shutil

import pytest
import torch
import yaml

from vega_policy import train
from vega_policy.recipe import load_recipe
from vega_policy.tests.synthetic import SMALL, write_dataset
from vega_policy.training.run_folder import STATE

pytestmark = pytest.mark.usefixtures("on_the_cpu")


@pytest.fixture(scope="module")
def started(dataset, tmp_path_factory):
    """A run of two steps that no test may change."""
    out = tmp_path_factory.mktemp("runs") / "started"
    assert command_line(dataset, out, "training.steps=2") == 0
    return out


@pytest.fixture
def run(started, tmp_path):
    return shutil.copytree(started, tmp_path / "run")


def command_line(dataset, out, *arguments):
    names = ["--recipe", "twin_close_laptop", "--dataset", str(dataset), "--out", str(out)]
    return train.main([*names, *SMALL, *arguments])


def test_resume_may_lengthen_a_run_and_change_its_intervals(dataset, run):
    free = ("--steps", "3", "training.save_every=1", "training.log_every=2", "description=longer")
    assert command_line(dataset, run, "--resume", *free) == 0
    assert torch.load(run / STATE, weights_only=True)["step"] == 3
    assert yaml.safe_load((run / "recipe.yaml").read_text())["training"]["steps"] == 3


def test_resume_refuses_another_recipe(dataset, run, capsys):
    others = ("training.steps=3", "training.batch=4", "alignment.weight=0.5")
    assert command_line(dataset, run, "--resume", *others) == 2
    error = capsys.readouterr().err
    assert "not the run that was saved" in error
    assert "training.batch: the run has 8, the recipe 4" in error
    assert "alignment.weight: the run has 0.2, the recipe 0.5" in error
    assert error.count("the run has") == 2


def test_resume_refuses_another_dataset(run, tmp_path, capsys):
    other = write_dataset(tmp_path / "other", 7)
    (other / "episode_000001.npz").unlink()
    shutil.copy(other / "episode_000003.npz", other / "episode_000002.npz")
    assert command_line(other, run, "--resume", "training.steps=3") == 2
    error = capsys.readouterr().err
    assert "episodes missing from the dataset: episode_000001.npz" in error
    assert "episodes new in the dataset: episode_000006.npz" in error
    assert "episodes changed in the dataset: episode_000002.npz" in error


def test_a_run_saved_without_its_record_is_compared_with_the_recipe_beside_it(dataset, run, capsys):
    state = torch.load(run / STATE, weights_only=True)
    del state["run"]
    torch.save(state, run / STATE)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    del recipe["training"]["micro_batch"]
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert command_line(dataset, run, "--resume", "training.steps=3", "training.seed=1") == 2
    assert "training.seed: the run has 0, the recipe 1" in capsys.readouterr().err
    assert command_line(dataset, run, "--resume", "training.steps=3") == 0
    assert "which episodes it had: not compared" in capsys.readouterr().out


def test_resume_without_a_usable_run(dataset, run, tmp_path, capsys):
    assert command_line(dataset, tmp_path / "empty", "--resume", "training.steps=3") == 2
    assert "holds no run to resume" in capsys.readouterr().err
    path = run / STATE
    path.write_bytes(path.read_bytes()[:1000])
    assert command_line(dataset, run, "--resume", "training.steps=3") == 2
    assert "training_state.pt is damaged" in capsys.readouterr().err


def test_a_run_is_not_overwritten(dataset, run, capsys):
    assert command_line(dataset, run, "training.steps=3") == 2
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "folder", "extra", "message"),
    [
        ("none", "data", [], "no recipe 'none'; there are: "),
        ("twin_close_laptop", "none", [], "there is no dataset folder"),
        ("twin_close_laptop", "data", [], "holds no episode"),
        ("twin_close_laptop", "data", ["steps"], "expected path.to.field=value"),
        ("twin_close_laptop", "data", ["tokenizer=none.json"], "no readable tokenizer"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path, capsys, recipe, folder, extra, message):
    (tmp_path / "data").mkdir()
    arguments = ["--recipe", recipe, "--dataset", str(tmp_path / folder)]
    assert train.main([*arguments, "--out", str(tmp_path / "out"), *extra]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_print_recipe_needs_neither_dataset_nor_folder(capsys):
    assert train.main(["--recipe", "twin_close_laptop", "--print-recipe", "training.batch=8"]) == 0
    output = capsys.readouterr().out
    assert "# samples a step, over all processes: 4 on each of 4 GPUs\n  batch: 8\n" in output
    with pytest.raises(SystemExit, match="2"):
        train.main(["--recipe", "twin_close_laptop", "training.batch=8"])
    assert "--dataset and --out are needed" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(dataset, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command_line(dataset, tmp_path / "file" / "out", "training.steps=3") == 2
    assert "cannot write to" in capsys.readouterr().err


def test_the_recipe_of_a_run_is_all_it_takes_to_repeat_it(started):
    recipe = yaml.safe_load((started / "recipe.yaml").read_text())
    assert recipe == load_recipe("twin_close_laptop", [*SMALL, "training.steps=2"]).model_dump(
        mode="json"
    )
