import shutil

import numpy as np
import pytest
import torch

from vega_policy.data.facts import constant_joints
from vega_policy.data.npz import NpzSource
from vega_policy.data.plan import open_datasets
from vega_policy.errors import DatasetError, RecipeError
from vega_policy.recipe import models_dir
from vega_policy.tests.synthetic import (
    IMAGE_EVERY,
    STEPS,
    small_recipe,
    write_dataset,
    write_episode,
)
from vega_policy.tokenizer import InstructionTokenizer

FRAMES = STEPS // IMAGE_EVERY


def opened(folder, *overrides, lines=None, build=True):
    recipe = small_recipe(*overrides)
    tokenizer = InstructionTokenizer(models_dir() / recipe.tokenizer, recipe.instruction_template)
    report = (lines if lines is not None else []).append
    return open_datasets(folder, recipe, tokenizer, report, build)


def test_a_batch(dataset):
    data = opened(dataset)
    batch = data.train.batch(np.array([0, 3, FRAMES]))
    assert batch.views.shape == (3, 3, 28, 28, 3)
    assert batch.views.dtype == torch.uint8
    assert batch.proprio.shape == (3, 14)
    assert batch.actions.shape == (3, 5, 14)
    assert batch.proprio.dtype == batch.actions.dtype == torch.float32
    assert len(batch.text.ids) == 1  # all share the instruction
    assert batch.scene is not None
    assert batch.scene.depth.shape == (3, 3, 64, 64)


def test_states_and_chunks_belong_to_the_frames(dataset):
    data = opened(dataset, "data.joint_minimum_span=2.0", "data.gripper_minimum_span=0.1")
    episode = NpzSource(dataset).episodes()[1]
    batch = data.train.batch(np.array([FRAMES + 2]))  # third frame of the second episode
    step = 2 * IMAGE_EVERY
    low, high = np.array(data.facts.action.min), np.array(data.facts.action.max)
    expected = 2 * (episode.action[step : step + 5] - low) / (high - low) - 1
    np.testing.assert_allclose(batch.actions[0], expected, atol=1e-4)
    low, high = np.array(data.facts.proprio.min), np.array(data.facts.proprio.max)
    expected = 2 * (episode.state[step] - low) / (high - low) - 1
    np.testing.assert_allclose(batch.proprio[0], expected, atol=1e-4)


def test_the_tail_repeats_the_last_action_or_is_dropped(dataset):
    padded, dropped = opened(dataset), opened(dataset, "data.tail=drop")
    assert len(padded.train) == 5 * FRAMES
    assert len(dropped.train) == 5 * (FRAMES - 1)  # only the last frame lacks 5 actions ahead
    last = padded.train.batch(np.array([FRAMES - 1])).actions[0]
    assert torch.equal(last[4], last[3])
    assert not torch.equal(last[3], last[0])


def test_the_last_episodes_are_held_out_of_training_and_statistics(dataset):
    all_in, held = opened(dataset, "data.validation_episodes=0"), opened(dataset)
    assert all_in.validation is None
    assert held.validation is not None
    assert (len(all_in.train), len(held.train), len(held.validation)) == (60, 50, 10)
    views = all_in.train.batch(np.array([50])).views
    assert torch.equal(held.validation.batch(np.array([0])).views, views)
    assert held.facts.action != all_in.facts.action
    assert set(held.digests) == {path.name for path in dataset.glob("*.npz")}


def test_failed_episodes_are_left_out(tmp_path):
    write_dataset(tmp_path, 3)
    write_episode(tmp_path / "episode_000001.npz", 1, success=False)
    lines = []
    assert len(opened(tmp_path, lines=lines).train) == FRAMES
    assert lines[0] == "left out 1 episodes that failed"


def test_instructions_of_different_length_are_padded(tmp_path):
    write_dataset(tmp_path, 3)
    write_episode(tmp_path / "episode_000001.npz", 1, instruction="close the laptop computer")
    text = opened(tmp_path).train.batch(np.array([0, FRAMES])).text
    assert text.uniform_length is None
    assert text.valid[0].sum() < text.valid[1].sum() == len(text.ids[1])
    assert text.ids[0, -1] == 259


