"""What is known before the first image is refused before the first image."""

import shutil
import sys

import numpy as np
import pytest
import torch

import hw_config
from vega_policy.data.frames import FrameCache
from vega_policy.errors import PolicyError
from vega_policy.tests.lerobot_files import key, write_lerobot
from vega_policy.tests.small_models import OVERRIDES, write_small_models
from vega_policy.tests.synthetic import SMALL, write_dataset, write_episode
from vega_policy.tests.test_train_command import command_line
from vega_policy.tests.test_training import trainer

pytestmark = pytest.mark.usefixtures("on_the_cpu")

HEAD, LEFT, RIGHT = hw_config.load().cameras
JOINTS = list(hw_config.load().joint_names)
REAL_BUILD = FrameCache.build
SQUARE = np.zeros((10, 3, 200, 200, 3), np.uint8)


@pytest.fixture(autouse=True)
def no_image_is_read(monkeypatch):
    def build(self, report):
        raise AssertionError("the frame cache was built")

    monkeypatch.setattr(FrameCache, "build", build)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_small_models(tmp_path_factory.mktemp("small") / "models")


def refusal(dataset, out, *overrides, recipe="twin_close_laptop"):
    with pytest.raises(PolicyError) as refused:
        trainer(out, dataset, *overrides, recipe=recipe)
    return str(refused.value)


def test_what_fits_reaches_the_images(dataset, tmp_path):
    with pytest.raises(AssertionError, match="the frame cache was built"):
        trainer(tmp_path, dataset)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"camera_names": [HEAD, RIGHT, LEFT]}, "cameras in order: the policy has ['head', 'right"),
        ({"camera_names": [HEAD, LEFT, "belly"]}, "cameras ['belly'] of the dataset are not in hw"),
        ({"joint_names": JOINTS[7:] + JOINTS[:7]}, "joint names in order: the policy has ['right_"),
        ({"fps": 50.0}, "control rate in Hz: the policy has 50.0, hw_config has 25.0"),
        ({"depth": None}, "lacks the depth, segmentation and camera poses"),
        (
            {"images": SQUARE},
            "images are uint8 (200, 200, 3), the recipe takes uint8 (256, 256, 3)",
        ),
        ({"images": SQUARE[..., :1]}, "images are uint8 (200, 200, 1)"),
        ({"images": SQUARE[:, :2]}, "views has shape (10, 2, 200, 200, 3), expected (10, 3)"),
        ({"images": np.zeros((10, 3, 256, 256, 3), np.float32)}, "images are float32"),
        ({"images": None}, "a field is missing: images"),
    ],
)
def test_a_dataset_of_another_robot(tmp_path, changes, said):
    data = tmp_path / "data"
    data.mkdir()
    for seed in range(2):
        write_episode(data / f"{seed}.npz", seed, **changes)
    assert said in refusal(data, tmp_path / "run")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("model.views=2",), "the dataset has 3 cameras, the recipe's model has 2 (model.views)"),
        (("model.action_dim=7",), "the dataset has 14 action values, the recipe 7"),
        (("model.proprio_dim=7",), "the dataset has 14 state values, the recipe 7"),
        (("data.validation_episodes=6",), "lower data.validation_episodes"),
        (("data.tail=drop", "model.chunk=50"), "no episode is as long as a chunk"),
        (("training.micro_batch=3",), "a batch of 8 does not divide among 1 processes"),
        (("tokenizer=none.json",), "no readable tokenizer"),
        (("model.llm.vocab_size=400",), "the tokenizer has 462 tokens"),
        (("base_checkpoint=nowhere",), "the base checkpoint"),
        (("image.squash=224",), "the recipe takes uint8 (224, 224, 3)"),
    ],
)
def test_a_recipe_of_another_dataset(dataset, tmp_path, overrides, said):
    assert said in refusal(dataset, tmp_path, *overrides)


