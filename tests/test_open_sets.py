"""One member of each open set, registered from outside, works from end to end.

A member is a file, here a class, and a line: what CONTRIBUTING.md promises.
"""

import dataclasses
import json
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import gymnasium
import numpy as np
import pytest
import torch
import vega_sim  # noqa: F401  registers the environments
from vega_eval.failure_types import DROP, FAILURE_TYPES
from vega_eval.failure_types import register as register_failure_type
from vega_eval.scoring import failure_type
from vega_eval.session.keys import OperatorKeys
from vega_sim.failure_signals import FailureSignals

import hw_config
from teleop.convert.__main__ import main as convert
from teleop.convert.formats import FORMATS as IMPORT_FORMATS
from teleop.export.__main__ import main as export
from teleop.export.formats import FORMATS as EXPORT_FORMATS
from teleop.export.readback import compare
from teleop.tests.episodes import make_episode, open_store
from teleop.tests.test_formats import Arrays, Random
from vega_policy.alignment.build import build_alignment
from vega_policy.contract import PolicyContract
from vega_policy.data.formats import FORMATS as DATA_FORMATS
from vega_policy.data.formats import Format
from vega_policy.data.npz import NpzSource
from vega_policy.data.plan import open_datasets
from vega_policy.errors import CheckpointError, RecipeError
from vega_policy.images import centre_crops
from vega_policy.inspect import teacher_dim
from vega_policy.kinds import KINDS, Kind, open_policy
from vega_policy.kinds.kind import cell_fields, new_folder
from vega_policy.policy import ActionChunk, Observation
from vega_policy.recipe import models_dir
from vega_policy.recipe_listing import listing
from vega_policy.teachers import TEACHERS, TeacherConfig, TeacherKind
from vega_policy.teachers.teacher import TeacherInput, dino_views
from vega_policy.tests.synthetic import small_inputs, small_policy, small_recipe, write_dataset
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.training.objective import Objective

ROOT = Path(__file__).resolve().parents[1]
CAMERAS = ("head", "left_wrist", "right_wrist")


@contextmanager
def registered(registry, name, member):
    registry.register(name, member)
    try:
        yield
    finally:
        registry.unregister(name)


def test_an_export_format(tmp_path):
    with open_store(tmp_path / "recorded") as store:
        make_episode(store, 1.0)
    out = tmp_path / "out"
    command = [str(tmp_path / "recorded"), "--out", str(out), "--workers", "1"]
    with registered(EXPORT_FORMATS, "arrays", Arrays()):
        assert export([*command, "--format", "arrays"]) == 0
        assert compare(out, "arrays").joint_error == 0.0


