"""Training straight from LeRobot v3.0 datasets: what is read, and as what."""

import json
import shutil

import numpy as np
import pytest
import torch

import hw_config
from vega_policy import train
from vega_policy.data.lerobot import LeRobotSource
from vega_policy.data.plan import open_datasets
from vega_policy.data.video import images
from vega_policy.images import lanczos_resize, squash
from vega_policy.recipe import load_recipe, models_dir
from vega_policy.tests.lerobot_files import (
    BRIGHTER,
    COLOURS,
    FPS,
    STEPS,
    camera_image,
    key,
    numbers,
    write_lerobot,
    write_video,
)
from vega_policy.tests.synthetic import SMALL
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.vega_contract import VegaContract

NAMES = hw_config.load().joint_names


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset that no test may change."""
    return write_lerobot(tmp_path_factory.mktemp("lerobot") / "dataset")


def opened(folder, *overrides, lines=None):
    recipe = load_recipe("twin_oft", [*SMALL, *overrides])
    tokenizer = InstructionTokenizer(models_dir() / recipe.tokenizer, recipe.instruction_template)
    return open_datasets(folder, recipe, tokenizer, (lines if lines is not None else []).append)


def read(folder):
    return LeRobotSource(folder, 256, [].append).episodes()


def text_of(data, number):
    return data.train.batch(np.array([number])).text.ids.tolist()


def test_every_step_is_a_sample_with_its_own_picture(dataset):
    data = opened(dataset)
    assert (len(data.train), len(data.validation)) == (2 * STEPS, STEPS)
    views = data.train.batch(np.arange(STEPS, 2 * STEPS)).views
    assert views.shape == (STEPS, 3, 28, 28, 3)
    assert views.dtype == torch.uint8
    for camera, colour in enumerate(COLOURS.values()):
        above, below = views[:, camera, 6, 14].int(), views[:, camera, 22, 14].int()
        assert (above - torch.tensor(colour)).abs().max() <= 6
        assert (below - (40 + BRIGHTER * torch.arange(STEPS))[:, None]).abs().max() <= 3


def test_pictures_are_resized_as_the_policy_resizes_camera_frames(dataset):
    video = dataset / "videos" / key("cam_left_wrist") / "chunk-000" / "file-000.mp4"
    frames = np.stack(list(images(video, STEPS / FPS, FPS, np.arange(STEPS))))
    expected = lanczos_resize(squash(torch.from_numpy(frames), 256), 28)
    views = opened(dataset).train.batch(np.arange(STEPS, 2 * STEPS)).views
    assert torch.equal(views[:, 1], expected)


def test_states_actions_and_what_the_checkpoint_remembers(dataset):
    data = opened(dataset)
    states = np.concatenate([numbers(0), numbers(1)])
    span = np.array(data.facts.proprio.max) - data.facts.proprio.min
    batch = data.train.batch(np.array([3]))
    expected = 2 * (states[3] - data.facts.proprio.min) / span - 1
    np.testing.assert_allclose(batch.proprio[0], expected, atol=1e-5)
    actions = states[3:8] + np.float32(1e-3)
    expected = 2 * (actions - data.facts.action.min) / span - 1
    np.testing.assert_allclose(batch.actions[0], expected, atol=1e-5)
    assert data.facts.joint_names == NAMES
    assert data.facts.camera_names == ("head", "left_wrist", "right_wrist")
    assert data.facts.fps == 25.0
    assert data.facts.tasks == {"close_laptop": "close the laptop"}
    np.testing.assert_allclose(data.facts.proprio.mean, states.mean(axis=0), atol=1e-6)


def test_each_nth_image(dataset):
    all_of_them, third = opened(dataset), opened(dataset, "data.image_every=3")
    assert len(third.train) == 2 * STEPS // 3
    one, same = third.train.batch(np.array([5])), all_of_them.train.batch(np.array([15]))
    assert torch.equal(one.views, same.views)
    assert torch.equal(one.actions, same.actions)


def test_the_cache_is_made_once_and_again_when_a_video_changes(tmp_path):
    folder, lines = write_lerobot(tmp_path / "dataset", 2), []
    opened(folder, lines=lines)
    opened(folder, lines=lines)
    made = [line for line in lines if "frame" in line]
    assert len(made) == 2
    assert made[0].startswith("the frame cache of 24 x 3 images of 28x28 takes 0.2 MB of ")
    assert made[1] == "frames: 2 of 2 episodes, 24 of 24 frames"
    size = "cam_high has images of 128x96, camera head of 640x480"
    assert sum(size in line for line in lines) == 2
    frames = [camera_image("cam_right_wrist", step) for step in range(STEPS)] * 2
    write_video(folder / "videos" / key("cam_high") / "chunk-000" / "file-000.mp4", frames)
    views = opened(folder).train.batch(np.array([0])).views
    assert (views[0, 0, 6, 14].int() - torch.tensor(COLOURS["cam_right_wrist"])).abs().max() <= 6


@pytest.mark.parametrize(
    ("joint", "gripper"),
    [
        ("joint_{}.pos", "gripper.pos"),
        ("joint{}.pos", "gripper.pos"),
        ("joint_{}", "gripper"),
        ("arm_joint_{}_rad", "gripper_open"),
    ],
)
def test_public_spellings_of_the_joints(tmp_path, joint, gripper):
    names = [
        f"{arm}_{name}"
        for arm in ("left", "right")
        for name in (*(joint.format(n) for n in range(1, 7)), gripper)
    ]
    folder = write_lerobot(tmp_path, 1, names=names)
    assert read(folder)[0].joint_names == NAMES


def test_names_in_a_group_and_cameras_with_a_suffix_and_more_of_them(tmp_path):
    cameras = {"cam_low": "cam_high", **{f"{camera}_rgb": camera for camera in reversed(COLOURS)}}
    vector = {"dtype": "float32", "shape": [14], "names": {"motors": list(NAMES)}}
    features = {"observation.state": vector, "action": vector}
    folder = write_lerobot(tmp_path, 2, cameras=cameras, features=features)
    views = opened(folder).train.batch(np.array([0])).views
    for camera, colour in enumerate(COLOURS.values()):
        assert (views[0, camera, 6, 14].int() - torch.tensor(colour)).abs().max() <= 6


def test_episodes_that_are_marked_as_failures_are_left_out(tmp_path):
    by_table = write_lerobot(tmp_path / "table", rows={"success": [True, False, None]})
    assert [episode.success for episode in read(by_table)] == [True, False, True]
    done = [[False]] * STEPS + [[False]] * (STEPS - 1) + [[True]] + [[False]] * STEPS
    by_step = write_lerobot(tmp_path / "step", columns={"next.success": done})
    assert [episode.success for episode in read(by_step)] == [False, True, False]
    ours = write_lerobot(tmp_path / "ours")
    told = [{"episode_index": 0, "task": "carrots_to_bowls", "outcome": "failure"}]
    told.append({"episode_index": 2, "task": "handover_cucumber", "outcome": "success"})
    (ours / "meta/provenance.json").write_text(json.dumps({"episodes": told}))
    episodes = read(ours)
    assert [episode.success for episode in episodes] == [False, True, True]
    assert [e.task for e in episodes] == ["carrots_to_bowls", "close_laptop", "handover_cucumber"]


def test_several_tasks_are_said_and_told_apart(tmp_path):
    folder = write_lerobot(
        tmp_path,
        2,
        instructions=("close the laptop", "water the flowers"),
        tasks={1: [0] * 5 + [1] * (STEPS - 5)},
    )
    lines = []
    data = opened(folder, "data.validation_episodes=0", lines=lines)
    said = "close_laptop (2 episodes), water the flowers (1 episodes)"
    assert any(line.endswith(said) for line in lines)
    assert data.facts.tasks["water the flowers"] == "water the flowers"
    assert text_of(data, STEPS + 4) == text_of(data, 0) != text_of(data, STEPS + 5)


def test_digests_cover_states_tasks_and_videos(tmp_path):
    folder = write_lerobot(tmp_path / "dataset", 2)
    before = opened(folder).digests
    assert list(before) == ["episode_000000", "episode_000001"]
    assert opened(write_lerobot(tmp_path / "again", 2)).digests == before
    other = write_lerobot(tmp_path / "other", 2, state={1: numbers(7)})
    changed = opened(other).digests
    assert changed["episode_000000"] == before["episode_000000"]
    assert changed["episode_000001"] != before["episode_000001"]
    told = write_lerobot(tmp_path / "told", 2, instructions=("open the laptop",))
    assert opened(told).digests["episode_000000"] != before["episode_000000"]
    frames = [camera_image("cam_high", 0)] * 2 * STEPS
    write_video(folder / "videos" / key("cam_high") / "chunk-000" / "file-000.mp4", frames)
    assert opened(folder).digests["episode_000000"] != before["episode_000000"]


def test_the_command_trains_on_it_and_resumes(dataset, tmp_path, capsys, on_the_cpu):
    folder = shutil.copytree(dataset, tmp_path / "dataset")
    arguments = ["--recipe", "twin_oft", "--dataset", str(folder), "--out", str(tmp_path / "run")]
    assert train.main([*arguments, *SMALL, "training.steps=2"]) == 0
    contract = VegaContract.load(tmp_path / "run" / "checkpoint")
    contract.check_against(hw_config.load())
    assert contract.tasks == {"close_laptop": "close the laptop"}
    assert contract.control_hz == 25.0
    assert train.main([*arguments, *SMALL, "training.steps=3", "--resume"]) == 0
    write_lerobot(folder, state={1: numbers(7)})
    assert train.main([*arguments, *SMALL, "training.steps=4", "--resume"]) == 2
    assert "episodes changed in the dataset: episode_000001" in capsys.readouterr().err