def test_joints_that_never_change_are_named(tmp_path):
    write_dataset(tmp_path, 2)
    facts = opened(tmp_path).facts
    lines = constant_joints(facts, small_recipe())
    assert len(lines) == 1
    assert lines[0].startswith("the action never changes in left_joint1, ")


def test_frames_are_resized_once(tmp_path):
    write_dataset(tmp_path, 2)
    lines = []
    opened(tmp_path, lines=lines)
    opened(tmp_path, lines=lines)
    assert len(lines) == 2
    assert lines[0].startswith("the frame cache of 20 x 3 images of 28x28 takes 0.9 MB of ")
    assert lines[1] == "frames: 2 of 2 episodes, 20 of 20 frames"
    shutil.rmtree(tmp_path / ".cache")
    with pytest.raises(DatasetError, match="incomplete"):
        opened(tmp_path, build=False)


def test_data_without_ground_truth(tmp_path):
    for seed in range(2):
        write_episode(tmp_path / f"{seed}.npz", seed, depth=None)
    data = opened(tmp_path, "alignment.teacher=none")
    assert data.train.batch(np.array([0])).scene is None
    with pytest.raises(DatasetError, match=r"0\.npz, 1\.npz lacks the depth, .*teacher=geometry"):
        opened(tmp_path)


def test_digests_tell_episodes_apart(tmp_path):
    source = NpzSource(tmp_path)

    def digest(**changes):
        write_episode(tmp_path / "episode.npz", 0, **changes)
        return source.digest(source.read("episode.npz"))

    assert digest() == digest()
    assert digest() != digest(instruction="open the laptop")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": None}, "a field is missing: state is not a file"),
        ({"fps": "fast"}, "damaged"),
        ({"action": np.zeros((STEPS, 13), np.float32)}, "do not belong together"),
        ({"image_index": np.array([0, STEPS])}, "image_index must lie within the 40 steps"),
        ({"action": np.full((STEPS, 14), np.nan, np.float32)}, "action holds non-finite values"),
        ({"fps": 30.0}, "fps differ: 25.0 in .*, 30.0 in"),
        ({"fps": 0.0}, "fps is 0, expected a number above 0"),
        ({"fps": float("nan")}, "fps is nan, expected a number above 0"),
        (
            {"state": np.zeros(40, np.float32)},
            r"state has shape \(40,\), expected steps and joints",
        ),
        ({"instruction": ["close it"]}, r"expected a sentence, got \['close it'\]"),
        ({"images": np.zeros((3, 3, 256, 256, 3), np.uint8)}, "views has shape"),
    ],
)
def test_an_episode_that_does_not_fit_is_named(tmp_path, changes, message):
    write_dataset(tmp_path, 2)
    write_episode(tmp_path / "episode_000001.npz", 1, **changes)
    with pytest.raises(DatasetError, match=message) as caught:
        opened(tmp_path)
    assert "episode_000001.npz" in str(caught.value)


def test_what_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match="there is no dataset folder"):
        opened(tmp_path / "none")
    with pytest.raises(DatasetError, match="holds no episode"):
        opened(tmp_path)
    write_episode(tmp_path / "a.npz", 0, success=False)
    with pytest.raises(DatasetError, match="none of 1 episodes succeeded"):
        opened(tmp_path)
    for torn in (b"PK\x03\x04 torn", b""):
        (tmp_path / "a.npz").write_bytes(torn)
        with pytest.raises(DatasetError, match="no readable episode"):
            opened(tmp_path)


def test_a_dataset_that_does_not_fit_the_recipe(dataset):
    with pytest.raises(DatasetError, match="6 of 6 episodes held out"):
        opened(dataset, "data.validation_episodes=6")
    with pytest.raises(DatasetError, match="3 cameras, the recipe's model has 2"):
        opened(dataset, "model.views=2")
    with pytest.raises(DatasetError, match="no episode is as long as a chunk"):
        opened(dataset, "data.tail=drop", "model.chunk=50")
    with pytest.raises(RecipeError, match="500 steps leave no room for an instruction"):
        opened(dataset, "model.chunk=500")