def test_an_import_format(tmp_path):
    command = [str(tmp_path), str(tmp_path / "out"), "--task", "t", "--workers", "1"]
    with registered(IMPORT_FORMATS, "random", Random()):
        assert convert([*command, "--from", "random"]) == 0
    info = json.loads((tmp_path / "out" / "meta" / "info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (2, 10)


class Demos(NpzSource):
    """The twin's episodes by another suffix."""

    def episodes(self):
        return [self.read(file.name) for file in sorted(self.directory.glob("*.demo"))]


def test_a_form_of_training_data(tmp_path):
    for number, file in enumerate(sorted(write_dataset(tmp_path / "npz").rglob("*.npz"))):
        (tmp_path / "demos").mkdir(exist_ok=True)
        file.rename(tmp_path / "demos" / f"{number}.demo")
    recipe = small_recipe("alignment.teacher=geometry")
    form = Format(
        lambda folder: next(folder.glob("*.demo"), None) is not None,
        lambda folder, squashed, report: Demos(folder),
        ground_truth=True,
    )
    tokenizer = InstructionTokenizer(models_dir() / recipe.tokenizer, recipe.instruction_template)
    with registered(DATA_FORMATS, "demos", form):
        data = open_datasets(tmp_path / "demos", recipe, tokenizer, print)
        losses = Objective(
            small_policy(**recipe.model.model_dump()),
            recipe,
            build_alignment(recipe, data.facts.camera_names),
        )(data.train.batch(np.arange(2)), centre_crops(6, 0.9), None)
    assert losses.total > 0
    assert losses.alignment > 0


class BlurConfig(TeacherConfig):
    """Means of the images."""

    gain: float = 1.0


class BlurTeacher:
    dim = 8

    def __init__(self, config, wanted):
        self.gain, self.grid = config.gain, wanted.grid

    def targets(self, batch):
        views = dino_views(batch.pixels)
        planes = torch.nn.functional.adaptive_avg_pool2d(views.flatten(0, 1), self.grid)
        features = torch.nn.functional.pad(planes.flatten(2).transpose(1, 2), (0, 5))
        return [(self.gain * features).unflatten(0, views.shape[:2])]


BLUR = TeacherKind("blur", BlurConfig, BlurTeacher, width=lambda config: BlurTeacher.dim)


def test_a_teacher():
    with registered(TEACHERS, "blur", BLUR):
        recipe = small_recipe("alignment.teacher=blur", "alignment.blur.gain=2")
        assert "one of: none, geometry, fit3d, vggt, blur" in listing(recipe)
        assert recipe.model_dump()["alignment"]["blur"] == {"gain": 2.0}
        assert teacher_dim(recipe) == 8
        assert not recipe.alignment.needs_scene
        policy = small_policy(**recipe.model.model_dump())
        pixels, _ = small_inputs(policy.config, 2)
        alignment = build_alignment(recipe, CAMERAS)
        [target] = alignment.targets(TeacherInput(pixels, centre_crops(6, 0.9), None))
        assert target.shape == (2, 3 * recipe.model.patch_grid**2, 8)
        with pytest.raises(RecipeError, match=r"blur\.gain: Input should be a valid number"):
            small_recipe("alignment.blur.gain=much")
    with pytest.raises(RecipeError, match="unknown teacher 'blur'; there are: none, geometry"):
        small_recipe("alignment.teacher=blur")


class ZeroContract(PolicyContract):
    """A policy that goes to where all joints are zero."""

    kind: Literal["zero"] = "zero"
    needs_cameras = False


@dataclasses.dataclass
class ZeroPolicy:
    contract: ZeroContract

    def infer(self, observation):
        began = time.perf_counter()
        values = np.zeros((self.contract.chunk, len(observation.state)), np.float32)
        return ActionChunk(values, {"total": 1e3 * (time.perf_counter() - began)})

    def reset(self):
        pass

    def close(self):
        pass


ZERO = Kind(ZeroContract, lambda folder, device, threads: ZeroPolicy(ZeroContract.load(folder)))


def test_a_policy_kind(tmp_path):
    fields = cell_fields(hw_config.load())
    new_folder(tmp_path / "zero")
    with registered(KINDS, "zero", ZERO):
        ZeroContract(recipe="zero", tasks={}, git_commit="none", **fields).save(tmp_path / "zero")
        policy = open_policy(tmp_path / "zero")
        chunk = policy.infer(Observation({}, np.ones(14, np.float32), "go"))
        assert chunk.values.shape == (fields["chunk"], 14)
    with pytest.raises(CheckpointError, match="'zero'; there are: vega, replay, hold"):
        open_policy(tmp_path / "zero")


def test_a_camera(tmp_path, monkeypatch):
    cell = tmp_path / "cell"
    shutil.copytree(hw_config.config_dir(), cell, ignore=shutil.ignore_patterns("*.py*", "test*"))
    text = (cell / "cameras.yaml").read_text()
    rear = re.search(r"  head:\n(?:    .*\n)*", text)[0]
    for old, new in (("head:", "rear:"), ("head_", "rear_"), ("high", "rear"), ('01"', '04"')):
        rear = rear.replace(old, new)
    (cell / "cameras.yaml").write_text(text.replace("width:", rear + "width:", 1))
    monkeypatch.setenv("VEGA_HW_CONFIG", str(cell))
    camera = hw_config.load().cameras["rear"]
    assert (camera.dataset_key, camera.namespace) == ("cam_rear", "rear_camera")
    env = gymnasium.make("vega_sim/CloseLaptop-v0", cameras=("rear",))
    observation, _ = env.reset(seed=0)
    assert observation["rear"].shape == (camera.height, camera.width, 3)
    env.close()


def test_a_failure_type():
    bump = dataclasses.replace(
        DROP,
        value="bump",
        title="bump",
        meaning="bump: it bumped",
        key="b",
        prompt="bumped",
        priority=1,
        rule=lambda evidence: evidence.signals.table_force_n > 150.0,
    )
    register_failure_type(bump)
    try:
        keys = OperatorKeys()
        keys.feed("-")
        assert keys.feed("b").failure == "bump"
        assert failure_type(FailureSignals(0.1, table_contact_s=1.0, table_force_n=151.0)) is bump
    finally:
        FAILURE_TYPES.unregister("bump")


@pytest.mark.parametrize(
    "member",
    [
        "a policy kind",
        "an export format",
        "an import format",
        "a form of training data",
        "a camera",
        "a teacher",
        "a failure type",
    ],
)
def test_a_member_takes_two_files_at_most(member):
    rows = (ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    (row,) = (row for row in rows if row.startswith(f"| {member} |"))
    files = [name for name in re.findall(r"`([^`]+)`", row) if "/" in name]
    assert 1 <= len(files) <= 2
