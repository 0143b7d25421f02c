import numpy as np
import pytest

from vega_policy.errors import CheckpointError
from vega_policy.export import export, main
from vega_policy.inference import PolicyRunner
from vega_policy.tests.test_inference import make_observation


def test_the_projector_is_gone_and_nothing_else_has_changed(saved, tmp_path):
    names = export(saved, tmp_path / "deployed")
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    after = {path.name: path.read_bytes() for path in (tmp_path / "deployed").iterdir()}
    assert before.pop("align_projector--latest_checkpoint.safetensors")
    assert after == before
    assert names == sorted(after)


def test_actions_are_the_same(saved, tmp_path):
    export(saved, tmp_path / "deployed")
    runners = [PolicyRunner.load(folder) for folder in (saved, tmp_path / "deployed")]
    for seed in range(3):
        a, b = (runner.infer(make_observation(seed)).values for runner in runners)
        np.testing.assert_array_equal(a, b)


def test_an_existing_folder_is_left_alone(saved, tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(CheckpointError, match="exists already"):
        export(saved, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_command_line(saved, tmp_path, capsys):
    assert main([str(saved), str(tmp_path / "deployed")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    assert main([str(tmp_path / "nothing"), str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "other").exists()
