"""A base that was replaced under a LoRA run is found out: by resume, by export, and when loaded."""

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from vega_policy import checkpoint
from vega_policy.checkpoint.files import held
from vega_policy.checkpoint.gathering import gather
from vega_policy.contract import FILE_NAME
from vega_policy.errors import CheckpointError
from vega_policy.export import export
from vega_policy.tests.small_models import OVERRIDES, write_small_models
from vega_policy.tests.test_training import trainer
from vega_policy.training.run_folder import STATE
from vega_policy.vega_contract import VegaContract

pytestmark = pytest.mark.usefixtures("on_the_cpu")


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A folder of models and a run with LoRA on one of them; no test may change it."""
    folder = tmp_path_factory.mktemp("trained")
    write_small_models(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEGA_MODELS", str(folder / "models"))
        assert start(folder / "run", dataset, "training.steps=2").run()
    return folder


@pytest.fixture
def copied(trained, tmp_path, monkeypatch):
    folder = shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.setenv("VEGA_MODELS", str(folder / "models"))
    return folder


def start(out, dataset, *overrides, resume=False):
    made = trainer(out, dataset, *OVERRIDES, *overrides, recipe="oft")
    if resume:
        made.resume()
    return made


def replace_base(folder):
    """As if something were merged into the base, or another one copied over it."""
    path = folder / "models" / "openvla-7b" / "model.safetensors"
    state = load_file(path)
    name = next(key for key in state if key.endswith("q_proj.weight"))
    state[name] = state[name] + 1e-3
    save_file(state, path, {"format": "pt"})


def digests(folder):
    now = checkpoint.digest_of(checkpoint.base_state(folder / "models/openvla-7b", sizes(folder)))
    return VegaContract.load(folder / "run" / "checkpoint").base_digest, now


def sizes(folder):
    return checkpoint.load(folder / "run" / "checkpoint").policy.config


def test_a_run_and_its_checkpoint_say_what_the_base_was(trained, copied):
    said, now = digests(copied)
    assert said == now
    state = torch.load(copied / "run" / STATE, weights_only=True)
    assert state["run"]["base"] == said


def test_a_replaced_base_is_refused_with_both_digests_and_the_way_out(copied, dataset, tmp_path):
    config = sizes(copied)
    shutil.copytree(copied / "models" / "openvla-7b", tmp_path / "kept")
    replace_base(copied)
    base, run = copied / "models" / "openvla-7b", copied / "run"
    said = VegaContract.load(run / "checkpoint").base_digest
    now = checkpoint.digest_of(checkpoint.base_state(base, config))
    assert said != now
    with pytest.raises(CheckpointError) as loaded:
        checkpoint.load(run / "checkpoint")
    with pytest.raises(CheckpointError) as exported:
        export(run / "checkpoint", tmp_path / "out")
    with pytest.raises(CheckpointError) as resumed:
        start(run, dataset, "training.steps=3", resume=True)
    for refused in (loaded, exported, resumed):
        for words in (said, now, str(base)):
            assert words in str(refused.value)
    for refused in (loaded, exported):
        assert f"vega_policy.export {run / 'checkpoint'} OUT --base BASE" in str(refused.value)
    assert "base_checkpoint=DIR" in str(resumed.value)
    # The ways out.
    export(run / "checkpoint", tmp_path / "out", base=tmp_path / "kept")
    checkpoint.load(tmp_path / "out")
    elsewhere = f"base_checkpoint={tmp_path / 'kept'}"
    assert start(run, dataset, "training.steps=3", elsewhere, resume=True).run()


def test_files_from_before_there_was_a_digest_are_not_compared(copied, dataset):
    path = copied / "run" / "checkpoint" / FILE_NAME
    fields = yaml.safe_load(path.read_text())
    del fields["base_digest"]
    path.write_text(yaml.safe_dump(fields, sort_keys=False))
    state = torch.load(copied / "run" / STATE, weights_only=True)
    del state["run"]["base"]
    torch.save(state, copied / "run" / STATE)
    replace_base(copied)
    checkpoint.load(copied / "run" / "checkpoint")
    start(copied / "run", dataset, "training.steps=3", resume=True)


def test_a_digest_hangs_on_the_weights_and_not_on_their_files(copied):
    base = copied / "models" / "openvla-7b"
    before = checkpoint.digest_of(gather(base))
    state = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    of_file = {key: f"{number % 2}.safetensors" for number, key in enumerate(sorted(state))}
    for file in ("0.safetensors", "1.safetensors"):
        save_file({key: state[key] for key in state if of_file[key] == file}, base / file)
    index = json.dumps({"weight_map": of_file})
    (base / "model.safetensors.index.json").write_text(index)
    assert checkpoint.digest_of(gather(base)) == before


@pytest.mark.parametrize("change", ["dtype", "shape", "name", "values"])
def test_a_digest_sees(saved, change):
    state = gather(saved)
    before = checkpoint.digest_of(state)
    name = "projector.fc1.weight"
    weight = state[name].read().clone()
    if change == "dtype":
        weight = weight.bfloat16()
    elif change == "shape":
        weight = weight.T.contiguous()
    elif change == "values":
        weight += 1e-6
    state[name + "s" * (change == "name")] = held(weight)
    if change == "name":
        del state[name]
    assert checkpoint.digest_of(state) != before
