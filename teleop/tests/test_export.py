"""Exports of synthetic episodes, read back with nothing but pyarrow, PyAV, h5py and OpenCV."""

import io
import json
import os
import signal
import subprocess
import sys

import av
import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from teleop.dataset.reader import open_episode
from teleop.export.__main__ import main
from teleop.export.demonstration import ExportError
from teleop.export.workers import Workers
from teleop.tests.episodes import (
    COLOURS,
    START_NS,
    Faults,
    make_episode,
    number_in,
    open_store,
)
from vega_core.stamps import NS

KEYS = {"head": "cam_high", "left_wrist": "cam_left_wrist", "right_wrist": "cam_right_wrist"}
FPS = 25


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two successes, and one of everything that is left out."""
    folder = tmp_path_factory.mktemp("recorded") / "dataset"
    with open_store(folder) as store:
        make_episode(store, 1.2)
        make_episode(store, 1.0, phase=0.7, outcome="failure")
        make_episode(store, 1.6, phase=1.4, start_ns=START_NS + 60 * NS)
        make_episode(store, 1.0, phase=2.1, outcome="unjudged")
        make_episode(store, 1.0, phase=2.8)
        store.delete_last("close_laptop")
    return folder


@pytest.fixture(scope="module")
def lerobot(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "lerobot"
    assert main([str(dataset), "--format", "lerobot", "--out", str(out), "--workers", "1"]) == 0
    return out


@pytest.fixture(scope="module")
def hdf5(dataset, tmp_path_factory):
    """Makes an HDF5 export; arguments: further options."""
    folder = tmp_path_factory.mktemp("exports")

    def made(name, *options):
        out = folder / name
        if not out.exists():
            command = [str(dataset), "--format", "hdf5", "--out", str(out), "--workers", "1"]
            assert main([*command, *options]) == 0
        return out

    return made


def export(dataset, out, *options, form="lerobot"):
    return main([str(dataset), "--format", form, "--out", str(out), "--workers", "1", *options])


def provenance(out):
    path = out / "meta" / "provenance.json"
    return json.loads((path if path.exists() else out / "provenance.json").read_text())


def recorded(dataset, index):
    return open_episode(dataset / "episodes" / f"{index:06d}")


def nearest(stamps, at):
    return np.abs(stamps[None] - at[:, None]).argmin(axis=1)


def expected_joints(episode, role, at):
    """What an exact export holds at these times, and how far its stamps are (ns)."""
    rows, worst = [], 0
    for arm in ("left", "right"):
        joints = episode.joints(arm, role)
        near = nearest(joints.stamps_ns, at)
        worst = max(worst, np.abs(joints.stamps_ns[near] - at).max())
        rows.append(joints.position[near])
    return np.concatenate(rows, axis=1).astype(np.float32), worst


def grid(known, steps):
    return known["first_stamp_ns"] + np.arange(steps, dtype=np.int64) * NS // FPS


def frames_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(frame.pts * stream.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]


def assert_flat_colour(rgb, camera, levels):
    """The upper half of a synthetic image has the camera's colour."""
    half = rgb[: rgb.shape[0] // 2].reshape(-1, 3).astype(int)
    assert np.abs(half - COLOURS[camera]).max() <= levels


def test_lerobot_joints_are_recorded_values_within_half_a_sample(dataset, lerobot):
    known = provenance(lerobot)
    table = pq.read_table(lerobot / "data/chunk-000/file-000.parquet")
    episodes = pq.read_table(lerobot / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["length"] for row in episodes] == [29, 39]
    for row, index, source in zip(episodes, (0, 2), known["episodes"]):
        part = table.slice(row["dataset_from_index"], row["length"])
        at = grid(source, row["length"] + 1)
        expected, late = expected_joints(recorded(dataset, index), "follower", at)
        assert late <= NS / 200 / 2
        assert np.array_equal(np.stack(part["observation.state"].to_numpy()), expected[:-1])
        assert np.array_equal(np.stack(part["action"].to_numpy()), expected[1:])
        steps = np.arange(row["length"])
        assert np.array_equal(part["timestamp"].to_numpy(), (steps / FPS).astype(np.float32))
        assert part["frame_index"].to_pylist() == steps.tolist()
    assert table["index"].to_pylist() == list(range(68))
    assert table["episode_index"].to_pylist() == [0] * 29 + [1] * 39


def test_lerobot_images_have_their_colours_and_are_the_nearest_by_stamp(dataset, lerobot):
    episodes = pq.read_table(lerobot / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    known = provenance(lerobot)
    for camera, key in KEYS.items():
        feature = f"observation.images.{key}"
        frames = frames_of(lerobot / f"videos/{feature}/chunk-000/file-000.mp4")
        assert len(frames) == 68
        for row, index, source in zip(episodes, (0, 2), known["episodes"]):
            at = grid(source, row["length"])
            near = nearest(recorded(dataset, index).image_stamps(camera), at)
            begin = round(row[f"videos/{feature}/from_timestamp"] * FPS)
            end = row[f"videos/{feature}/to_timestamp"] * FPS
            assert end == pytest.approx(begin + row["length"])
            for step, number in enumerate(near):
                shown_at, rgb = frames[begin + step]
                assert shown_at == pytest.approx((begin + step) / FPS, abs=1e-6)
                assert_flat_colour(rgb, camera, 4)
                assert number_in(rgb) == number


def test_lerobot_video_says_how_its_colours_are_coded(lerobot):
    key = "observation.images.cam_high"
    with av.open(str(lerobot / f"videos/{key}/chunk-000/file-000.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert int(context.color_range) == 1  # limited
        assert int(context.colorspace) in (5, 6)  # both names of BT.601's matrix
    info = json.loads((lerobot / "meta/info.json").read_text())
    assert info["features"][key]["info"]["video.codec"] == "h264"


def test_lerobot_describes_itself(dataset, lerobot):
    info = json.loads((lerobot / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["fps"], info["total_episodes"], info["total_frames"]) == (FPS, 2, 68)
    assert info["features"]["action"]["names"] == list(recorded(dataset, 0).layout.joint_names)
    assert info["features"]["observation.images.cam_high"]["shape"] == [120, 160, 3]
    tasks = pq.read_table(lerobot / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0], "task": ["close laptop"]}
    known = provenance(lerobot)
    assert known["action"] == {
        "source": "follower",
        "steps_ahead": 1,
        "meaning": "positions of the follower, at the next step",
    }
    assert [each["index"] for each in known["episodes"]] == [0, 2]
    assert known["episodes"][0]["sha256"] == recorded(dataset, 0).info.mcap.sha256


def test_lerobot_statistics(lerobot):
    stats = json.loads((lerobot / "meta/stats.json").read_text())
    table = pq.read_table(lerobot / "data/chunk-000/file-000.parquet")
    action = np.stack(table["action"].to_numpy()).astype(np.float64)
    for name, value in (
        ("min", action.min(axis=0)),
        ("mean", action.mean(axis=0)),
        ("std", action.std(axis=0)),
        ("q99", np.quantile(action, 0.99, axis=0)),
    ):
        assert np.allclose(stats["action"][name], value)
    assert stats["action"]["count"] == [68]
    colour = stats["observation.images.cam_left_wrist"]
    assert np.shape(colour["mean"]) == (3, 1, 1)
    assert np.ravel(colour["q50"]) * 255 == pytest.approx(COLOURS["left_wrist"], abs=2)
    row = pq.read_table(lerobot / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[0]
    assert row["stats/action/min"] == pytest.approx(action[:29].min(axis=0).tolist())


def test_hdf5_images_are_the_recorded_jpeg_decoded_exactly(dataset, hdf5):
    out = hdf5("plain")
    at = grid(provenance(out)["episodes"][1], 39)
    with h5py.File(out / "episode_1.hdf5") as file:
        assert not file.attrs["compress"]
        assert np.array_equal(file["stamps_ns"], at)
        episode = recorded(dataset, 2)
        for camera, key in KEYS.items():
            images = file[f"observations/images/{key}"]
            assert (images.shape, images.dtype) == ((39, 120, 160, 3), np.uint8)
            assert images.chunks == (1, 120, 160, 3)
            jpegs = [data for _, data in episode.images(camera)]
            for step, number in enumerate(nearest(episode.image_stamps(camera), at)):
                bgr = cv2.imdecode(np.frombuffer(jpegs[number], np.uint8), cv2.IMREAD_COLOR)
                assert np.array_equal(images[step], bgr[..., ::-1])
            assert_flat_colour(images[0], camera, 2)


def test_hdf5_leader_is_one_step_ahead_as_the_public_recorder_stores_it(dataset, hdf5):
    with h5py.File(hdf5("leader", "--action", "leader") / "episode_0.hdf5") as file:
        at = file["stamps_ns"][()]
        state, _ = expected_joints(recorded(dataset, 0), "follower", at)
        action, late = expected_joints(recorded(dataset, 0), "leader", at + NS // FPS)
        assert late <= NS / 200 / 2
        assert np.array_equal(file["observations/qpos"], state)
        assert np.array_equal(file["action"], action)
        assert (file["action"].dtype, file["action"].shape) == (np.float32, state.shape)
        assert file["base_action"].shape == (len(at), 2)
        assert (file.attrs["action_source"], file.attrs["action_steps_ahead"]) == ("leader", 1)


def test_hdf5_compressed_images_decode_to_rgb_as_public_readers_do(hdf5):
    with h5py.File(hdf5("small", "--compress") / "episode_0.hdf5") as file:
        assert file.attrs["compress"]
        lengths = file["compress_len"][()]
        assert lengths.shape == (3, 29)
        for row, (camera, key) in enumerate(KEYS.items()):
            stored = file[f"observations/images/{key}"][5]
            assert not stored[int(lengths[row, 5]) :].any()
            assert_flat_colour(cv2.imdecode(stored, 1), camera, 3)


def test_leader_of_lerobot_is_where_it_was_at_the_same_time(dataset, tmp_path):
    out = tmp_path / "out"
    assert export(dataset, out, "--action", "leader") == 0
    at = grid(provenance(out)["episodes"][0], 30)
    action, _ = expected_joints(recorded(dataset, 0), "leader", at)
    table = pq.read_table(out / "data/chunk-000/file-000.parquet").slice(0, 30)
    assert np.array_equal(np.stack(table["action"].to_numpy()), action)
    assert provenance(out)["action"]["steps_ahead"] == 0


def test_what_is_left_out_can_be_asked_for(dataset, tmp_path, capsys):
    assert export(dataset, tmp_path / "a") == 0
    said = capsys.readouterr().err
    assert "1 failure" in said
    assert "1 unjudged" in said
    assert export(dataset, tmp_path / "b", "--include", "failure", "unjudged") == 0
    outcomes = [each["outcome"] for each in provenance(tmp_path / "b")["episodes"]]
    assert outcomes == ["success", "failure", "success", "unjudged"]


def test_an_existing_output_is_never_touched(dataset, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    assert export(dataset, out) == 2
    assert "exists already" in capsys.readouterr().err
    assert not list(out.iterdir())


def test_unsealed_discarded_and_deleted_takes_are_never_exported(tmp_path):
    folder = tmp_path / "dataset"
    with open_store(folder) as store:
        make_episode(store, 1.0)
        make_episode(store, 1.0, phase=1.0)
        store.delete_last("close_laptop")
    unsealed = folder / "recording" / "000009"
    unsealed.parent.mkdir(exist_ok=True)
    (folder / "trash" / "000001").rename(unsealed)
    assert export(folder, tmp_path / "out", "--include", "recovered", "problems") == 0
    assert [each["index"] for each in provenance(tmp_path / "out")["episodes"]] == [0]


def broken(folder, index):
    path = folder / "episodes" / f"{index:06d}" / "episode.mcap"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def test_a_damaged_episode_is_named_and_refused_or_left_out(tmp_path, capsys):
    folder, out = tmp_path / "dataset", tmp_path / "out"
    with open_store(folder) as store:
        for number in range(3):
            make_episode(store, 1.0, phase=number, start_ns=START_NS + number * NS)
    broken(folder, 1)
    assert export(folder, out) == 1
    said = capsys.readouterr().err
    assert "000001" in said
    assert "--skip-damaged" in said
    assert not out.exists()
    assert export(folder, out, "--skip-damaged") == 0
    assert "left out: " in capsys.readouterr().err
    assert [each["index"] for each in provenance(out)["episodes"]] == [0, 2]
    assert "000001" in provenance(out)["skipped"][0]


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        (Faults(missing_cameras=("head",)), "missing-camera: no image of the head camera"),
        (Faults(dropped_frames={"head": range(10, 16)}), "gap: head camera"),
        (Faults(joints_silent={"left": (0.4, 0.8)}), "left follower"),
        (Faults(joints_silent={"left": (0.9, 9.0)}), "cut: left follower: missing in the last"),
    ],
)
def test_holes_are_refused_by_name(faults, text, tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 2.0, faults=faults)
    assert export(tmp_path / "dataset", tmp_path / "out") == 1
    assert text in capsys.readouterr().err


def test_a_lost_image_is_counted_and_the_nearest_stands_in(tmp_path):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 5.0, faults=Faults(dropped_frames={"head": (102,)}))
    assert export(tmp_path / "dataset", tmp_path / "out") == 0
    errors = provenance(tmp_path / "out")["episodes"][0]["sample_errors"]
    assert (errors["camera head"]["missing"], errors["camera left_wrist"]["missing"]) == (1, 0)
    assert export(tmp_path / "dataset", tmp_path / "strict", "--max-missing", "0") == 1


@pytest.mark.parametrize("difference", [{"robot": "real"}, {"size": (320, 240)}])
def test_mixed_sets_are_refused(difference, tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 1.0)
        make_episode(store, 1.0, phase=1.0, **difference)
    assert export(tmp_path / "dataset", tmp_path / "out") == 1
    assert "episodes differ in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_hdf5_has_one_task_lerobot_many(tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 1.0)
        make_episode(store, 1.0, phase=1.0, task="flowers_to_vase")
    assert export(tmp_path / "dataset", tmp_path / "a", form="hdf5") == 1
    assert "--task" in capsys.readouterr().err
    assert export(tmp_path / "dataset", tmp_path / "b", "--task", "flowers_to_vase") == 0
    assert export(tmp_path / "dataset", tmp_path / "c") == 0
    table = pq.read_table(tmp_path / "c" / "data/chunk-000/file-000.parquet")
    assert set(table["task_index"].to_pylist()) == {0, 1}


def test_the_same_episode_twice_is_refused(dataset, tmp_path, capsys):
    command = [str(dataset), f"{dataset}/../dataset", "--format", "lerobot", "--workers", "1"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "is a copy of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--task", "juggle"], "no episode of task juggle; tasks in the dataset: close_laptop"),
        (["--fps", "60"], "give --fps 30 or less"),
    ],
)
def test_wrong_use_says_what_to_do(options, text, dataset, tmp_path, capsys):
    assert export(dataset, tmp_path / "out", *options) in (1, 2)
    assert text in capsys.readouterr().err


def test_no_leader_says_what_to_do(tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 1.0, leaders=False)
    assert export(tmp_path / "dataset", tmp_path / "out", "--action", "leader") == 1
    assert "--action follower" in capsys.readouterr().err


def test_a_folder_that_is_no_dataset(tmp_path, capsys):
    assert export(tmp_path, tmp_path / "out") == 2
    assert "is no dataset" in capsys.readouterr().err


def test_two_workers_write_what_one_does(dataset, lerobot, tmp_path):
    out = tmp_path / "out"
    command = [str(dataset), "--format", "lerobot", "--out", str(out), "--workers", "2"]
    assert main(command) == 0
    for name in ("data/chunk-000/file-000.parquet", "meta/stats.json", "meta/info.json"):
        assert (out / name).read_bytes() == (lerobot / name).read_bytes()
    video = "videos/observation.images.cam_high/chunk-000/file-000.mp4"
    assert [rgb.tobytes() for _, rgb in frames_of(out / video)] == [
        rgb.tobytes() for _, rgb in frames_of(lerobot / video)
    ]


class Interrupting(io.StringIO):
    """Sends a signal to this process as soon as writing begins."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def write(self, text):
        written = super().write(text)
        if "writing" in text:
            signal.raise_signal(self._number)
        return written


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, "2"), (signal.SIGTERM, "1")])
def test_interrupted_leaves_nothing(number, workers, dataset, tmp_path, monkeypatch):
    out = tmp_path / "exports" / "out"
    said = Interrupting(number)
    monkeypatch.setattr(sys, "stderr", said)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert export(dataset, out, "--workers", workers, form="hdf5") == 130
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert "was not made" in said.getvalue()
    assert not list(out.parent.iterdir())


def test_ctrl_c_twice_at_a_terminal_ends_it_and_leaves_nothing(dataset, tmp_path):
    out = tmp_path / "exports" / "out"
    command = [sys.executable, "-m", "teleop.export", str(dataset), "--format", "hdf5"]
    with subprocess.Popen(
        [*command, "--out", str(out), "--workers", "2"],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = ""
        while "checking" not in said:  # its workers are about to begin
            said += process.stderr.readline()
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
        said += process.communicate(timeout=60)[1]
    assert process.returncode in (130, -signal.SIGINT)
    assert "was not made" in said
    assert "Traceback" not in said
    assert not list(out.parent.iterdir())


def test_a_full_disk_leaves_nothing(dataset, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("teleop.export.hdf5.write_file", full)
    assert export(dataset, tmp_path / "exports" / "out", form="hdf5") == 2
    assert "No space left" in capsys.readouterr().err
    assert not list((tmp_path / "exports").iterdir())


def test_a_killed_worker_is_reported():
    with Workers(2) as workers, pytest.raises(ExportError, match="--workers 1"):
        list(workers.each(signal.raise_signal, [signal.SIGKILL]))
