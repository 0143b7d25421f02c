import shutil

import numpy as np
import pytest
import torch

from vega_policy import checkpoint
from vega_policy.errors import CheckpointError, ObservationError
from vega_policy.inference import VegaRunner
from vega_policy.policy import Observation
from vega_policy.tests import synthetic

CAMERAS = ("head", "left_wrist", "right_wrist")


@pytest.fixture(scope="module")
def runner(saved):
    return VegaRunner.load(saved)


@pytest.fixture
def observation():
    return make_observation(0)


def make_observation(seed, instruction="close the laptop"):
    rng = np.random.default_rng(seed)
    images = {name: rng.integers(0, 256, (480, 640, 3)).astype(np.uint8) for name in CAMERAS}
    return Observation(images, rng.uniform(-1, 1, 14).astype(np.float32), instruction)


def test_a_chunk_in_physical_units(runner, observation):
    chunk = runner.infer(observation)
    assert chunk.values.shape == (5, 14)
    assert chunk.values.dtype == np.float32
    assert np.isfinite(chunk.values).all()
    assert set(chunk.timings_ms) == {"preprocess", "model", "total"}
    assert all(value > 0 for value in chunk.timings_ms.values())


def test_equal_observations_give_equal_chunks(runner, saved, observation):
    first = runner.infer(observation).values
    runner.infer(make_observation(1, "open the laptop"))
    assert (runner.infer(observation).values == first).all()
    assert (VegaRunner.load(saved).infer(observation).values == first).all()


def test_every_input_matters(runner, observation):
    first = runner.infer(observation).values
    other = make_observation(1)
    for name in CAMERAS:
        changed = observation._replace(images={**observation.images, name: other.images[name]})
        assert (runner.infer(changed).values != first).any(), name
    assert (runner.infer(observation._replace(state=other.state)).values != first).any()
    told = observation._replace(instruction="push the red object")
    assert (runner.infer(told).values != first).any()


def test_cameras_are_taken_by_name_not_by_order(runner, observation):
    reordered = dict(reversed(observation.images.items()))
    same = runner.infer(observation._replace(images=reordered)).values
    assert (same == runner.infer(observation).values).all()


def test_more_instructions_than_are_remembered(runner, observation):
    first = runner.infer(observation).values
    for number in range(20):
        runner.infer(observation._replace(instruction=f"instruction {number}"))
    assert (runner.infer(observation).values == first).all()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.zeros(13, np.float32), r"expected 14 finite floats, got shape \(13,\)"),
        (np.zeros((1, 14), np.float32), r"got shape \(1, 14\)"),
        (np.zeros(14, np.int64), "got int64"),
        ([0.0] * 14, "got list"),
        (np.array([0.0] * 7 + [np.nan] + [0.0] * 5 + [np.inf]), "not finite: .*joint1.*gripper"),
    ],
)
def test_a_wrong_state_is_refused(runner, observation, state, message):
    with pytest.raises(ObservationError, match=message):
        runner.infer(observation._replace(state=state))


def test_a_missing_camera_is_named(runner, observation):
    images = {name: observation.images[name] for name in ("head", "right_wrist")}
    with pytest.raises(ObservationError, match=r"no image of left_wrist.*got head, right_wrist"):
        runner.infer(observation._replace(images=images))
    with pytest.raises(ObservationError, match="got none"):
        runner.infer(observation._replace(images={}))


def test_cameras_that_the_policy_does_not_know_are_named(runner, observation):
    images = {**observation.images, "ceiling": observation.images["head"]}
    with pytest.raises(ObservationError, match=r"other cameras.*head, left.*got head.*ceiling"):
        runner.infer(observation._replace(images=images))
    with pytest.raises(ObservationError, match="by name, got list"):
        runner.infer(observation._replace(images=list(observation.images.values())))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((240, 320, 3), np.uint8), r"camera head: .*\(480, 640, 3\), got \(240, 320, 3\)"),
        (np.zeros((480, 640, 3), np.float32), "camera head: expected a uint8 image, got float32"),
        (None, "camera head: expected a uint8 image, got NoneType"),
    ],
)
def test_a_wrong_frame_is_refused(runner, observation, frame, message):
    with pytest.raises(ObservationError, match=message):
        runner.infer(observation._replace(images={**observation.images, "head": frame}))


@pytest.mark.parametrize("instruction", ["", "  ", None, 3])
def test_no_instruction_is_refused(runner, observation, instruction):
    with pytest.raises(ObservationError, match="expected a sentence"):
        runner.infer(observation._replace(instruction=instruction))


def test_an_instruction_that_does_not_fit_the_sequence_is_refused(runner, observation):
    told = observation._replace(instruction="push the red object " * 200)
    with pytest.raises(ObservationError, match=r"4000 characters: expected a prompt of at most"):
        runner.infer(told)


@pytest.mark.parametrize(
    "changes",
    [
        {"head": "diffusion", "diffusion": {"train_steps": 10, "inference_steps": 3}},
        {"head": "discrete", "action_tokens": "per_dim", "full_layout": False},
        {"proprio": False},
    ],
)
def test_every_head_gives_the_same_chunk_again(saved, observation, changes):
    loaded = checkpoint.load(saved)
    policy = synthetic.small_policy(**changes)
    runner = VegaRunner(loaded._replace(policy=policy))
    first = runner.infer(observation).values
    assert first.shape == (5, 14)
    torch.rand(3)
    assert (runner.infer(observation).values == first).all()


def test_the_jpeg_round_trip_is_part_of_the_contract(saved, tmp_path, runner, observation):
    folder = shutil.copytree(saved, tmp_path / "checkpoint")
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("jpeg: false", "jpeg: true"))
    plain, jpeg = runner.infer(observation).values, VegaRunner.load(folder).infer(observation)
    assert (jpeg.values != plain).any()


def test_bfloat16_weights(saved, tmp_path, runner, observation):
    loaded = checkpoint.load(saved)
    half = loaded.policy.to_compute_dtype(torch.bfloat16)
    checkpoint.save(tmp_path / "half", half, loaded.contract, saved / "tokenizer.json")
    values = VegaRunner.load(tmp_path / "half").infer(observation).values
    difference = np.abs(values - runner.infer(observation).values)
    assert 0 < difference.max() < 0.05


def test_a_folder_that_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="it is no checkpoint"):
        VegaRunner.load(tmp_path)
