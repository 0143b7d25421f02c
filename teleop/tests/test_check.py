"""The command, and the checks that compare episodes with each other."""

import json
import shutil

import cv2
import numpy as np
import pytest

from teleop.check import main
from teleop.dataset.episode import EPISODE_FILE, folder_name
from teleop.quality import inspect
from teleop.tests import episodes
from teleop.tests.episodes import Faults, make_episode, open_store, take_start

ORIGINAL_POSITIONS, ORIGINAL_IMAGE = episodes.positions, episodes.camera_jpeg
COUNT = 4


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Four good episodes of one task; nobody may change them."""
    folder = tmp_path_factory.mktemp("good") / "dataset"
    with open_store(folder) as store:
        for number in range(COUNT):
            make_episode(store, 1.5, phase=0.4 * number)
    return folder


@pytest.fixture
def dataset(good, tmp_path):
    """A copy of them."""
    return shutil.copytree(good, tmp_path / "dataset")


@pytest.fixture
def add(dataset):
    """Adds an episode."""

    def added(seconds=1.5, **how):
        with open_store(dataset) as store:
            return make_episode(store, seconds, **{"phase": 2.4, **how}).index

    return added


def checks(dataset, **how):
    return {(f.check, f.episode): f for f in inspect(dataset, **how).findings}


def test_good_dataset(good, capsys):
    assert main([str(good), "--workers", "1"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines() == [
        f"{good}: 4 episodes, 4 for training, 4 of them without an error; 0 errors, 0 warnings"
    ]


def test_bad_episode_fails_and_says_what_to_do(dataset, add, capsys, tmp_path):
    add(faults=Faults(joint_offset={"right": 0.3}))
    out = tmp_path / "findings.json"
    assert main([str(dataset), "--workers", "1", "--json", str(out)]) == 1
    text = capsys.readouterr().out
    assert "ERROR   episode 4   drift: right follower: degrees away" in text
    assert "-> home both arms and set their zeros" in text
    assert "5 episodes, 5 for training, 4 of them without an error" in text
    data = json.loads(out.read_text())
    assert data["ok"] is False
    assert data["findings"][0]["remedy"]
    assert [episode["index"] for episode in data["episodes"]] == [0, 1, 2, 3, 4]


def test_wrong_use(good, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is no dataset" in capsys.readouterr().err
    assert main([str(good), "--task", "fold_towel", "--workers", "1"]) == 2
    assert "its tasks: close_laptop" in capsys.readouterr().err
    assert main([str(good), "--json", str(tmp_path / "no" / "f.json"), "--workers", "1"]) == 2
    with pytest.raises(SystemExit) as error:
        main([str(good), "--include", "everything"])
    assert error.value.code == 2


def test_dataset_without_episodes(tmp_path):
    open_store(tmp_path / "dataset").close()
    assert main([str(tmp_path / "dataset"), "--workers", "1"]) == 1
    assert ("empty", None) in checks(tmp_path / "dataset")


def test_what_exports_leave_out_poisons_nothing(dataset, add):
    index = add(outcome="failure", faults=Faults(joint_offset={"right": 0.3}))
    found = checks(dataset)
    assert found["drift", index].severity == "warning"
    assert "exports leave it out: failure" in found["drift", index].text
    assert "1 failure" in found["left out", None].text
    assert checks(dataset, include=["failure"])["drift", index].severity == "error"


def test_only_one_task_is_judged(dataset, add):
    add(task="carrots_to_bowls", faults=Faults(joint_offset={"right": 0.3}))
    assert not inspect(dataset, task="close_laptop").errors
    assert inspect(dataset, task="carrots_to_bowls").errors


def test_damaged_episode(dataset):
    path = dataset / "episodes" / "000002" / "episode.mcap"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = checks(dataset)
    assert found["damaged", 2].severity == "error"
    assert found["damaged", 2].remedy == f"run python -m teleop.repair {dataset}"
    (dataset / "episodes" / "000001" / EPISODE_FILE).write_text("{}")
    assert found.keys() < checks(dataset).keys()


def test_unsealed_takes_and_quarantine_are_told(dataset):
    with open_store(dataset) as store:
        store.begin(take_start())
    aside = dataset / "quarantine" / "000009"
    aside.mkdir()
    found = checks(dataset)
    assert "teleop.repair" in found["not sealed", None].remedy
    assert "000009" in found["quarantine", None].text
    assert not inspect(dataset).errors


def test_same_file_twice(dataset):
    copy = dataset / "episodes" / folder_name(COUNT)
    shutil.copytree(dataset / "episodes" / "000001", copy)
    info = json.loads((copy / EPISODE_FILE).read_text())
    (copy / EPISODE_FILE).write_text(json.dumps({**info, "index": COUNT}))
    assert checks(dataset)["duplicate", COUNT].text == "its file is that of episode 1"


def test_same_recording_in_another_file(dataset, add):
    index = add(phase=0.4, operator="somebody else", start_ns=episodes.START_NS + 10**12)
    text = checks(dataset)["duplicate", index].text
    assert text == "its joint states are, to the last bit, those of episode 1"


def test_nearly_the_same_trajectory(dataset, add):
    index = add(phase=0.4 + 0.01)
    assert "nowhere more than 0.00" in checks(dataset)["duplicate", index].text
    assert ("duplicate", 1) not in checks(dataset)


def test_episode_much_longer_than_the_others(dataset, add):
    index = add(4.0)
    found = checks(dataset)
    assert found["length", index].severity == "warning"
    assert "the median is 1.5 s" in found["length", index].text


def test_episode_that_shakes(dataset, add, monkeypatch):
    def positions(arm, times, phase=0.0):
        rows = ORIGINAL_POSITIONS(arm, times, phase)
        return rows + 0.01 * np.sin(30.0 * times)[:, None] * (np.arange(7) < 6)

    monkeypatch.setattr(episodes, "positions", positions)
    index = add()
    assert checks(dataset)["jerk", index].severity == "warning"


@pytest.fixture
def postures(tmp_path, monkeypatch):
    """A dataset whose last episode has its joints in another order."""

    def made(order):
        rest = np.array([0, 0, 0, 0.6, -0.6, 0, 0])
        with open_store(tmp_path / "postures") as store:
            for number in range(5):
                last = number == COUNT

                def positions(arm, times, phase=0.0, last=last):
                    actual = (
                        {"left": "right", "right": "left"}[arm] if order is None and last else arm
                    )
                    rows = ORIGINAL_POSITIONS(actual, times, phase) + rest
                    rows[:, 0] += 1.0 if actual == "left" else -1.0
                    return rows[:, order] if last and order is not None else rows

                monkeypatch.setattr(episodes, "positions", positions)
                make_episode(store, 1.2, phase=0.3 * number)
        return tmp_path / "postures"

    return made


def test_joints_in_another_order_than_the_others(postures):
    found = checks(postures([0, 1, 2, 4, 3, 5, 6]))
    assert "joints 4 and 5 of all arms seem" in found["joint order", COUNT].text
    assert found["joint order", COUNT].severity == "error"


def test_arms_exchanged(postures):
    found = checks(postures(None))
    assert "left and right seem to be exchanged" in found["joint order", COUNT].text


def test_cameras_exchanged(dataset, add, monkeypatch):
    other = {"head": "head", "left_wrist": "right_wrist", "right_wrist": "left_wrist"}
    monkeypatch.setattr(
        episodes, "camera_jpeg", lambda camera, *rest: ORIGINAL_IMAGE(other[camera], *rest)
    )
    index = add()
    text = checks(dataset)["swapped cameras", index].text
    assert text == "the images of left_wrist and right_wrist are exchanged"


def test_colours_exchanged(dataset, add, monkeypatch):
    def image(camera, *rest):
        pixels = cv2.imdecode(np.frombuffer(ORIGINAL_IMAGE(camera, *rest), np.uint8), 1)
        return cv2.imencode(".jpg", pixels[..., ::-1])[1].tobytes()

    monkeypatch.setattr(episodes, "camera_jpeg", image)
    index = add()
    assert "red and blue" in checks(dataset)["colours", index].text


def test_mixtures(dataset, add):
    add(size=(320, 240))
    add(phase=2.9, robot="real")
    add(phase=3.3, instruction="shut the laptop")
    texts = [f.text for f in inspect(dataset).findings if f.check == "mixed"]
    assert "close_laptop: the size of head's images differs: most have (160, 120)" in texts[0]
    assert "not so episodes 4" in texts[0]
    assert any("what the policy is told differs" in text for text in texts)
    assert any("the robot (real, emulated, sim) differs" in text for text in texts)


def test_joint_that_moves_in_no_episode(tmp_path, monkeypatch):
    def positions(arm, times, phase=0.0):
        return ORIGINAL_POSITIONS(arm, times, phase) * (np.arange(7) != 6)

    monkeypatch.setattr(episodes, "positions", positions)
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 1.2)
    text = checks(tmp_path / "dataset")["constant joint", None].text
    assert text == "close_laptop: in no episode moves right_gripper"


def test_several_processes_find_the_same(dataset, add):
    add(faults=Faults(missing_cameras=["head"]))
    one, two = (inspect(dataset, workers=workers) for workers in (1, 2))
    assert one.findings == two.findings
    assert [q.figures() for q in one.episodes] == [q.figures() for q in two.episodes]