@pytest.mark.parametrize(
    ("recipe", "overrides", "said"),
    [
        ("vega", ["alignment.fit3d.checkpoint=no.pth"], "no.pth are missing. The paper's ViT-L"),
        ("vega", ["alignment.fit3d.checkpoint=null"], "alignment.fit3d.checkpoint names no file"),
        ("vega", ["alignment.fit3d.dim=1024"], "alignment.fit3d.dim is 1024, the teacher"),
        ("vega", ["alignment.fit3d.heads=3"], "is not a multiple of 3 heads"),
        ("vega", ["alignment.fit3d.checkpoint=teachers/torn.pth"], "truncated or corrupt"),
        (
            "vega",
            ["alignment.fit3d.checkpoint=teachers/vggt_1b/model.pt"],
            "is not of the published layout",
        ),
        ("vega_vggt", ["alignment.vggt.image_size=30"], "not a multiple of VGGT's patch size 14"),
        ("vega_vggt", ["alignment.vggt.layer=7"], "VGGT layer 7 does not exist"),
        ("oft_sf", ["alignment.spatial_forcing.layer=9"], "9 is none of them"),
        ("rocket", ["alignment.rocket.pairs=[[1, 5]]"], "VGGT layer 5 does not exist"),
        ("rocket", ["alignment.teacher=geometry"], "set alignment.teacher=vggt"),
        ("oft", ["model.llm.layers=3"], "does not fit its own description"),
        ("oft", ["model.llm.rope_theta=500000.0"], "model.llm.rope_theta: expected 500000.0"),
    ],
)
def test_a_teacher_or_a_base_that_does_not_go_with_the_recipe(
    dataset, tmp_path, models, monkeypatch, recipe, overrides, said
):
    monkeypatch.setenv("VEGA_MODELS", str(models))
    whole = (models / "teachers" / "vggt_1b" / "model.pt").read_bytes()
    (models / "teachers" / "torn.pth").write_bytes(whole[:1000])
    assert said in refusal(dataset, tmp_path, *OVERRIDES, *overrides, recipe=recipe)


def test_no_weight_of_a_teacher_is_read_before(dataset, tmp_path, models, monkeypatch):
    monkeypatch.setenv("VEGA_MODELS", str(models))
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", None)
    with pytest.raises(AssertionError, match="the frame cache was built"):
        trainer(tmp_path, dataset, *OVERRIDES, recipe="vega")


def test_lora_without_peft(dataset, tmp_path, models, monkeypatch):
    monkeypatch.setenv("VEGA_MODELS", str(models))
    monkeypatch.setitem(sys.modules, "peft", None)
    assert "LoRA needs peft" in refusal(dataset, tmp_path, *OVERRIDES, recipe="oft")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"info": {"fps": 30}}, "has 30 steps a second, hw_config's control_hz is 25"),
        ({"names": JOINTS[7:] + JOINTS[:7]}, "observation.state has another order"),
        ({"features": {key("cam_high"): None}}, "has no observation.images.cam_high"),
        ({"size": (96, 96)}, "images are 96x96, expected the shape of camera head"),
        ({"video_fps": 50}, "50 images a second, expected 25"),
    ],
)
def test_a_lerobot_dataset_of_another_robot(tmp_path, what, said):
    data = write_lerobot(tmp_path / "data", 2, **what)
    assert said in refusal(data, tmp_path / "run", recipe="twin_oft")


def test_a_run_that_cannot_go_on(tmp_path, capsys, monkeypatch):
    data, run = write_dataset(tmp_path / "data"), tmp_path / "run"
    with monkeypatch.context() as context:
        context.setattr(FrameCache, "build", REAL_BUILD)
        assert command_line(data, run, "training.steps=2") == 0
    shutil.rmtree(data / ".cache")

    def refused(*arguments):
        assert command_line(data, run, "training.steps=3", "--resume", *arguments) == 2
        return capsys.readouterr().err

    assert "training.seed: the run has 0, the recipe 5" in refused("training.seed=5")
    write_episode(data / "episode_000001.npz", 40)
    assert "episodes changed in the dataset: episode_000001.npz" in refused()
    (run / "training_state.pt").write_bytes(b"torn")
    assert "is damaged" in refused()


def test_the_folder_is_tried_first(dataset, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command_line(dataset, tmp_path / "file" / "run", *SMALL) == 2
    assert "cannot write to" in capsys.readouterr().err
