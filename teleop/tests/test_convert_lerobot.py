"""Datasets of format v2.0, v2.1 and v3.0 as others write them, converted."""

import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hw_config
from teleop.convert.__main__ import main
from teleop.convert.names import find_cameras, joint_places

KEYS = ("cam_high", "cam_left_wrist", "cam_right_wrist")
SHADES = {"top": 20, "left_wrist": 60, "right_wrist": 100}
BRIGHTER = 5  # from step to step: an image of the step before or after shows
FPS, STEPS, EPISODES = 30, 31, 2
NAMES = [f"{arm}_joint_{n}.pos" for arm in ("left", "right") for n in range(1, 8)]
NAMES[6], NAMES[13] = "left_gripper.pos", "right_gripper.pos"


def joints(episode):
    values = np.tile(np.linspace(0.1, 0.4, STEPS)[:, None], 14) + episode * 0.1
    values[:, [2, 9]] *= -1
    values[:, [6, 13]] = np.linspace(-0.001, 0.06, STEPS)[:, None]  # slightly negative when closed
    return values.astype(np.float32)


def image(name, step):
    return np.full((48, 64, 3), SHADES[name] + BRIGHTER * step, np.uint8)


def video(path, names_and_steps, codec="libx264"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if codec == "libsvtav1":
            stream.options = {"crf": "10", "preset": "10"}
        stream.codec_context.time_base = Fraction(1, FPS)
        for number, (name, step) in enumerate(names_and_steps):
            frame = av.VideoFrame.from_ndarray(image(name, step), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def rows(episode, state="observation.state", **more):
    values = joints(episode)
    return {
        state: pa.array(values.tolist(), pa.list_(pa.float32())),
        "action": pa.array((values + 0.01).tolist(), pa.list_(pa.float32())),
        "timestamp": pa.array(np.arange(STEPS, dtype=np.float32) / FPS),
        "frame_index": pa.array(np.arange(STEPS)),
        "episode_index": pa.array(np.full(STEPS, episode)),
        "task_index": pa.array(np.zeros(STEPS, np.int64)),
        **more,
    }


def info(version, dtype="video", state="observation.state", names=tuple(NAMES), **more):
    vector = {"dtype": "float32", "shape": [14], "names": list(names) if names else None}
    features = {state: vector, "action": vector}
    features |= {f"observation.images.{name}": {"dtype": dtype} for name in SHADES}
    return {
        "codebase_version": version,
        "robot_type": "piper",
        "fps": FPS,
        "total_episodes": EPISODES,
        "features": features,
        **more,
    }


def dataset_v2(folder, version="v2.1", dtype="video", codec="libx264", **what):
    """One file an episode; images in videos, or as PNG files within the tables."""
    meta = folder / "meta"
    meta.mkdir(parents=True)
    (meta / "info.json").write_text(json.dumps(info(version, dtype, **what)))
    text = {"task_index": 0, "task": "close the laptop lid"}
    (meta / "tasks.jsonl").write_text(json.dumps(text) + "\n")
    lines = [{"episode_index": n, "tasks": [], "length": STEPS} for n in range(EPISODES)]
    (meta / "episodes.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for episode in range(EPISODES):
        more = {}
        for name in SHADES:
            if dtype == "image":
                files = [cv2.imencode(".png", image(name, s))[1].tobytes() for s in range(STEPS)]
                stored = [{"bytes": data, "path": None} for data in files]
                more[f"observation.images.{name}"] = pa.array(stored)
            else:
                place = f"videos/chunk-000/observation.images.{name}/episode_{episode:06d}.mp4"
                video(folder / place, [(name, step) for step in range(STEPS)], codec)
        table = pa.table(rows(episode, what.get("state", "observation.state"), **more))
        path = folder / f"data/chunk-000/episode_{episode:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)


def dataset_v3(folder, spans=None):
    """Both episodes in one file of steps and in one video of each camera."""
    meta = folder / "meta"
    places = {"data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"}
    places["video_path"] = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    (meta / "episodes/chunk-000").mkdir(parents=True)
    (meta / "info.json").write_text(json.dumps(info("v3.0", **places)))
    task = {"task_index": [0], "__index_level_0__": ["close the laptop lid"]}
    pq.write_table(pa.table(task), meta / "tasks.parquet")
    spans = spans or [(n * STEPS / FPS, (n + 1) * STEPS / FPS) for n in range(EPISODES)]
    entries = []
    for number, (begin, end) in enumerate(spans):
        entry = {"episode_index": number, "length": STEPS}
        entry |= {"data/chunk_index": 0, "data/file_index": 0, "stats/action/min": [0.0]}
        for name in SHADES:
            key = f"videos/observation.images.{name}"
            entry |= {f"{key}/chunk_index": 0, f"{key}/file_index": 0}
            entry |= {f"{key}/from_timestamp": begin, f"{key}/to_timestamp": end}
        entries.append(entry)
    pq.write_table(pa.Table.from_pylist(entries), meta / "episodes/chunk-000/file-000.parquet")
    path = folder / "data/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.concat_tables([pa.table(rows(n)) for n in range(EPISODES)]), path)
    for name in SHADES:
        video(
            folder / f"videos/observation.images.{name}/chunk-000/file-000.mp4",
            [(name, step) for _ in range(EPISODES) for step in range(STEPS)],
        )


def convert(source, out, *options):
    command = [str(source), str(out), "--from", "lerobot", "--task", "close_laptop"]
    return main([*command, "--workers", "1", *options])


def columns(out, name):
    return np.stack(pq.read_table(out / "data/chunk-000/file-000.parquet")[name].to_numpy())


def shades(out, key):
    with av.open(str(out / f"videos/observation.images.{key}/chunk-000/file-000.mp4")) as container:
        return np.array([f.to_ndarray(format="rgb24").mean() for f in container.decode(video=0)])


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: dataset_v2(folder, "v2.0"),
        lambda folder: dataset_v2(folder, "v2.1", codec="libsvtav1"),
        lambda folder: dataset_v2(folder, "v2.1", codec="libx265"),
        lambda folder: dataset_v2(folder, "v2.1", codec="libvpx-vp9"),
        lambda folder: dataset_v2(folder, "v2.1", dtype="image"),
        dataset_v3,
    ],
    ids=["v2.0", "AV1", "HEVC", "VP9", "v2.1 with images", "v3.0"],
)
def test_every_version_is_read_step_by_step(write, tmp_path, capsys):
    write(tmp_path / "src")
    assert convert(tmp_path / "src", tmp_path / "out") == 0
    expected = np.concatenate([joints(episode) for episode in range(EPISODES)])
    assert np.array_equal(columns(tmp_path / "out", "observation.state"), expected)
    assert columns(tmp_path / "out", "action") == pytest.approx(expected + 0.01)
    for key, shade in zip(KEYS, SHADES.values()):
        seen = shades(tmp_path / "out", key)
        assert (
            np.abs(seen - np.tile(shade + BRIGHTER * np.arange(STEPS), EPISODES)).max()
            < BRIGHTER / 2
        )
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["fps"] == FPS
    said = capsys.readouterr().err
    assert "1 of 31 states lie outside of the robot's limits: left_gripper -0.001..0.06" in said


def test_thirty_become_twenty_five_by_time(tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25") == 0
    assert "30 steps a second become 25: joints are interpolated" in capsys.readouterr().err
    state = columns(tmp_path / "out", "observation.state")
    steps = len(state) // EPISODES
    assert steps == 26
    at = np.arange(steps) * FPS / 25
    expected = np.stack([np.interp(at, np.arange(STEPS), joints(0)[:, n]) for n in range(14)], 1)
    assert state[:steps] == pytest.approx(expected, abs=1e-6)
    seen = shades(tmp_path / "out", "cam_high")[:steps] - SHADES["top"]
    # An image is at most half a step away.
    assert np.abs(seen - BRIGHTER * at).max() < BRIGHTER


def test_the_next_state_can_be_the_action(tmp_path):
    dataset_v2(tmp_path / "src")
    assert convert(tmp_path / "src", tmp_path / "out", "--action", "follower") == 0
    action = columns(tmp_path / "out", "action")[: STEPS - 1]
    assert np.array_equal(action, joints(0)[1:])


def test_an_unusual_name_is_asked_for_with_what_is_there(tmp_path, capsys):
    dataset_v2(tmp_path / "src", state="observation.robot")
    assert convert(tmp_path / "src", tmp_path / "out") == 2
    assert "--map state=KEY, of observation.robot, action" in capsys.readouterr().err
    named = "state=observation.robot[0:7]+observation.robot[7:14]"
    assert convert(tmp_path / "src", tmp_path / "out", "--map", named) == 0
    assert np.array_equal(columns(tmp_path / "out", "observation.state")[:STEPS], joints(0))


def test_values_without_names_are_taken_in_the_robots_order_and_that_is_said(tmp_path, capsys):
    dataset_v2(tmp_path / "src", names=None)
    assert convert(tmp_path / "src", tmp_path / "out") == 0
    assert "order of the 14 values is not known from their names" in capsys.readouterr().err


def test_names_in_another_order_are_brought_into_the_robots(tmp_path):
    dataset_v2(tmp_path / "src", names=[*NAMES[7:], *NAMES[:7]])
    assert convert(tmp_path / "src", tmp_path / "out") == 0
    state = columns(tmp_path / "out", "observation.state")[:STEPS]
    assert np.array_equal(state, np.concatenate([joints(0)[:, 7:], joints(0)[:, :7]], axis=1))


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(0.04, 0.80), (STEPS / FPS, 2 * STEPS / FPS)], "22.8 images at 30 a second for 31 steps"),
        ([(0.017, 0.017 + STEPS / FPS), (STEPS / FPS, 2 * STEPS / FPS)], "is missing, the next"),
    ],
)
def test_spans_that_are_not_those_of_the_steps_are_refused(spans, said, tmp_path, capsys):
    dataset_v3(tmp_path / "src", spans)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert said in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    gone = tmp_path / "src/videos/chunk-000/observation.images.top/episode_000001.mp4"
    gone.unlink()
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "episode 1" in said
    assert f"{gone} is missing" in said
    assert convert(tmp_path / "src", tmp_path / "out", "--skip-damaged") == 0
    assert len(columns(tmp_path / "out", "action")) == STEPS


