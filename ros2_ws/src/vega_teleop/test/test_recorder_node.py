"""The node over real topics: what is sent is in the sealed episode, what is wrong is said."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from std_srvs.srv import Trigger
from vega_msgs.msg import TakeEvent, TeleopState
from vega_runtime import qos
from vega_runtime.node import light_executor
from vega_runtime.parameters import ParameterError
from vega_teleop.recorder_node import RecorderNode

import hw_config
from benches.recorder.streams import run, sources
from teleop.dataset.episode import command_topic, joint_topic
from teleop.dataset.reader import open_episode
from teleop.dataset.store import read_infos
from vega_core.files import OutputFile

WAIT_S = 30.0
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
# A cell that is small and slow enough for one process that does everything.
SLOWER = {
    "cameras.yaml": (
        ("width: 640", "width: 64"),
        ("height: 480", "height: 48"),
        ("fps: 30", "fps: 10"),
    ),
    "rates.yaml": (("state_hz: 200", "state_hz: 25"), ("gate_hz: 200", "gate_hz: 25")),
    "recording.yaml": (
        ("rate_tolerance: 0.1", "rate_tolerance: 0.6"),
        ("max_missing_images: 0.01", "max_missing_images: 0.6"),
        ("max_image_gap_s: 0.12", "max_image_gap_s: 1.0"),
        ("max_state_gap_s: 0.05", "max_state_gap_s: 1.0"),
        ("max_camera_skew_s: 0.02", "max_camera_skew_s: 1.0"),
        ("max_joint_skew_s: 0.005", "max_joint_skew_s: 1.0"),
        ("max_delay_s: 0.3", "max_delay_s: 3.0"),
    ),
}


@pytest.fixture(autouse=True)
def cell(monkeypatch, tmp_path):
    """A slower copy of the cell."""
    folder = shutil.copytree(hw_config.config_dir(), tmp_path / "cell")
    for name, changes in SLOWER.items():
        text = (folder / name).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (folder / name).write_text(text)
    monkeypatch.setenv("VEGA_HW_CONFIG", str(folder))
    return folder


class Room:
    """The recorder, a cell that sends, and an operator, in one process."""

    def __init__(self, dataset: Path) -> None:
        parameters = {"dataset": dataset, "robot": "real", "operator": "Ada", "episodes": 3}
        arguments = [part for k, v in parameters.items() for part in ("-p", f"{k}:={v}")]
        rclpy.init(args=["--ros-args", *arguments])
        self.states: list[TeleopState] = []
        self.events: list[TakeEvent] = []
        self.recorder = RecorderNode()
        self.node = rclpy.create_node("room")
        self.node.create_subscription(TeleopState, "teleop/state", self.states.append, qos.LATCHED)
        self.node.create_subscription(TakeEvent, "teleop/event", self.events.append, qos.REPORT)
        self.executor = light_executor()
        self.executor.add_node(self.recorder)
        self.executor.add_node(self.node)
        hardware = hw_config.load()
        frames = {
            name: np.full((2, c.height, c.width, 3), 80, np.uint8)
            for name, c in hardware.cameras.items()
        }
        self.ending = threading.Event()
        self.sending = sources(self.node, hardware, frames)
        self.sender = threading.Thread(
            target=run, args=(self.sending, 3600.0, lambda: not self.ending.is_set())
        )

    def start_sending(self) -> None:
        self.sender.start()

    def silence(self, topic: str) -> None:
        """From now on nothing is sent on a topic."""
        (source,) = (each for each in self.sending if each.topic == topic)
        source.send = lambda stamp_ns: None

    def until(self, condition, what: str) -> None:
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, f"waited in vain for {what}: {self.states[-1:]}"
            self.executor.spin_once(timeout_sec=0.05)

    def until_phase(self, phase: int) -> None:
        self.until(lambda: self.states and self.states[-1].phase == phase, f"phase {phase}")

    def until_length(self, seconds: float) -> None:
        self.until(lambda: self.states[-1].take_s >= seconds, f"a take of {seconds} s")

    def ask(self, verb: str) -> Trigger.Response:
        client = self.node.create_client(Trigger, f"teleop/{verb}")
        self.until(client.service_is_ready, f"service {verb}")
        future = client.call_async(Trigger.Request())
        self.until(future.done, f"an answer of {verb}")
        self.node.destroy_client(client)
        return future.result()

    def bring_up(self) -> None:
        assert self.recorder.trigger_configure() == SUCCESS
        assert self.recorder.trigger_activate() == SUCCESS
        self.start_sending()
        self.until_phase(TeleopState.READY)

    def close(self) -> None:
        self.ending.set()
        if self.sender.is_alive():
            self.sender.join()
        self.recorder.close()
        self.executor.shutdown(timeout_sec=1.0)
        self.recorder.destroy_node()
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path / "data")
    yield made
    made.close()


def test_what_the_cell_sends_is_in_the_sealed_episode(room, tmp_path):
    room.bring_up()
    assert room.ask("start").success
    room.until_length(1.5)
    assert room.ask("save").success
    room.until(lambda: read_infos(tmp_path / "data"), "the episode")
    room.until_phase(TeleopState.READY)
    (info,) = read_infos(tmp_path / "data")
    assert (info.task, info.operator, info.robot) == ("close_laptop", "Ada", "real")
    assert info.problems == ()
    with open_episode(tmp_path / "data" / "episodes" / "000000", verify=True) as episode:
        assert episode.cameras == ("head", "left_wrist", "right_wrist")
        assert episode.arms == ("left", "right")
        for arm in episode.arms:
            for joints in (episode.joints(arm), episode.joints(arm, "leader")):
                assert len(joints.stamps_ns) >= 25
            assert len(episode.commands(arm).stamps_ns) >= 25
        assert len(list(episode.images("left_wrist"))) >= 10
        assert next(event.kind for event in episode.events()) == "began"
        assert episode.hardware_files().keys() >= {"cameras.yaml", "tasks/close_laptop.yaml"}
        assert len(episode.messages("/head_camera/camera_info")) == 1
        name, text = episode.schema(command_topic("left"))
        assert name == "vega_msgs/msg/ArmCommand"
        assert "MSG: std_msgs/Header" in text


def test_nothing_begins_while_a_camera_is_missing(room):
    room.silence("left_wrist_camera/image_raw")
    assert room.recorder.trigger_configure() == SUCCESS
    assert room.recorder.trigger_activate() == SUCCESS
    room.start_sending()
    missing = "no image of the left wrist camera"
    room.until(lambda: room.states and room.states[-1].text.count("no ") == 1, "one thing missing")
    assert missing in room.states[-1].text
    answer = room.ask("start")
    assert not answer.success
    assert missing in answer.message


@pytest.mark.parametrize(
    ("topic", "title"),
    [
        ("head_camera/image_raw", "image of the head camera"),
        (joint_topic("right", "leader").lstrip("/"), "joint state of the right leader"),
    ],
)
def test_a_stream_that_ends_in_a_take_is_called_out_at_once(room, topic, title):
    room.bring_up()
    assert room.ask("start").success
    room.until_length(0.5)
    room.silence(topic)
    room.until(lambda: room.states[-1].problems, "a problem")
    assert room.states[-1].problems[0].startswith(f"no {title} for ")
    assert room.states[-1].phase == TeleopState.RECORDING
    room.until(lambda: any(e.kind == "problem" for e in room.events), "an event")
    assert room.ask("discard").success


def test_a_full_disk_ends_the_take_with_words_and_costs_no_other_episode(
    room, tmp_path, monkeypatch
):
    full = threading.Event()
    write = OutputFile.write

    def write_or_not(self, data):
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, data)

    monkeypatch.setattr(OutputFile, "write", write_or_not)
    room.bring_up()
    assert room.ask("start").success
    room.until_length(1.2)
    assert room.ask("save").success
    room.until_phase(TeleopState.READY)
    assert room.ask("start").success
    room.until_length(1.2)
    full.set()
    room.until(lambda: any(e.kind == "failed" for e in room.events), "the end of the take")
    assert any("No space left on device: free some space" in e.text for e in room.events)
    assert [info.index for info in read_infos(tmp_path / "data")] == [0]
    full.clear()
    room.until_phase(TeleopState.READY)
    assert room.ask("start").success
    room.until_length(1.2)
    assert room.ask("save").success
    room.until_phase(TeleopState.READY)
    assert [info.index for info in read_infos(tmp_path / "data")] == [0, 2]
    assert [path.name for path in (tmp_path / "data" / "recording").iterdir()] == ["000001"]


def test_two_recorders_on_one_dataset_are_refused_and_the_first_goes_on(room, tmp_path, capfd):
    room.bring_up()
    second = RecorderNode()
    try:
        assert second.trigger_configure() == FAILURE
    finally:
        second.close()
        second.destroy_node()
    assert f"cannot configure: {tmp_path / 'data'}" in capfd.readouterr().err
    assert room.ask("start").success


def test_a_take_that_is_cut_off_by_the_end_stays_to_be_recovered(room, tmp_path):
    room.bring_up()
    assert room.ask("start").success
    room.until_length(1.0)
    assert room.recorder.trigger_deactivate() == SUCCESS
    assert room.recorder.trigger_cleanup() == SUCCESS
    assert read_infos(tmp_path / "data") == []
    assert [path.name for path in (tmp_path / "data" / "recording").iterdir()] == ["000000"]
    # The dataset is free again.
    assert room.recorder.trigger_configure() == SUCCESS


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ((), "the parameter 'dataset' is missing"),
        (("dataset:=x", "robot:=toy"), "robot 'toy': expected one of sim, emulated, real"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, says):
    arguments = [part for text in parameters for part in ("-p", text)]
    rclpy.init(args=["--ros-args", *arguments])
    try:
        with pytest.raises(ParameterError, match=says):
            RecorderNode()
    finally:
        rclpy.try_shutdown()


def test_a_wrong_task_is_refused_with_those_there_are(tmp_path, capfd):
    arguments = ["-p", f"dataset:={tmp_path / 'data'}", "-p", "task:=close_laptp"]
    rclpy.init(args=["--ros-args", *arguments])
    try:
        node = RecorderNode()
        assert node.trigger_configure() == FAILURE
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    assert "Did you mean close_laptop?" in capfd.readouterr().err
