import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import hw_config
from vega_policy import checkpoint
from vega_policy.checkpoint import streaming
from vega_policy.errors import CheckpointError
from vega_policy.export import Public, export, main
from vega_policy.inference import VegaRunner
from vega_policy.tests import public_layout
from vega_policy.tests.synthetic import small_recipe, write_checkpoint
from vega_policy.tests.test_inference import make_observation
from vega_policy.vega_contract import VegaContract


@pytest.fixture(scope="module")
def recipe():
    return small_recipe("model.full_layout=true", "model.action_tokens=per_dim")


@pytest.fixture(scope="module")
def policy():
    return public_layout.public_policy()


@pytest.fixture
def public(policy, tmp_path):
    return public_layout.write_public(tmp_path / "oft", policy)


def weights(folder):
    return {p.name: load_file(p) for p in sorted(folder.rglob("*.safetensors"))}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name, tensors in one.items():
        assert tensors.keys() == other[name].keys()
        for key, value in tensors.items():
            assert value.dtype == other[name][key].dtype, key
            assert torch.equal(value, other[name][key]), key


def actions(folder):
    runner = VegaRunner.load(folder)
    return [runner.infer(make_observation(seed)).values for seed in range(3)]


def test_the_projector_is_gone_and_nothing_else_has_changed(saved, tmp_path):
    names = export(saved, tmp_path / "deployed")
    before = weights(saved)
    assert before.pop("align_projector--latest_checkpoint.safetensors")
    assert_same_bits(weights(tmp_path / "deployed"), before)
    assert names == sorted(
        path.name for path in saved.iterdir() if not path.name.startswith("align_projector")
    )
    for name in ("policy.yaml", "config.json", "dataset_statistics.json", "tokenizer.json"):
        assert (tmp_path / "deployed" / name).read_bytes() == (saved / name).read_bytes(), name


