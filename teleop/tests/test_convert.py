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


def as_marked_files_are(rgb):
    """JPEG with right colours, and the comment segment with which RoboTwin says so."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return data[:2] + b"\xff\xfe\x00\x0aXPL-RGB1" + data[2:]


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


def robotwin_new(folder, number, steps=STEPS, marked=lambda row: False, frequency=15):
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
        file["additional_info/frequency"] = np.int32(frequency)
        for name, part in names.items():
            file[f"state/{name}"] = part[:-1].astype(np.float32)
            file[f"action/{name}"] = part[1:].astype(np.float32)
        for name, key in zip(("cam_head", "cam_left_wrist", "cam_right_wrist"), KEYS):
            coded = [
                as_marked_files_are(p) if marked(row) else as_these_recorders_do(p)
                for row, p in enumerate(images(key, steps)[:-1])
            ]
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


@pytest.mark.parametrize("marked", [lambda row: True, lambda row: row % 2 == 0])
def test_each_robotwin_image_says_itself_whether_its_colours_are_right(marked, tmp_path):
    robotwin_new(tmp_path / "src", 0, marked=marked)
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "robotwin", "--gripper-scale", "1") == 0
    assert_colours(out, [step * 15 for step in range(STEPS - 2)])


def test_standard_jpeg_is_honoured_by_robotwin_too(tmp_path):
    robotwin_new(tmp_path / "src", 0)
    out = tmp_path / "out"
    options = ["--gripper-scale", "1", "--standard-jpeg"]
    assert convert(tmp_path / "src", out, "robotwin", *options) == 0
    path = out / "videos/observation.images.cam_high/chunk-000/file-000.mp4"
    with av.open(str(path)) as video:
        shown = next(video.decode(video=0)).to_ndarray(format="rgb24")[8, 16]
    assert np.abs(shown.astype(int) - COLOURS["cam_high"][::-1]).max() <= 6


@pytest.mark.parametrize(("frequency", "fps"), [(5, 50), (10, 25), (15, 17)])
def test_robotwin_frequency_is_physics_steps_of_a_step(frequency, fps, tmp_path):
    robotwin_new(tmp_path / "src", 0, frequency=frequency)
    assert convert(tmp_path / "src", tmp_path / "out", "robotwin", "--gripper-scale", "1") == 0
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["fps"] == fps


def test_a_robotwin_rate_that_is_none_is_refused(tmp_path, capsys):
    robotwin_new(tmp_path / "src", 0, frequency=0)
    assert convert(tmp_path / "src", tmp_path / "out", "robotwin", "--gripper-scale", "1") == 1
    assert "frequency is 0, expected a number above 0" in capsys.readouterr().err


def test_more_steps_a_second_are_interpolated_and_said(tmp_path, capsys):
    robotwin_old(tmp_path / "src", 0)
    out = tmp_path / "out"
    options = ["--gripper-scale", "0.07", "--fps", "25"]
    assert convert(tmp_path / "src", out, "robotwin", *options) == 0
    assert "become 25: joints are interpolated, images repeat" in capsys.readouterr().err
    state, action = columns(out, "observation.state"), columns(out, "action")
    # 0.01 rad a step of 60 ms is 0.01 * 40 / 60 in 40 ms: every step moves, none is a copy.
    assert np.allclose(np.diff(state[:, 0]), 0.01 * 40 / 60, atol=1e-6)
    assert np.allclose(action[:-1], state[1:], atol=1e-7)


@pytest.mark.parametrize(
    "option",
    [
        ("--fps", "0"),
        ("--fps", "nan"),
        ("--source-fps", "0"),
        ("--source-fps", "nan"),
        ("--source-fps", "-30"),
        ("--gripper-scale", "-0.07"),
        ("--gripper-scale", "inf"),
        ("--topics", "topics.yaml"),
        ("--map", "cam_high=top"),
        ("--map", "cam_top=top"),
    ],
)
def test_options_that_can_mean_nothing_are_refused(option, tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    with pytest.raises(SystemExit) as ended:
        convert(tmp_path / "src", tmp_path / "out", "cobot_magic", *option)
    assert ended.value.code == 2
    assert option[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def replaced(path, stored):
    with h5py.File(path, "a") as file:
        for key in KEYS:
            place = f"observations/images/{key}"
            del file[place]
            file[place] = stored(key)


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (lambda key: images(key).astype(np.float32) / 255, "float32 [12, 48, 64, 3]"),
        (lambda key: images(key).transpose(0, 3, 1, 2), "uint8 [12, 3, 48, 64]"),
        (lambda key: images(key)[..., 0], "uint8 [12, 48, 64]"),
        (lambda key: np.repeat(images(key), 2, -1)[..., :4], "uint8 [12, 48, 64, 4]"),
        (lambda key: images(key).astype(np.int64), "int64 [12, 48, 64, 3]"),
        (lambda key: np.zeros((STEPS, 100), np.uint8), "uint8 [12, 100]"),
    ],
)
def test_images_of_another_kind_are_refused_with_what_was_found(stored, found, tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    replaced(tmp_path / "src/episode_0.hdf5", stored)
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    said = capsys.readouterr().err
    assert found in said
    assert "expected uint8 [N, height, width, 3] in RGB" in said


def as_strings(key):
    coded = [as_these_recorders_do(picture) for picture in images(key)]
    return np.array(coded, dtype=f"S{max(map(len, coded))}")


def as_rows(key):
    coded = as_strings(key)
    return np.frombuffer(coded.tobytes(), np.uint8).reshape(len(coded), -1)


@pytest.mark.parametrize("stored", [as_strings, as_rows])
def test_jpeg_files_are_known_by_their_first_bytes(stored, tmp_path):
    cobot_magic(tmp_path / "src/episode_0.hdf5")  # its attribute compress says False
    replaced(tmp_path / "src/episode_0.hdf5", stored)
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 0
    assert_colours(tmp_path / "out", [step * 15 for step in range(1, STEPS)])


def test_images_of_odd_size_are_refused_before_anything_is_written(tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    replaced(tmp_path / "src/episode_0.hdf5", lambda key: images(key)[:, :47, :63])
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    said = capsys.readouterr().err
    assert "63x47 pixels, expected an even width and height, as H.264 needs: crop them" in said
    assert "hdf5, or" not in said  # which an import does not write


def test_steps_outside_of_the_limits_are_told(tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 0
    assert "12 of 12 states lie outside of the robot's limits: left_joint3" in (
        capsys.readouterr().err
    )


def test_degrees_have_to_be_said(tmp_path, capsys):
    path = tmp_path / "src/episode_0.hdf5"
    cobot_magic(path)
    with h5py.File(path, "a") as file:
        for place in ("observations/qpos", "action"):
            values = file[place][()]
            arms = [column for column in range(14) if column not in (6, 13)]
            values[:, arms] = np.rad2deg(values[:, arms])
            file[place][...] = values
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    assert "give --degrees" in capsys.readouterr().err
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", "--degrees") == 0
    assert columns(tmp_path / "out", "observation.state") == pytest.approx(joints()[1:], abs=1e-6)


def changed_attribute(path, value):
    cobot_magic(path)
    with h5py.File(path, "a") as file:
        file.attrs["fps"] = value


@pytest.mark.parametrize("rate", [0, -30, float("nan"), float("inf"), "fast"])
def test_a_rate_in_the_file_that_is_none_is_refused(rate, tmp_path, capsys):
    changed_attribute(tmp_path / "src/episode_0.hdf5", rate)
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic") == 1
    assert f"fps is {rate}, expected a number above 0: give --source" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [("--source-fps", "1e300"), ("--source-fps", "0.2"), ("--fps", "100000")]
)
def test_a_rate_that_no_robot_has_is_refused(options, tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", *options) == 1
    remedy = "give another --fps" if options[0] == "--fps" else "give --source-fps"
    assert f"steps a second, expected 1 to 1000: {remedy}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "  ", "close\nit", "close\u200bit", "close \udcff"])
def test_what_cannot_be_told_is_no_instruction(text, tmp_path, capsys):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    options = ["--instruction", text]
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", *options) == 1
    assert f"the instruction is {text!r}, expected a sentence" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["close it\n", "\u3000close it ", "close\u00a0it", "关\u3000上"])
def test_spaces_of_any_kind_are_part_of_a_sentence_and_cut_off_around_it(text, tmp_path):
    cobot_magic(tmp_path / "src/episode_0.hdf5")
    assert convert(tmp_path / "src", tmp_path / "out", "cobot_magic", "--instruction", text) == 0
    assert rows(tmp_path / "out")[0]["tasks"] == [text.strip()]


def with_instructions(folder, stored):
    robotwin_new(folder, 0)
    with h5py.File(folder / "episode_0.hdf5", "a") as file:
        del file["instructions"]
        file["instructions"] = stored


@pytest.mark.parametrize(
    "stored",
    [
        json.dumps("do it"),
        json.dumps({"seen": ["do it"], "unseen": ["never"]}),
        json.dumps({"seen": "do it"}),
        "do it",
        np.array([b"do it", b"please do it"]),
    ],
    ids=["one sentence", "seen and unseen", "one seen", "plain text", "an array"],
)
def test_robotwin_instructions_are_sentences_however_they_are_stored(stored, tmp_path):
    with_instructions(tmp_path / "src", stored)
    assert convert(tmp_path / "src", tmp_path / "out", "robotwin", "--gripper-scale", "1") == 0
    assert rows(tmp_path / "out")[0]["tasks"] == ["do it"]


@pytest.mark.parametrize("stored", ["null", "[]", "{}", "[null, 3]", json.dumps({"unseen": ["x"]})])
def test_robotwin_without_instructions_is_refused(stored, tmp_path, capsys):
    with_instructions(tmp_path / "src", stored)
    assert convert(tmp_path / "src", tmp_path / "out", "robotwin", "--gripper-scale", "1") == 1
    assert "has no instructions: give --instruction" in capsys.readouterr().err


def test_both_kinds_of_colours_may_be_in_one_folder(tmp_path):
    robotwin_new(tmp_path / "src", 0, marked=lambda row: True)
    robotwin_new(tmp_path / "src", 1)
    out = tmp_path / "out"
    assert convert(tmp_path / "src", out, "robotwin", "--gripper-scale", "1") == 0
    assert_colours(out, [step * 15 for step in range(STEPS - 2)] * 2)


def test_float_images_of_robotwin_are_refused_too(tmp_path, capsys):
    robotwin_new(tmp_path / "src", 0)
    with h5py.File(tmp_path / "src/episode_0.hdf5", "a") as file:
        del file["vision/cam_head/colors"]
        file["vision/cam_head/colors"] = images("cam_high")[:-1].astype(np.float32) / 255
    assert convert(tmp_path / "src", tmp_path / "out", "robotwin", "--gripper-scale", "1") == 1
    assert "cam_high has images of float32 [11, 48, 64, 3]" in capsys.readouterr().err
