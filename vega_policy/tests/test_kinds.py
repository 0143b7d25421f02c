"""Policies of every kind, opened by what their policy.yaml says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import hw_config
from vega_core.registry import RegistryError
from vega_policy import kinds
from vega_policy.contract import FILE_NAME, PolicyContract
from vega_policy.errors import CheckpointError, DatasetError, ObservationError
from vega_policy.inference import VegaRunner
from vega_policy.kinds import KINDS, Kind, hold, load_contract, open_policy, replay
from vega_policy.policy import ActionChunk, Observation
from vega_policy.recipe import models_dir
from vega_policy.tests.synthetic import write_episode

TWIN = models_dir() / "twin"
HOME = np.array(hw_config.load().home, np.float32)


def seen(time_s: float | None = 0.0, state=HOME) -> Observation:
    return Observation({}, state, "close the laptop", time_s)


def changed(folder: Path, out: Path, **changes) -> Path:
    """A copy of a folder's policy.yaml with other values; None removes a key."""
    document = yaml.safe_load((folder / FILE_NAME).read_text()) | changes
    kept = {key: value for key, value in document.items() if value is not None}
    out.mkdir(exist_ok=True)
    (out / FILE_NAME).write_text(yaml.safe_dump(kept))
    return out


@pytest.fixture
def held(tmp_path):
    hold.make(tmp_path / "hold")
    return tmp_path / "hold"


