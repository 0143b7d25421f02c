"""Bags as `ros2 bag record` writes them, MCAP and SQLite, converted."""

import json

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from teleop.convert.__main__ import main
from teleop.tests.test_foreign_mcap import packed, rewritten

rosbag2 = pytest.importorskip("rosbags.rosbag2")
from rosbags.typesys import Stores, get_typestore  # noqa: E402

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
CAMERAS = {"cam_high": "/camera_f", "cam_left_wrist": "/camera_l", "cam_right_wrist": "/camera_r"}
SHADES = dict(zip(CAMERAS.values(), (40, 110, 180)))
SECONDS = 2.0
TOPICS = """
cameras: {cam_high: /camera_f, cam_left_wrist: /camera_l, cam_right_wrist: /camera_r}
state: [{topic: /puppet/left}, {topic: /puppet/right, joints: [a, b, c, d, e, f, g]}]
action: [{topic: /master/left}, {topic: /master/right}]
"""
START_NS = 1_700_000_000_000_000_000


def header(at_s):
    stamp_ns = START_NS + round(at_s * 1e9)
    time = TYPES["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
    return TYPES["std_msgs/msg/Header"](time, "")


def arm(at_s, offset=0.0):
    positions = np.full(7, 0.2 + 0.1 * at_s + offset)
    positions[2] *= -1
    positions[6] = 0.03
    nothing = np.array([])
    joint_state = TYPES["sensor_msgs/msg/JointState"]
    return joint_state(header(at_s), list("abcdefg"), positions, nothing, nothing)


def image(at_s, topic, encoding, compressed):
    rgb = np.full((48, 64, 3), SHADES[topic], np.uint8)
    rgb[..., 0] += int(at_s * 20)
    if compressed:
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        data = cv2.imencode(".jpg", bgr)[1].reshape(-1)
        return TYPES["sensor_msgs/msg/CompressedImage"](header(at_s), "jpeg", data)
    pixels = rgb if encoding == "rgb8" else rgb[..., ::-1]
    data = np.ascontiguousarray(pixels).reshape(-1)
    return TYPES["sensor_msgs/msg/Image"](header(at_s), 48, 64, encoding, 0, 64 * 3, data)


def bag(folder, storage="mcap", encoding="bgr8", compressed=False, until=SECONDS, jump=0.0):
    """Joints at 200 Hz, cameras at 30 Hz; with `jump` the clock is set back by it half-way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    plugin = getattr(rosbag2.StoragePlugin, storage.upper())
    with rosbag2.Writer(folder, version=9, storage_plugin=plugin) as writer:
        kind = "sensor_msgs/msg/CompressedImage" if compressed else "sensor_msgs/msg/Image"
        topics = {
            f"/{who}/{side}": "sensor_msgs/msg/JointState"
            for who in ("puppet", "master")
            for side in ("left", "right")
        }
        topics |= dict.fromkeys(CAMERAS.values(), kind)
        connections = {t: writer.add_connection(t, k, typestore=STORE) for t, k in topics.items()}
        for tick in range(int(until * 600)):
            at_s = tick / 600
            stamp_s = at_s - jump if at_s > until / 2 else at_s
            for topic, connection in connections.items():
                if topic in SHADES and tick % 20 == 0:
                    message = image(stamp_s, topic, encoding, compressed)
                elif topic not in SHADES and tick % 3 == 0:
                    message = arm(stamp_s, 0.05 if "master" in topic else 0.0)
                else:
                    continue
                data = STORE.serialize_cdr(message, connection.msgtype)
                writer.write(connection, START_NS + round(at_s * 1e9), data)


def both_in_one(folder, topic, seconds=1.0):
    """A bag whose commands of both arms are in one topic."""
    with rosbag2.Writer(folder, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        kinds = dict.fromkeys(CAMERAS.values(), "sensor_msgs/msg/CompressedImage")
        arms = ("/puppet/left", "/puppet/right", topic)
        kinds |= dict.fromkeys(arms, "sensor_msgs/msg/JointState")
        made = {
            name: writer.add_connection(name, kind, typestore=STORE) for name, kind in kinds.items()
        }
        for tick in range(int(seconds * 600)):
            at_s = tick / 600
            for name, connection in made.items():
                if tick % (20 if name in SHADES else 3):
                    continue
                message = image(at_s, name, "", True) if name in SHADES else arm(at_s)
                if name == topic:
                    right = arm(at_s, 0.5)
                    message.position = np.concatenate([message.position, right.position])
                    message.name = [f"{side}{number}" for side in "lr" for number in range(7)]
                data = STORE.serialize_cdr(message, connection.msgtype)
                writer.write(connection, START_NS + round(at_s * 1e9), data)


def convert(source, out, *options, topics=TOPICS):
    path = out.parent / "topics.yaml"
    path.write_text(topics)
    command = [str(source), str(out), "--from", "rosbag2", "--task", "close_laptop"]
    return main([*command, "--topics", str(path), "--workers", "1", *options])


def columns(out, name):
    return np.stack(pq.read_table(out / "data/chunk-000/file-000.parquet")[name].to_numpy())


@pytest.mark.parametrize(
    ("storage", "encoding", "compressed"),
    [("mcap", "bgr8", False), ("sqlite3", "rgb8", False), ("mcap", "", True)],
)
def test_both_storages_and_all_images(storage, encoding, compressed, tmp_path):
    bag(tmp_path / "src", storage, encoding, compressed)
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25") == 0
    state, action = (columns(tmp_path / "out", name) for name in ("observation.state", "action"))
    assert len(state) >= 48
    at_s = np.arange(len(state)) / 25
    assert state[:, 0] == pytest.approx(0.2 + 0.1 * at_s, abs=1e-5)
    assert action[:, 7] == pytest.approx(0.25 + 0.1 * at_s, abs=1e-5)
    for key, topic in CAMERAS.items():
        path = tmp_path / f"out/videos/observation.images.{key}/chunk-000/file-000.mp4"
        with av.open(str(path)) as container:
            shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert abs(shown.mean() - SHADES[topic]) < 4


def test_a_folder_of_bags_is_episodes_in_order(tmp_path):
    for name, until in (("b", 1.0), ("a", 2.0)):
        bag(tmp_path / "src" / name, until=until)
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25") == 0
    table = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet")
    first, second = table["length"].to_pylist()
    assert first > 45 > 30 > second


def test_a_clock_that_was_set_back_is_refused(tmp_path, capsys):
    bag(tmp_path / "src", jump=0.5)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert "the clock was set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        (TOPICS.replace("/camera_f", "/nothing"), "has no topic /nothing: it has /camera_f"),
        (TOPICS.replace("{topic: /puppet/left}", "{topic: /camera_f}"), "is sensor_msgs/msg/Image"),
        (TOPICS.replace("cam_high", "cam_top"), "cameras are cam_top"),
        (TOPICS.replace("joints:", "names:"), "state.1.names: Extra inputs are not permitted"),
        (TOPICS.replace("[a, b,", "[x, b,"), "/puppet/right has no joint x: it has a, b"),
        ("cameras: [", "is no YAML"),
        (TOPICS.replace("/camera_l", "/camera_f"), "/camera_f stands twice in cameras"),
        (TOPICS.replace("/puppet/right", "/puppet/left"), "/puppet/left stands twice in state"),
        (TOPICS.replace("/master", "/puppet"), "leave action out"),
    ],
)
def test_a_wrong_file_of_topics_is_named(topics, said, tmp_path, capsys):
    bag(tmp_path / "src", until=0.5)
    assert convert(tmp_path / "src", tmp_path / "out", topics=topics) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_folder_without_bags_says_so(tmp_path, capsys):
    (tmp_path / "src").mkdir()
    assert convert(tmp_path / "src", tmp_path / "out") == 2
    assert "no metadata.yaml" in capsys.readouterr().err


def test_without_a_rate_there_are_as_many_steps_as_images(tmp_path):
    bag(tmp_path / "src")  # joints at 200 Hz, images at 30
    assert convert(tmp_path / "src", tmp_path / "out") == 0
    state = columns(tmp_path / "out", "observation.state")
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["fps"] == 30
    assert len(state) == pytest.approx(SECONDS * 30, abs=3)
    assert state[:, 0] == pytest.approx(0.2 + 0.1 * np.arange(len(state)) / 30, abs=1e-4)


@pytest.mark.parametrize("encoding", ["mono8", "16UC1", "yuv422", "bayer_rggb8"])
def test_images_of_other_encodings_are_named(encoding, tmp_path, capsys):
    bag(tmp_path / "src", encoding=encoding, until=0.5)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert f"has the encoding {encoding}, expected rgb8, bgr8" in capsys.readouterr().err


def test_a_bag_whose_file_was_cut_short_is_named(tmp_path, capsys):
    bag(tmp_path / "src", until=0.5)
    (file,) = (tmp_path / "src").glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-5000])
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    assert f"{tmp_path / 'src'}: cannot be read" in capsys.readouterr().err


def test_images_that_are_not_whole_are_named_with_camera_and_step(tmp_path, monkeypatch, capsys):
    whole = image

    def cut(at_s, topic, encoding, compressed):
        message = whole(at_s, topic, encoding, compressed)
        message.data = message.data[: 100 if at_s > 0.3 else None]
        return message

    monkeypatch.setitem(globals(), "image", cut)
    bag(tmp_path / "src", until=0.6)
    assert convert(tmp_path / "src", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "an image of 64x48 bgr8 has 100 bytes in rows of 192" in said
    assert "cam_high, step 1" in said


def test_more_steps_a_second_are_interpolated_and_said(tmp_path, capsys):
    bag(tmp_path / "src", until=1.0)
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "60") == 0
    assert "become 60: joints are interpolated, images repeat" in capsys.readouterr().err
    state = columns(tmp_path / "out", "observation.state")
    assert state[:, 0] == pytest.approx(0.2 + 0.1 * np.arange(len(state)) / 60, abs=1e-4)


def test_states_and_commands_may_be_in_several_topics_or_one(tmp_path):
    both_in_one(tmp_path / "src", "/master/both")
    topics = TOPICS.replace(
        "[{topic: /master/left}, {topic: /master/right}]", "[{topic: /master/both}]"
    )
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25", topics=topics) == 0
    action = columns(tmp_path / "out", "action")
    at_s = np.arange(len(action)) / 25
    assert action[:, 0] == pytest.approx(0.2 + 0.1 * at_s, abs=1e-5)
    assert action[:, 7] == pytest.approx(0.7 + 0.1 * at_s, abs=1e-5)


def test_without_commands_the_next_state_is_the_action_and_that_is_said(tmp_path, capsys):
    bag(tmp_path / "src", until=1.0)
    topics = "\n".join(line for line in TOPICS.splitlines() if not line.startswith("action"))
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25", topics=topics) == 0
    assert "action: the follower's next position, because the file of" in capsys.readouterr().err
    state, action = (columns(tmp_path / "out", name) for name in ("observation.state", "action"))
    assert np.array_equal(action[:-1], state[1:])


@pytest.mark.parametrize("how", [{"use_chunking": False}, {"enable_crcs": False}])
def test_files_without_chunks_or_checksums_are_read(how, tmp_path):
    bag(tmp_path / "src", until=1.0)
    rewritten(next((tmp_path / "src").glob("*.mcap")), **how)
    assert convert(tmp_path / "src", tmp_path / "out", "--fps", "25") == 0
    assert len(columns(tmp_path / "out", "action")) == 25


@pytest.mark.parametrize("told", [True, False])
def test_a_file_compressed_as_a_whole_is_read_or_named_with_what_unpacks_it(told, tmp_path, capsys):
    """`ros2 bag record --compression-mode file` says so in metadata.yaml; nobody else does."""
    bag(tmp_path / "src", until=1.0)
    path = next((tmp_path / "src").glob("*.mcap"))
    packed(path, ".zstd")
    if told:
        metadata = tmp_path / "src" / "metadata.yaml"
        content = yaml.safe_load(metadata.read_text())
        known = content["rosbag2_bagfile_information"]
        known |= {"compression_format": "zstd", "compression_mode": "FILE"}
        known["relative_file_paths"] = [f"{path.name}.zstd"]
        metadata.write_text(yaml.safe_dump(content))
    code = convert(tmp_path / "src", tmp_path / "out", "--fps", "25")
    said = capsys.readouterr().err
    assert (code == 0) == told
    assert told or f"was {path.name}.zstd compressed by hand? `zstd -d --rm` unpacks it" in said


def test_a_bag_that_was_cut_off_is_named_with_what_mends_it(tmp_path, capsys):
    bag(tmp_path / "src", until=0.5)
    (tmp_path / "src" / "metadata.yaml").unlink()
    assert convert(tmp_path / "src", tmp_path / "out") == 2
    assert f"`ros2 bag reindex {tmp_path / 'src'}`" in capsys.readouterr().err


def test_images_too_rare_for_a_robot_are_refused_without_an_option_that_there_is_not(
    tmp_path, monkeypatch, capsys
):
    bag(tmp_path / "src/bag")
    monkeypatch.setattr("teleop.convert.rosbag2._rate", lambda stamps: 0.5)
    assert convert(tmp_path / "src", tmp_path / "out", "--workers", "1") == 1
    said = capsys.readouterr().err
    assert "0.5 steps a second, expected 1 to 1000: the images' header stamps are wrong" in said
    assert "--source-fps" not in said
