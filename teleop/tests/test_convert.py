"""Files as Cobot Magic and RoboTwin write them, made here, converted and read back."""

import json

import av
import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import hw_config
from teleop.convert.__main__ import main
from teleop.export.__main__ import main as export
from teleop.tests.episodes import make_episode, open_store

KEYS = ("cam_high", "cam_left_wrist", "cam_right_wrist")
# Red, green and blue things: an exchange of two channels shows, whichever they are.
COLOURS = {
    "cam_high": (210, 40, 30),
    "cam_left_wrist": (30, 190, 60),
    "cam_right_wrist": (40, 60, 220),
}
STEPS = 12


def images(key, steps=STEPS):
    """RGB images of one colour that gets brighter with each step."""
    made = np.empty((steps, 48, 64, 3), np.uint8)
    made[:] = COLOURS[key]
    made[:, -16:, :] = (np.arange(steps) * 15)[:, None, None, None]
    return made


def as_these_recorders_do(rgb):
    """JPEG of an RGB array that cv2 takes for BGR, as a fixed-width string strips it."""
    return cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def joints(steps=STEPS, start=0.0):
    """Distinct values at every step and joint; grippers in columns 6 and 13 from 0 to 0.06."""
    values = start + np.arange(steps)[:, None] * 0.01 + np.arange(14) * 0.1
    values[:, [6, 13]] = np.linspace(0.0, 0.06, steps)[:, None]
    return values.astype(np.float32)


def cobot_magic(path, compress=False, steps=STEPS, grippers=1.0):
    """As collect_data.py zips it: action i was read one tick after observation i."""
    leader = joints(steps + 1, start=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["sim"], file.attrs["compress"] = False, compress
        state = joints(steps)
        state[:, [6, 13]] *= grippers
        file["observations/qpos"] = state
        file["action"] = leader[1:]
        for key in KEYS:
            place = f"observations/images/{key}"
            if not compress:
                file[place] = images(key, steps)
                continue
            coded = [np.frombuffer(as_these_recorders_do(p), np.uint8) for p in images(key, steps)]
            padded = np.zeros((steps, max(map(len, coded))), np.uint8)
            for row, data in zip(padded, coded):
                row[: len(data)] = data
            file[place] = padded
    return leader


def robotwin_old(folder, number, steps=STEPS):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "instructions").mkdir(exist_ok=True)
    text = {"seen": [f"seen {number} a", f"seen {number} b"], "unseen": ["never"]}
    (folder / "instructions" / f"episode{number}.json").write_text(json.dumps(text))
    values = joints(steps, start=number)
    with h5py.File(folder / "data" / f"episode{number}.hdf5", "w") as file:
        file["joint_action/left_arm"] = values[:, :6]
        file["joint_action/left_gripper"] = np.linspace(0, 1, steps)
        file["joint_action/right_arm"] = values[:, 7:13]
        file["joint_action/right_gripper"] = np.linspace(1, 0, steps)
        for name, key in zip(("head_camera", "left_camera", "right_camera"), KEYS):
            coded = [as_these_recorders_do(p) for p in images(key, steps)]
            file.create_dataset(
                f"observation/{name}/rgb", data=coded, dtype=f"S{max(map(len, coded))}"
            )
    return values


def robotwin_new(folder, number, steps=STEPS):
    folder.mkdir(parents=True, exist_ok=True)
    values = joints(steps, start=number)
    names = {
        "left_arm_joint_states": values[:, :6],
        "left_ee_joint_states": np.linspace(0, 1, steps)[:, None],
        "right_arm_joint_states": values[:, 7:13],
        "right_ee_joint_states": np.linspace(1, 0, steps)[:, None],
    }
    with h5py.File(folder / f"episode_{number}.hdf5", "w") as file:
        file["data_format_version"] = "v1.0"
        file["instructions"] = json.dumps(["do it", "please do it"])
        file["additional_info/frequency"] = np.int32(15)
        for name, part in names.items():
            file[f"state/{name}"] = part[:-1].astype(np.float32)
            file[f"action/{name}"] = part[1:].astype(np.float32)
        for name, key in zip(("cam_head", "cam_left_wrist", "cam_right_wrist"), KEYS):
            coded = [as_these_recorders_do(p) for p in images(key, steps)[:-1]]
            file.create_dataset(
                f"vision/{name}/colors", data=coded, dtype=f"S{max(map(len, coded))}"
            )
    return values


def convert(source, out, kind, *options):
    command = [str(source), str(out), "--from", kind, "--task", "close_laptop", "--workers", "1"]
    return main([*command, *options])


def columns(out, name):
    return np.stack(pq.read_table(out / "data/chunk-000/file-000.parquet")[name].to_numpy())


def rows(out):
    return pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()


def assert_colours(out, shades):
    """Each camera has its colour, and the images are those of these steps."""
    for key in KEYS:
        path = out / f"videos/observation.images.{key}/chunk-000/file-000.mp4"
        with av.open(str(path)) as video:
            frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert len(frames) == len(shades)
        for rgb, shade in zip(frames, shades):
            assert np.abs(rgb[4:24, 8:56].astype(int) - COLOURS[key]).max() <= 6
            assert abs(rgb[-8, 32].mean() - shade) <= 6


@pytest.mark.parametrize("compress", [False, True])
def test_cobot_magic_leader_moves_back_to_the_time_of_its_observation(compress, tmp_path):
    leader = cobot_magic(tmp_path / "src/episode_0.hdf5", compress)
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "cobot_magic") == 0
    # The leader at tick i (leader[i]) belongs to observation i; tick 0 was not stored.
    assert np.array_equal(columns(out, "action"), leader[1:STEPS])
    assert np.array_equal(columns(out, "observation.state"), joints()[1:])
    assert_colours(out, [step * 15 for step in range(1, STEPS)])
    info = json.loads((out / "meta/info.json").read_text())
    assert info["fps"] == 30
    assert info["features"]["action"]["names"] == list(hw_config.load().joint_names)
    assert rows(out)[0]["tasks"] == [hw_config.load_task("close_laptop").instruction]