@pytest.fixture(scope="module")
def replayed(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("replay") / "policy"
    assert replay.main([str(dataset), str(out), "--episode", "2"]) == 0
    return out


@pytest.fixture
def actions(dataset):
    with np.load(dataset / "episode_000002.npz") as file:
        return file["action"]


def test_a_folder_of_the_first_format_is_rewritten_to_the_byte(tmp_path):
    contract = load_contract(TWIN)
    assert (contract.kind, contract.recipe) == ("vega", "twin_close_laptop")
    contract.save(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == (TWIN / FILE_NAME).read_bytes()
    contract.check_against(hw_config.load())


def test_a_folder_without_a_kind_is_one_of_openvla_oft(saved):
    assert "kind" not in yaml.safe_load((saved / FILE_NAME).read_text())
    assert isinstance(open_policy(saved), VegaRunner)


def test_a_folder_that_is_no_checkpoint_is_refused_as_before(tmp_path):
    with pytest.raises(CheckpointError, match="is no folder"):
        open_policy(tmp_path / "nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"python -m vega_policy.export"):
        open_policy(tmp_path)


@pytest.mark.parametrize("read", [open_policy, load_contract])
def test_an_unknown_kind_is_named_with_those_that_exist(held, tmp_path, read):
    folder = changed(held, tmp_path / "other", kind="magic")
    with pytest.raises(CheckpointError, match=r"'magic'.*vega, replay, hold") as caught:
        read(folder)
    assert str(folder / FILE_NAME) in str(caught.value)


def test_a_policy_of_another_kind_is_not_taken_for_one_of_openvla_oft(held):
    with pytest.raises(CheckpointError, match="of kind hold, expected vega"):
        VegaRunner.load(held)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replay": None}, ["replay: Field required", "git_commit, replay"]),
        (
            {"replay": {"actions": "actions.npy", "speed": 2}},
            ["replay.speed: Extra", "replay.dataset: Field required"],
        ),
        ({"replay": {}}, ["the keys of replay are actions, dataset, episode"]),
        ({"image": {"size": 84}}, ["image: Extra", "the keys of policy.yaml are format, kind"]),
    ],
)
def test_keys_that_are_missing_or_unknown_are_named_with_those_there_are(
    replayed, tmp_path, changes, words
):
    folder = changed(replayed, tmp_path / "other", **changes)
    with pytest.raises(CheckpointError) as caught:
        open_policy(folder)
    assert all(word in str(caught.value) for word in (*words, str(folder / FILE_NAME)))


def test_keys_of_the_vega_kind_are_named_too(tmp_path):
    folder = changed(TWIN, tmp_path / "other", image={"size": 84, "colour": "red"})
    with pytest.raises(CheckpointError, match=r"image.colour.*squash, size, crop_area, jpeg"):
        load_contract(folder)


def test_a_kind_from_outside_is_opened_like_any_other(held, tmp_path):
    class MineContract(PolicyContract):
        kind: str = "mine"
        gain: float

    class Mine(hold.HoldPolicy):
        pass

    def opened(folder, device, threads):
        assert (device, threads) == ("cuda", 3)
        return Mine(MineContract.load(folder))

    KINDS.register("mine", Kind(MineContract, opened))
    try:
        folder = changed(held, tmp_path / "mine", kind="mine", gain=2.0)
        assert open_policy(folder, "cuda", 3).contract.gain == 2.0
        with pytest.raises(RegistryError, match="twice"):
            KINDS.register("mine", Kind(MineContract, opened))
    finally:
        KINDS.unregister("mine")


def test_hold_stays_where_it_was_first_seen(held):
    policy = open_policy(held)
    policy.contract.check_against(hw_config.load())
    first = policy.infer(seen())
    moved = policy.infer(seen(1.0, HOME + 0.1))
    for chunk in (first, moved):
        assert isinstance(chunk, ActionChunk)
        assert chunk.timings_ms["total"] >= 0
        assert (chunk.values == np.tile(HOME, (25, 1))).all()
    policy.reset()
    assert policy.infer(seen(2.0, HOME + 0.1)).values[0] == pytest.approx(HOME + 0.1)
    with pytest.raises(ObservationError, match="14 finite floats"):
        policy.infer(seen(3.0, HOME[:3]))
    policy.close()


def test_hold_does_not_overwrite_a_folder(held, capsys):
    assert hold.main([str(held)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert hold.main([str(held.with_name("another"))]) == 0


def test_replay_plays_by_time_and_holds_at_the_end(replayed, actions):
    policy = open_policy(replayed)
    policy.contract.check_against(hw_config.load())
    assert policy.contract.tasks == {"close_laptop": "close the laptop"}
    assert (policy.infer(seen(10.0)).values == actions[:25]).all()
    assert (policy.infer(seen(10.3201)).values == actions[8:33]).all()
    late = policy.infer(seen(10.8)).values
    assert (late[:20] == actions[20:]).all()
    assert (late[20:] == actions[-1]).all()
    assert (policy.infer(seen(99.0)).values == actions[-1]).all()
    policy.reset()
    assert (policy.infer(seen(99.0)).values == actions[:25]).all()
    with pytest.raises(ObservationError, match="time_s"):
        policy.infer(seen(None))
    policy.close()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (None, "is missing"),
        (np.zeros((0, 14), np.float32), "expected actions of 14 values"),
        (np.zeros((5, 7), np.float32), "expected actions of 14 values"),
        (np.full((5, 14), np.nan, np.float32), "expected finite floats"),
        (b"\x93NUMPY", "is damaged"),
    ],
)
def test_a_replay_whose_actions_are_damaged_is_refused(replayed, tmp_path, array, words):
    folder = changed(replayed, tmp_path / "other")
    if isinstance(array, bytes):
        (folder / "actions.npy").write_bytes(array)
    elif array is not None:
        np.save(folder / "actions.npy", array)
    with pytest.raises(CheckpointError, match=words):
        open_policy(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fps": 50.0}, "50 actions a second.*25: expected the same"),
        ({"joint_names": [f"j{n}" for n in range(14)]}, "has the joints j0, .*hw_config has left_"),
    ],
)
def test_an_episode_of_another_robot_is_not_made_a_replay(tmp_path, changes, words):
    (tmp_path / "data").mkdir()
    write_episode(tmp_path / "data" / "one.npz", 0, **changes)
    with pytest.raises(DatasetError, match=words):
        replay.make(tmp_path / "data", 0, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_episode_that_is_not_there_is_named_with_those_that_are(dataset, tmp_path, capsys):
    assert replay.main([str(dataset), str(tmp_path / "out"), "--episode", "6"]) == 2
    assert "episodes 0 to 5, got 6" in capsys.readouterr().err


def test_kinds_without_a_network_run_without_torch(held, dataset, tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from vega_policy.kinds import load_contract, open_policy, replay\n"
        f"replay.make(Path({str(dataset)!r}), 0, Path({str(tmp_path / 'replay')!r}))\n"
        f"open_policy({str(tmp_path / 'replay')!r})\n"
        f"open_policy({str(held)!r})\n"
        f"load_contract(Path({str(TWIN)!r}))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_package_says_which_kinds_there_are():
    assert all(name in (kinds.__doc__ or "") for name in KINDS.names())
