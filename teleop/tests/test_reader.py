import cv2
import numpy as np
import pytest

from teleop.dataset import cdr
from teleop.dataset.episode import MCAP_FILE, TakeEnd, joint_topic
from teleop.dataset.reader import open_episode
from teleop.errors import EpisodeDamaged
from teleop.tests.definitions import schema
from teleop.tests.episodes import (
    CAMERA_HZ,
    COLOURS,
    LEAD_S,
    START_NS,
    Faults,
    make_episode,
    number_in,
    open_store,
    positions,
    take_start,
)
from vega_core.stamps import NS


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader") / "data"
    with open_store(folder) as store:
        make_episode(store, 1.0)
        make_episode(store, 0.5, commands=False, leaders=False)
    return folder


@pytest.fixture
def episode(dataset):
    with open_episode(dataset / "episodes/000000") as episode:
        yield episode


def test_arms_and_cameras_are_in_the_order_of_the_configuration(episode):
    assert episode.arms == ("left", "right")
    assert episode.cameras == ("head", "left_wrist", "right_wrist")


@pytest.mark.parametrize("arm", ["left", "right"])
def test_joints_are_exact_and_in_time(episode, arm):
    follower, leader = episode.joints(arm), episode.joints(arm, "leader")
    commands = episode.commands(arm)
    times = (follower.stamps_ns - START_NS) / NS
    assert (np.diff(follower.stamps_ns) == NS // 200).all()
    assert (follower.position == positions(arm, times)).all()
    assert (leader.position == positions(arm, times + LEAD_S)).all()
    assert (commands.position == leader.position).all()
    assert (follower.received_ns == follower.stamps_ns + NS // 1000).all()
    assert (follower.velocity == 0).all()
    assert np.isnan(commands.velocity).all()
    assert follower.names[0] == f"{arm}_joint1"


def test_images_come_by_stamp_with_their_colours(episode):
    for camera in episode.cameras:
        images = list(episode.images(camera))
        assert len(images) == CAMERA_HZ
        assert [stamp for stamp, _ in images] == episode.image_stamps(camera).tolist()
        for number, (stamp, jpeg) in enumerate(images):
            bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            rgb = bgr[..., ::-1]
            assert stamp == START_NS + round(number / CAMERA_HZ * NS)
            assert number_in(rgb) == number
            assert np.abs(rgb[10, 10].astype(int) - COLOURS[camera]).max() <= 4
        assert (episode.image_received(camera) - episode.image_stamps(camera) == NS // 50).all()


def test_cameras_can_be_read_side_by_side(episode):
    together = zip(*(episode.images(camera) for camera in episode.cameras))
    assert [len({stamp for stamp, _ in row}) for row in together] == [1] * CAMERA_HZ


def test_what_was_not_recorded_is_none(dataset):
    with open_episode(dataset / "episodes/000001") as episode:
        assert episode.commands("left") is None
        assert episode.joints("left", "leader") is None
        assert episode.joints("left") is not None


def test_events_and_configuration_are_there(episode):
    assert [event.kind for event in episode.events()] == ["began", "ended"]
    files = episode.hardware_files()
    assert "arms.yaml" in files
    assert "tasks/close_laptop.yaml" in files
    assert "base_xyz" in files["arms.yaml"]


def test_unknown_camera_is_named(episode):
    with pytest.raises(EpisodeDamaged, match="no camera ceiling; it has head, left_wrist"):
        episode.image_stamps("ceiling")


def test_missing_camera_is_not_listed(tmp_path):
    with open_store(tmp_path) as store:
        make_episode(store, 0.2, faults=Faults(missing_cameras=["left_wrist"]))
    with open_episode(tmp_path / "episodes/000000") as episode:
        assert episode.cameras == ("head", "right_wrist")
        assert len(episode.image_stamps("left_wrist")) == 0


def record_joints(folder, messages):
    with open_store(folder) as store:
        take = store.begin(take_start())
        channel = take.writer.add_topic(joint_topic("left"), schema("sensor_msgs/JointState"))
        for stamp, data in messages:
            take.writer.write(channel, stamp + 1, stamp, data)
        store.save(take, TakeEnd(end_ns=START_NS + NS))
    return folder / "episodes/000000"


def test_joints_in_another_order_are_put_in_order_by_name(tmp_path):
    names = [f"left_joint{i}" for i in range(1, 7)] + ["left_gripper"]
    data = cdr.joint_state(START_NS, names[::-1], [float(i) for i in range(7)])
    with open_episode(record_joints(tmp_path, [(START_NS, data)])) as episode:
        assert episode.joints("left").position.tolist() == [[6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]]
        assert episode.joints("left").names == tuple(names)


def test_missing_joint_is_an_error(tmp_path):
    data = cdr.joint_state(START_NS, ["left_joint1"], [0.0])
    with (
        open_episode(record_joints(tmp_path, [(START_NS, data)])) as episode,
        pytest.raises(EpisodeDamaged, match="/left/follower/joint_states"),
    ):
        episode.joints("left")


def test_joints_that_came_out_of_order_are_sorted_by_stamp(tmp_path):
    names = [f"left_joint{i}" for i in range(1, 7)] + ["left_gripper"]
    stamps = [START_NS, START_NS + 30, START_NS + 20, START_NS + 10]
    rows = [(s, cdr.joint_state(s, names, [float(s - START_NS)] * 7)) for s in stamps]
    with open_episode(record_joints(tmp_path, rows)) as episode:
        assert episode.joints("left").position[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0]


def test_changed_file_is_refused_with_what_to_do(dataset, tmp_path):
    with open_store(tmp_path) as store:
        make_episode(store, 0.2)
    folder = tmp_path / "episodes/000000"
    path = folder / MCAP_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(EpisodeDamaged, match=r"changed since it was sealed.*teleop\.repair"):
        open_episode(folder, verify=True)
    path.write_bytes(content[:-1])
    with pytest.raises(EpisodeDamaged, match="were sealed"):
        open_episode(folder)
    path.unlink()
    with pytest.raises(EpisodeDamaged, match="cannot be read"):
        open_episode(folder)
    with pytest.raises(EpisodeDamaged, match=r"episode\.json is missing"):
        open_episode(tmp_path)