def test_cobot_magic_follower_is_the_next_state(tmp_path):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "cobot_magic", "--action", "follower") == 0
    assert np.array_equal(columns(out, "action"), joints()[1:])
    assert np.array_equal(columns(out, "observation.state"), joints()[:-1])


def test_another_rate_takes_the_nearest_steps(tmp_path):
    leader = cobot_magic(tmp_path / "src/episode_0.hdf5", steps=31)
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "cobot_magic", "--fps", "15") == 0
    assert np.array_equal(columns(out, "action"), leader[1:31:2])
    assert np.array_equal(columns(out, "observation.state"), joints(31)[1::2])


def test_numbers_not_names_order_the_episodes(tmp_path):
    for number in (10, 9, 2):
        cobot_magic(tmp_path / f"src/episode_{number}.hdf5", steps=number + 3)
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 0
    assert [row["length"] for row in rows(tmp_path / "out")] == [4, 11, 12]


def test_our_own_hdf5_comes_back_as_it_was(tmp_path):
    with open_store(tmp_path / "recorded") as store:
        make_episode(store, 1.2)
    hdf5, lerobot = tmp_path / "hdf5", tmp_path / "lerobot"
    options = ["--workers", "1", "--action", "leader"]
    assert (
        export([str(tmp_path / "recorded"), "--format", "hdf5", "--out", str(hdf5), *options]) == 0
    )
    command = [str(tmp_path / "recorded"), "--format", "lerobot", "--out", str(lerobot)]
    assert export([*command, *options]) == 0
    assert convert(hdf5, tmp_path / "back", "cobot_magic") == 0
    found, expected = columns(tmp_path / "back", "action"), columns(lerobot, "action")
    assert np.array_equal(found, expected[1 : len(found) + 1])
    state = columns(lerobot, "observation.state")
    assert np.array_equal(
        columns(tmp_path / "back", "observation.state"), state[1 : len(found) + 1]
    )


def test_grippers_in_radians_of_older_arms_are_refused(tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5", grippers=60.0)
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    assert "--gripper-scale" in capsys.readouterr().err
    options = ["--gripper-scale", str(1 / 60)]
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", *options) == 0


def test_robotwin_old(tmp_path):
    values = [robotwin_old(tmp_path / "src", number) for number in (0, 1)]
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "robotwin", "--gripper-scale", "0.07") == 0
    for number, expected in enumerate(values):
        expected[:, 6] = np.linspace(0, 1, STEPS) * 0.07
        expected[:, 13] = np.linspace(1, 0, STEPS) * 0.07
        part = slice(number * (STEPS - 1), (number + 1) * (STEPS - 1))
        assert columns(out, "observation.state")[part] == pytest.approx(expected[:-1])
        assert columns(out, "action")[part] == pytest.approx(expected[1:])
    assert [row["tasks"] for row in rows(out)] == [["seen 0 a"], ["seen 1 b"]]
    assert_colours(out, [step * 15 for step in range(STEPS - 1)] * 2)
    info = json.loads((out / "meta/info.json").read_text())
    assert info["fps"] == 17  # 250 / 15, as a whole number


def test_robotwin_new(tmp_path):
    expected = robotwin_new(tmp_path / "src", 3)
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "robotwin", "--gripper-scale", "1") == 0
    expected[:, 6], expected[:, 13] = np.linspace(0, 1, STEPS), np.linspace(1, 0, STEPS)
    # The file has STEPS - 1 states; the last is only the target of the one before.
    assert np.array_equal(columns(out, "observation.state"), expected[: STEPS - 2])
    assert np.array_equal(columns(out, "action"), expected[1 : STEPS - 1])
    assert rows(out)[0]["tasks"] == ["please do it"]
    assert_colours(out, [step * 15 for step in range(STEPS - 2)])


def test_robotwin_grippers_need_a_decision(tmp_path, capsys):
    robotwin_old(tmp_path / "src", 0)
    with pytest.raises(SystemExit) as ended:
        convert(tmp_path / "src", tmp_path / "out", "robotwin")
    assert ended.value.code == 2
    assert "--gripper-scale" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "text"),
    [("truncated", "cannot be read"), ("images", "images for"), ("nan", "not finite")],
)
def test_damaged_files_are_named(kind, text, tmp_path, capsys):
    good, bad = tmp_path / "src/episode_0.hdf5", tmp_path / "src/episode_1.hdf5"
    cobot_magic(good)
    cobot_magic(bad)
    if kind == "truncated":
        bad.write_bytes(bad.read_bytes()[:2000])
    else:
        with h5py.File(bad, "a") as file:
            if kind == "images":
                del file["observations/images/cam_high"]
                file["observations/images/cam_high"] = images("cam_high", STEPS - 2)
            else:
                file["observations/qpos"][3, 3] = np.nan
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    said = capsys.readouterr().err
    assert "episode_1.hdf5" in said
    assert text in said
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", "--skip-damaged") == 0


def test_the_wrong_kind_of_file_says_so(tmp_path, capsys):
    robotwin_old(tmp_path / "src", 0)
    (tmp_path / "src/data/episode0.hdf5").rename(tmp_path / "src/episode_0.hdf5")
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    assert "has no observations/qpos" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert convert(tmp_path / "empty", tmp_path / "out", "cobot_magic") == 2
    assert "has no file like episode_0.hdf5" in capsys.readouterr().err