def test_a_video_that_is_short_of_a_frame_is_named(tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    short = tmp_path / "src/videos/chunk-000/observation.images.top/episode_000000.mp4"
    video(short, [("top", step) for step in range(STEPS - 1)])
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert f"{short} has 30 images for 31 steps" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "   "])
def test_a_task_without_words_is_refused(text, tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    tasks = tmp_path / "src/meta/tasks.jsonl"
    tasks.write_text(json.dumps({"task_index": 0, "task": text}))
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert "give --instruction" in capsys.readouterr().err


def test_a_folder_that_is_no_dataset_or_too_old_says_so(tmp_path, capsys):
    (tmp_path / "src").mkdir()
    assert convert(tmp_path / "src", tmp_path / "out") == 2
    assert "info.json is missing" in capsys.readouterr().err
    dataset_v2(tmp_path / "old", "v1.6")
    assert convert(tmp_path / "old", tmp_path / "out") == 2
    assert "of format v1.6, expected v2 or v3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "names",
    [
        ("cam_high", "cam_left_wrist", "cam_right_wrist"),
        ("top", "left_wrist", "right_wrist"),
        ("front", "wrist_left", "wrist_right"),
        ("head_camera", "left_camera", "right_camera"),
        ("image_top_rgb", "hand_left", "hand_right"),
    ],
)
def test_usual_names_of_cameras_are_known(names):
    there = [f"observation.images.{name}" for name in names]
    assert list(find_cameras(there, {}).values()) == there