def test_actions_are_the_same(saved, tmp_path):
    export(saved, tmp_path / "deployed")
    np.testing.assert_array_equal(actions(saved), actions(tmp_path / "deployed"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lora_on_a_base_is_folded(recipe, tmp_path, dtype):
    """From a run's checkpoint (adapter, heads, FiLM; the base elsewhere) to one folder."""
    base = write_checkpoint(tmp_path / "base", recipe)
    start = checkpoint.load(base)
    policy = checkpoint.load_base(base, recipe.model, dtype=dtype, heads=True)
    checkpoint.save(base, policy, start.contract, base / "tokenizer.json")
    adapter = public_layout.random_adapter(policy, rank=2, alpha=0.1)
    contract = start.contract.model_copy(update={"base_checkpoint": str(base)})
    run = tmp_path / "run"
    projector = torch.nn.Linear(3, 3)
    checkpoint.save(run, policy, contract, base / "tokenizer.json", projector, adapter)
    assert not (run / "model.safetensors").exists()
    assert checkpoint.load(run).contract.adapter == "separate"

    names = export(run, tmp_path / "deployed")
    assert "model.safetensors" in names
    assert not {"lora_adapter", "align_projector--latest_checkpoint.safetensors"} & set(names)
    deployed = checkpoint.load(tmp_path / "deployed")
    assert deployed.contract == contract
    np.testing.assert_array_equal(actions(run), actions(tmp_path / "deployed"))
    state = load_file(tmp_path / "deployed" / "model.safetensors")
    before = load_file(base / "model.safetensors")
    assert state.keys() == before.keys()
    for key, value in before.items():
        module = key.removesuffix(".weight")
        if module in adapter.weights and key != module:
            value = (value.float() + adapter.delta(module)).to(dtype)
            torch.testing.assert_close(state[key], value)
        else:
            assert torch.equal(state[key], value), key
        assert state[key].dtype == dtype


def test_folded_lora_acts_as_lora_does(recipe, tmp_path):
    from peft import LoraConfig, inject_adapter_in_model

    base = write_checkpoint(tmp_path / "base", recipe)
    start = checkpoint.load(base)
    policy = checkpoint.load_base(base, recipe.model, heads=True)
    adapter = public_layout.random_adapter(policy, rank=2, alpha=0.1)
    lora = LoraConfig(r=2, lora_alpha=0.1, target_modules=list(adapter.weights))
    inject_adapter_in_model(lora, policy)
    for module, (a, b) in adapter.weights.items():
        layer = policy.get_submodule(module)
        layer.lora_A["default"].weight.data.copy_(a)
        layer.lora_B["default"].weight.data.copy_(b)
    contract = start.contract.model_copy(update={"base_checkpoint": str(base)})
    tokenizer = base / "tokenizer.json"
    checkpoint.save(tmp_path / "run", policy, contract, tokenizer, adapter=adapter)
    export(tmp_path / "run", tmp_path / "deployed")
    unfolded = VegaRunner(start._replace(policy=policy.eval()))
    expected = [unfolded.infer(make_observation(seed)).values for seed in range(3)]
    plain = actions(base)
    assert np.abs(np.array(expected) - plain).max() > 1e-3
    np.testing.assert_allclose(actions(tmp_path / "deployed"), expected, rtol=0, atol=1e-5)


def test_lora_on_weights_of_its_own(saved, tmp_path):
    """Without a base, a run's checkpoint holds the unchanged weights and the adapter."""
    start = checkpoint.load(saved)
    adapter = public_layout.random_adapter(start.policy, alpha=0.1)
    tokenizer = saved / "tokenizer.json"
    checkpoint.save(tmp_path / "run", start.policy, start.contract, tokenizer, adapter=adapter)
    assert (tmp_path / "run" / "model.safetensors").exists()
    export(tmp_path / "run", tmp_path / "deployed")
    np.testing.assert_array_equal(actions(tmp_path / "run"), actions(tmp_path / "deployed"))
    key = "projector.fc1.weight"
    expected = start.policy.state_dict()[key] + adapter.delta("projector.fc1")
    torch.testing.assert_close(load_file(tmp_path / "deployed/model.safetensors")[key], expected)


def test_a_base_that_has_moved(recipe, tmp_path, capsys):
    base = write_checkpoint(tmp_path / "base", recipe)
    start = checkpoint.load(base)
    adapter = public_layout.random_adapter(start.policy, alpha=0.1)
    contract = start.contract.model_copy(update={"base_checkpoint": str(tmp_path / "gone")})
    checkpoint.save(
        tmp_path / "run", start.policy, contract, base / "tokenizer.json", adapter=adapter
    )
    with pytest.raises(
        CheckpointError, match=r"gone is not there .*hf download openvla/openvla-7b"
    ):
        checkpoint.load(tmp_path / "run")
    arguments = [str(tmp_path / "run"), str(tmp_path / "deployed"), "--base", str(base)]
    assert main(arguments) == 0
    assert "wrote model.safetensors" in capsys.readouterr().out
    checkpoint.load(tmp_path / "deployed")


def test_a_public_folder_becomes_a_checkpoint(public, policy, recipe, tmp_path):
    with pytest.raises(CheckpointError, match=r"no policy.yaml, so nothing .*vega_policy.export"):
        checkpoint.load(public)
    export(public, tmp_path / "deployed", Public(recipe, "close_laptop"))
    loaded = checkpoint.load(tmp_path / "deployed")
    loaded.contract.check_against(hw_config.load())
    assert loaded.contract.tasks == {
        "close_laptop": hw_config.load_task("close_laptop").instruction
    }
    assert loaded.contract.normalization.action.q99 == (0.9,) * 14
    for key, value in loaded.policy.state_dict().items():
        assert torch.equal(value, policy.state_dict()[key]), key
    stored = {key for tensors in weights(tmp_path / "deployed").values() for key in tensors}
    assert "language_model.lm_head.weight" in stored
    config = json.loads((tmp_path / "deployed" / "config.json").read_text())
    assert config["model_type"] == "openvla"
    assert "auto_map" not in config
    assert config["norm_stats"]["close_laptop"]["num_trajectories"] == 4
    assert config["vega"]["full_layout"]
    assert VegaRunner(loaded).infer(make_observation(0)).values.shape == (5, 14)
    # What was exported may be exported again.
    export(tmp_path / "deployed", tmp_path / "again")
    assert_same_bits(weights(tmp_path / "again"), weights(tmp_path / "deployed"))


def test_a_public_folder_of_a_film_run(policy, recipe, tmp_path):
    folder = tmp_path / "oft"
    adapter = public_layout.random_adapter(policy, alpha=0.1)
    merged = public_layout.folded(policy, adapter, ["language_model", "projector"])
    public_layout.write_description(folder, policy.config)
    public_layout.write_shards(folder, merged)
    public_layout.write_heads(folder, policy)
    public_layout.write_film_backbone(folder, policy.state_dict(), adapter)
    public_layout.write_adapter(folder, adapter, wrapped=True)
    export(folder, tmp_path / "deployed", Public(recipe, None))
    loaded = checkpoint.load(tmp_path / "deployed").policy.state_dict()
    expected = public_layout.folded(policy, adapter)
    for key, value in loaded.items():
        torch.testing.assert_close(value, expected[key], msg=key)


def test_unknown_datasets_are_refused(public, recipe, tmp_path):
    with pytest.raises(CheckpointError, match="no statistics under 'libero'; the keys are: close_"):
        export(public, tmp_path / "out", Public(recipe, "libero"))
    path = public / "dataset_statistics.json"
    statistics = json.loads(path.read_text())
    path.write_text(json.dumps(statistics | {"other": statistics["close_laptop"]}))
    with pytest.raises(
        CheckpointError, match="--unnorm-key is needed, one of: close_laptop, other"
    ):
        export(public, tmp_path / "out", Public(recipe, None))
    statistics["close_laptop"]["action"]["min"] = [0.0]
    path.write_text(json.dumps(statistics))
    with pytest.raises(CheckpointError, match=r"'close_laptop', action: .*differ in length"):
        export(public, tmp_path / "out", Public(recipe, "close_laptop"))
    del statistics["close_laptop"]["proprio"]
    statistics["close_laptop"]["action"]["min"] = [0.0] * 14
    path.write_text(json.dumps(statistics))
    with pytest.raises(CheckpointError, match="has no statistics of proprio"):
        export(public, tmp_path / "out", Public(recipe, None))
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_platform_is_refused(recipe, tmp_path):
    libero = public_layout.public_policy(action_dim=7, proprio_dim=8, chunk=8, views=2)
    folder = public_layout.write_public(tmp_path / "libero", libero)
    with pytest.raises(
        CheckpointError,
        match=r"expected 14 x 5 \(values x steps\) with 14 .*, came 7 x 8 with 8, .*LIBERO",
    ):
        export(folder, tmp_path / "out", Public(recipe, None))


def test_a_recipe_of_another_network_is_refused(public, tmp_path):
    other = small_recipe("model.action_tokens=per_dim", "model.film=false", "model.llm.ffn=64")
    with pytest.raises(CheckpointError) as caught:
        export(public, tmp_path / "out", Public(other, None))
    assert "film: expected False, came True" in str(caught.value)
    assert "llm.ffn: expected 64, came 48" in str(caught.value)
    for path in public.glob("action_head--*"):
        path.unlink()
    recipe = small_recipe("model.action_tokens=per_dim")
    with pytest.raises(CheckpointError, match="there is no action_head--N_checkpoint file"):
        export(public, tmp_path / "out", Public(recipe, None))


def test_a_statistic_of_another_robot_is_refused(public, recipe, tmp_path):
    path = public / "dataset_statistics.json"
    statistics = json.loads(path.read_text())
    for field, values in statistics["close_laptop"]["action"].items():
        statistics["close_laptop"]["action"][field] = values[:7]
    path.write_text(json.dumps(statistics))
    with pytest.raises(CheckpointError, match=r"action values in the statistics: .* 14, but .* 7"):
        export(public, tmp_path / "out", Public(recipe, None))


def test_the_tokenizer_comes_from_the_folder_or_the_base(public, recipe, tmp_path):
    tokenizer, base = public / "tokenizer.json", tmp_path / "base"
    base.mkdir()
    tokenizer.rename(base / "tokenizer.json")
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json.*--base"):
        export(public, tmp_path / "out", Public(recipe, None))
    export(public, tmp_path / "out", Public(recipe, None), base)
    assert (tmp_path / "out" / "tokenizer.json").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_is_left_of_an_export_that_ends_early(saved, tmp_path, monkeypatch, capsys, error):
    count = 0
    read = streaming._own

    def interrupted(weight):
        nonlocal count
        count += 1
        if count > 20:
            raise error
        return read(weight)

    monkeypatch.setattr(streaming, "_own", interrupted)
    code = main([str(saved), str(tmp_path / "deployed")])
    assert code == (130 if error is KeyboardInterrupt else 2)
    assert list(tmp_path.iterdir()) == []
    message = capsys.readouterr().err
    assert ("was not made" if code == 130 else "No space left on device") in message


def test_an_existing_folder_is_left_alone(saved, tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(CheckpointError, match="exists already"):
        export(saved, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_damage_is_found_before_anything_is_written(saved, tmp_path):
    source = shutil.copytree(saved, tmp_path / "source")
    (source / "action_head--latest_checkpoint.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"missing action_head\."):
        export(source, tmp_path / "deployed")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_weights_that_are_not_finite_are_never_deployed(saved, tmp_path, capsys):
    source = shutil.copytree(saved, tmp_path / "source")
    path = source / "action_head--latest_checkpoint.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, path)
    assert main([str(source), str(tmp_path / "deployed")]) == 2
    assert f"{name} holds NaN or infinity" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_command_line(saved, public, tmp_path, capsys):
    assert main([str(saved), str(tmp_path / "deployed")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    for arguments, message in (
        ([str(tmp_path / "nothing")], "is no folder"),
        ([str(tmp_path)], "no policy.yaml"),
        ([str(public)], "--recipe"),
        ([str(public), "--recipe", "nonsense"], "no recipe 'nonsense'"),
        ([str(saved), "--recipe", "twin_close_laptop"], "leave out --recipe"),
    ):
        source, *options = arguments
        assert main([source, str(tmp_path / "other"), *options]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
    with pytest.raises(SystemExit):
        main([str(public), str(tmp_path / "other"), "--unnorm-key", "x"])
    assert not (tmp_path / "other").exists()


def with_adapter(policy, folder, merged):
    """A public folder with an adapter beside the whole model, and the base of both."""
    base = public_layout.write_public(folder / "base", policy)
    oft = public_layout.write_public(folder / "oft", policy)
    adapter = public_layout.random_adapter(policy)
    public_layout.write_adapter(oft, adapter)
    if merged:
        for file in oft.glob("model*"):
            file.unlink()
        public_layout.write_shards(oft, public_layout.folded(policy, adapter))
    return base, oft


@pytest.mark.parametrize("merged", [True, False])
def test_an_adapter_beside_the_model_is_compared_with_the_base(policy, recipe, tmp_path, merged):
    base, oft = with_adapter(policy, tmp_path, merged)
    lines = []
    export(oft, tmp_path / "assumed", Public(recipe, None), report=lines.append)
    assert any("assumed to be merged" in line and "--fold-adapter" in line for line in lines)
    right, wrong = Public(recipe, None, not merged), Public(recipe, None, merged)
    said = "merged into them already" if merged else "give --fold-adapter"
    with pytest.raises(CheckpointError, match=said):
        export(oft, tmp_path / "wrong", wrong, base)
    export(oft, tmp_path / "right", right, base)
    expected = public_layout.folded(policy, checkpoint.Adapter.read(oft / "lora_adapter"))
    written = {
        name: tensor
        for part in weights(tmp_path / "right").values()
        for name, tensor in part.items()
    }
    # The vision backbone has a file of its own, which is merged in either folder.
    compared = [name for name in expected if name in written and name.startswith("language")]
    assert compared
    assert all(torch.equal(written[name], expected[name]) for name in compared)


def test_what_was_assumed_is_said(public, recipe, tmp_path):
    lines = []
    export(public, tmp_path / "deployed", Public(recipe, None), report=lines.append)
    said = "\n".join(lines)
    for words in (
        "chunk: ",
        "cameras, in order: head, left_wrist",
        "joints, in order: left_joint1",
        "instructions: ",
        "normalisation: bounds",
        "weights: ",
    ):
        assert words in said


def test_joints_that_never_change_are_named_by_an_export(public, recipe, tmp_path):
    path = public / "dataset_statistics.json"
    statistics = json.loads(path.read_text())
    for field in ("min", "max", "q01", "q99"):
        statistics["close_laptop"]["action"][field][6] = 0.07
    path.write_text(json.dumps(statistics))
    lines = []
    export(public, tmp_path / "deployed", Public(recipe, None), report=lines.append)
    (line,) = [line for line in lines if "never changed" in line]
    assert line == "the action never changed in left_gripper: the policy cannot move it"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("max", float("nan"), "max of dimension 0 is nan"), ("min", 5.0, "min of dimension 0 is 5")],
)
def test_statistics_that_are_none_are_refused(field, value, said, public, recipe, tmp_path):
    path = public / "dataset_statistics.json"
    statistics = json.loads(path.read_text())
    statistics["close_laptop"]["proprio"][field][0] = value
    path.write_text(json.dumps(statistics))
    with pytest.raises(CheckpointError, match=rf"'close_laptop', proprio: .*{said}"):
        export(public, tmp_path / "out", Public(recipe, None))
    assert not (tmp_path / "out").exists()


def test_a_chunk_that_the_model_cannot_take_is_refused(public, tmp_path, capsys):
    command = [str(public), str(tmp_path / "out"), "--recipe", "vega", "--chunk", "4000"]
    assert main(command) == 2
    assert "chunk: 4000 steps are" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(public), str(tmp_path / "out"), "--chunk", "8"])
    assert "--chunk needs --recipe" in capsys.readouterr().err


def test_an_export_says_what_the_robot_will_refuse(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "other")
    contract = VegaContract.load(folder)
    contract.model_copy(update={"control_hz": 50.0, "cameras": contract.cameras[::-1]}).save(folder)
    lines = []
    export(folder, tmp_path / "out", report=lines.append)
    [line] = [line for line in lines if "will refuse it" in line]
    assert "control rate in Hz: the policy has 50.0, hw_config has 25.0" in line
    assert "cameras in order" in line
    lines.clear()
    export(saved, tmp_path / "ours", report=lines.append)
    assert not any("will refuse it" in line for line in lines)