def test_two_cameras_that_could_be_the_head_are_asked_about():
    there = [f"observation.images.{name}" for name in ("top", "front", "left", "right")]
    with pytest.raises(Exception, match="several that could be cam_high: name it with --map"):
        find_cameras(there, {})
    assert find_cameras(there, {"cam_high": "front"})["cam_high"] == there[1]


def test_joints_are_found_among_other_values():
    names = [
        f"{arm}_joint{n}.{what}"
        for what in ("vel", "pos")
        for arm in ("right", "left")
        for n in range(6)
    ]
    names += ["left_gripper.pos", "right_gripper.pos", "left_ee_x"]
    places, note = joint_places(names, len(names))
    assert note == ""
    found = [names[place] for place in places]
    assert found[:7] == [*(f"left_joint{n}.pos" for n in range(6)), "left_gripper.pos"]
    assert len(found) == len(hw_config.load().joint_names)


def changed_info(folder, **values):
    path = folder / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("rate", [0, -30, float("nan"), None])
def test_a_rate_that_is_none_is_refused(rate, tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    changed_info(tmp_path / "src", fps=rate)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert f"fps of meta/info.json is {rate}, expected a number above 0" in said
    assert "--source-fps" not in said  # which means nothing here


def test_a_rate_that_no_robot_has_is_refused_with_what_can_be_done_here(tmp_path, capsys):
    dataset_v2(tmp_path / "src", dtype="image")
    for path in (tmp_path / "src").rglob("data/**/*.parquet"):
        table = pq.read_table(path)
        slow = pa.array(10.0 * np.arange(len(table)))
        at = table.schema.get_field_index("timestamp")
        pq.write_table(table.set_column(at, "timestamp", slow), path)
    changed_info(tmp_path / "src", fps=0.1)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "0.1 steps a second, expected 1 to 1000: write the rate of the timestamps into" in said


def in_other_units(folder, joint, gripper):
    """The values of all episodes times these factors."""
    factor = np.where(np.arange(14) % 7 == 6, gripper, joint)
    for path in folder.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        for key in ("observation.state", "action"):
            values = np.stack(table[key].to_numpy()) * factor
            column = pa.array(values.tolist(), pa.list_(pa.float32()))
            table = table.set_column(table.column_names.index(key), key, column)
        pq.write_table(table, path)


@pytest.mark.parametrize(
    ("joint", "gripper", "said", "options"),
    [
        (1.0, 1 / 0.07, "--gripper-scale", ("--gripper-scale", "0.07")),
        (1.0, 100 / 0.07, "--gripper-scale", ("--gripper-scale", "0.0007")),
        (180 / np.pi, 1.0, "--degrees", ("--degrees",)),
    ],
    ids=["grippers of 0..1", "grippers of 0..100", "degrees"],
)
def test_other_units_are_asked_for_and_converted(joint, gripper, said, options, tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    in_other_units(tmp_path / "src", joint, gripper)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert said in capsys.readouterr().err
    assert convert(tmp_path / "src", tmp_path / "out", *options) == 0
    state = columns(tmp_path / "out", "observation.state")[:STEPS]
    assert state == pytest.approx(joints(0), abs=1e-6)


def test_a_state_called_qpos_is_known(tmp_path):
    dataset_v2(tmp_path / "src", state="observation.qpos")
    assert convert(tmp_path / "src", tmp_path / "out") == 0
    assert np.array_equal(columns(tmp_path / "out", "observation.state")[:STEPS], joints(0))


def test_steps_that_stand_in_another_order_than_their_times_are_refused(tmp_path, capsys):
    dataset_v2(tmp_path / "src")
    path = tmp_path / "src/data/chunk-000/episode_000001.parquet"
    pq.write_table(pq.read_table(path).take(pa.array(np.arange(STEPS)[::-1])), path)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert "episode 1: step 1 has the time -0.033 s, expected 0.033 s" in capsys.readouterr().err
