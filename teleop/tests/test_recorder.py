"""What comes in is in the episode's file, whatever the disk does; nothing ever waits for it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import hw_config
from teleop.dataset import cdr
from teleop.dataset.reader import Recorded, open_episode
from teleop.dataset.store import Store, read_infos
from teleop.errors import RecordingFailed, TeleopError
from teleop.recording import recorder
from teleop.recording.recorder import Clocks, Handling, RecordedTopic, Recorder
from teleop.recording.take_monitor import Stream
from teleop.tests.definitions import schema
from teleop.tests.episodes import layout, take_start
from teleop.tests.test_jpeg import image_message
from vega_core.files import OutputFile
from vega_core.stamps import NS

CAMERA, INFO, ARM, STATE = "/head_camera/image_raw/compressed", "/info", "/arm", "/gate/state"
PIXELS = np.full((48, 64, 3), (200, 30, 60), np.uint8)
TOPICS = (
    RecordedTopic(
        Stream(CAMERA, "image of the head camera", "camera", 30.0, 0.12),
        schema("sensor_msgs/CompressedImage"),
        Handling.IMAGE,
    ),
    RecordedTopic(Stream(INFO, "info"), schema("sensor_msgs/CameraInfo"), Handling.CONSTANT),
    RecordedTopic(
        Stream(ARM, "joint state of the arm", "follower", 200.0, 0.05),
        schema("sensor_msgs/JointState"),
    ),
    RecordedTopic(Stream(STATE, "state"), schema("vega_msgs/GateState"), Handling.STATE),
)


class Rig:
    """A recorder over a store, and a clock."""

    def __init__(self, folder: Path, steady: bool = False, open_file=OutputFile) -> None:
        self.now_ns = 1_790_000_000 * NS
        self.limits = hw_config.load().recording
        self.store = Store.open(folder, layout(), open_file=open_file)
        self.recorder = Recorder(
            TOPICS,
            schema("vega_msgs/TakeEvent"),
            self.limits,
            folder,
            Clocks(lambda: self.now_ns, (lambda: 0) if steady else None),
        )

    def begin(self):
        return self.recorder.begin(self.store.begin(take_start(start_ns=self.now_ns)))

    def arm(self, value: float = 0.0) -> bytes:
        data = cdr.joint_state(self.now_ns - 1000, ["joint"], [value])
        self.recorder.message(ARM, data)
        return data

    def image(self) -> None:
        self.recorder.message(CAMERA, image_message(PIXELS, stamp_ns=self.now_ns))

    def info(self, text: str) -> None:
        self.recorder.message(INFO, cdr.CdrWriter().header(self.now_ns, text).bytes())

    def state(self, text: str) -> bytes:
        data = cdr.CdrWriter().header(self.now_ns, text).bytes()
        self.recorder.message(STATE, data)
        return data

    def run(self, seconds: float) -> None:
        """Arms and cameras at their rates."""
        for tick in range(round(seconds * 200)):
            self.now_ns += NS // 200
            self.arm()
            if tick % 20 == 0:
                self.recorder.update()
                # Here time flies.
                assert self.recorder.encoders.drain(30.0)
            if tick % 20 in (0, 7, 13):
                self.image()

    def save(self, recording) -> Recorded:
        info = self.store.save(recording.take, recording.finish("success", ""))
        return open_episode(self.store.folder / "episodes" / f"{info.index:06d}", verify=True)

    def close(self) -> None:
        self.recorder.close()
        self.store.close()


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "data")
    yield rig
    rig.close()


class Disk:
    """A disk that can be slow or full."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.left_bytes = 1 << 40

    def open(self, path: Path) -> OutputFile:
        disk = self

        class File(OutputFile):
            def write(self, data):
                assert disk.answers.wait(30.0)
                disk.left_bytes -= len(data)
                if disk.left_bytes < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
                super().write(data)

        return File(path)


def test_messages_are_written_as_they_came_with_both_times(rig):
    recording = rig.begin()
    sent = []
    for value in (0.1, 0.2, 0.3):
        rig.now_ns += NS // 200
        sent.append((rig.now_ns, rig.arm(value)))
    with rig.save(recording) as episode:
        assert episode.messages(ARM) == sent
        assert episode.info.streams[ARM].count == 3


def test_images_become_jpeg_with_their_stamp(rig):
    recording = rig.begin()
    rig.image()
    with rig.save(recording) as episode:
        ((stamp_ns, jpeg),) = episode.images("head")
        assert stamp_ns == rig.now_ns
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_allclose(shown[20, 20], PIXELS[20, 20, ::-1], atol=4)


def test_what_came_outside_a_take_is_not_in_it(rig):
    rig.arm(1.0)
    recording = rig.begin()
    inside = rig.arm(2.0)
    recording.pause()
    rig.arm(3.0)
    recording.resume()
    also = rig.arm(4.0)
    with rig.save(recording) as episode:
        assert [data for _, data in episode.messages(ARM)] == [inside, also]
    rig.arm(5.0)


def test_constants_are_written_first_and_when_they_change(rig):
    rig.info("one")
    recording = rig.begin()
    for text in ("one", "one", "two", "two"):
        rig.now_ns += NS // 30
        rig.info(text)
    with rig.save(recording) as episode:
        names = [cdr.CdrReader(data) for _, data in episode.messages(INFO)]
        for reader in names:
            reader.stamp()
        assert [reader.string() for reader in names] == ["one", "two"]


def test_a_take_begins_with_the_states_that_hold(rig):
    rig.state("old")
    holds = rig.state("holds")
    recording = rig.begin()
    changes = rig.state("changes")
    with rig.save(recording) as episode:
        assert [data for _, data in episode.messages(STATE)] == [holds, changes]


def test_events_are_written_while_a_take_runs(rig):
    rig.recorder.event("began", "too early")
    recording = rig.begin()
    rig.recorder.event("marked", "success")
    with rig.save(recording) as episode:
        said = [(event.kind, event.text) for event in episode.events()]
        assert said == [("marked", "success"), ("ended", "")]
    assert cdr.read_take_event(rig.recorder.event("saved", "later"))[1:] == ("saved", "later")


def test_a_good_take_says_what_was_expected(rig):
    rig.run(1.0)
    assert rig.recorder.lacking() == []
    recording = rig.begin()
    rig.run(3.0)
    assert recording.problems == ()
    assert recording.seconds == pytest.approx(3.0)
    with rig.save(recording) as episode:
        assert episode.info.streams[ARM].count == episode.info.streams[ARM].expected == 600
        assert episode.info.streams[CAMERA].expected == 90
        assert episode.info.problems == ()


def test_a_message_that_is_none_makes_the_take_bad(rig):
    recording = rig.begin()
    rig.recorder.message(ARM, b"\x00\x01\x00\x00")
    rig.recorder.message(CAMERA, image_message(PIXELS, "mono8"))
    assert rig.recorder.encoders.drain(30.0)
    rig.recorder.update()
    (problem,) = recording.problems
    assert "2 messages are unusable: expected an rgb8 or bgr8 image, got 'mono8'" in problem
    rig.save(recording).close()


def test_images_that_nobody_can_encode_in_time_are_counted_not_kept(rig):
    recording = rig.begin()
    go_on = threading.Event()
    lane = rig.recorder.encoders
    blocking = image_message(PIXELS)
    for number in range(rig.limits.encoders):
        assert lane.offer(number, blocking, lambda data: go_on.wait(30.0), pytest.fail)
    for _ in range(rig.limits.max_waiting_pictures + 5):
        rig.image()
    rig.recorder.update()
    go_on.set()
    lost = 5 + rig.limits.encoders
    assert any(text.startswith(f"{lost} images were lost") for text in recording.problems)
    with rig.save(recording) as episode:
        assert len(episode.image_stamps("head")) == rig.limits.max_waiting_pictures + 5 - lost


def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path):
    disk = Disk()
    rig = Rig(tmp_path / "data", open_file=disk.open)
    recording = rig.begin()
    disk.answers.clear()
    # Would wait for ever if anything here waited for the disk.
    rig.run(3.0)
    assert recording.cut_off == ""
    disk.answers.set()
    with rig.save(recording) as episode:
        assert len(episode.messages(ARM)) == 600
    rig.close()


def test_a_full_disk_ends_the_take_and_keeps_the_earlier_episodes(tmp_path):
    disk = Disk()
    rig = Rig(tmp_path / "data", open_file=disk.open)
    first = rig.begin()
    rig.run(1.0)
    rig.save(first).close()
    second = rig.begin()
    disk.left_bytes = 20_000
    rig.run(1.0)
    while not second.cut_off:
        rig.run(1.0)
    assert second.cut_off.startswith("this take ends here: ")
    assert "No space left on device: free some space" in second.cut_off
    assert second.cut_off in second.problems
    with pytest.raises(RecordingFailed, match="No space left"):
        rig.save(second)
    assert [info.index for info in read_infos(rig.store.folder)] == [0]
    assert [path.name for path in rig.store.unsealed()] == ["000001"]
    open_episode(rig.store.folder / "episodes" / "000000", verify=True).close()
    # There is space again, and the session goes on.
    disk.left_bytes = 1 << 40
    third = rig.begin()
    rig.run(1.0)
    rig.save(third).close()
    assert [info.index for info in read_infos(rig.store.folder)] == [0, 2]
    rig.close()


def test_a_disk_that_is_nearly_full_begins_no_take_and_ends_one_in_time(rig):
    rig.run(1.0)
    recording = rig.begin()
    rig.recorder._disk.close()
    rig.recorder._disk.free_bytes = round(1.5e9)
    rig.recorder.update()
    assert recording.cut_off == ""
    assert any("the disk is nearly full (1.5 GB left)" in text for text in recording.problems)
    rig.recorder._disk.free_bytes = round(0.4e9)
    rig.recorder.update()
    assert recording.cut_off == "this take ends here: the disk is full (0.4 GB left): make space"
    # There is still room to seal what was recorded.
    rig.save(recording).close()
    rig.run(1.0)
    (lacking,) = rig.recorder.lacking()
    assert lacking.startswith("only 0.4 GB are free on the disk of ")


def test_a_stop_does_not_wait_for_ever(rig, monkeypatch):
    monkeypatch.setattr(recorder, "_DRAIN_S", 0.01)
    recording = rig.begin()
    go_on = threading.Event()
    for number in range(rig.limits.encoders):
        rig.recorder.encoders.offer(
            number, image_message(PIXELS), lambda data: go_on.wait(30.0), pytest.fail
        )
    rig.image()
    with rig.save(recording) as episode:
        assert episode.info.problems == ("the last images were not encoded in time",)
        assert not episode.cameras
    # What is late comes to nothing, and the next take is whole.
    go_on.set()
    assert rig.recorder.encoders.drain(30.0)
    recording = rig.begin()
    rig.image()
    with rig.save(recording) as episode:
        assert len(episode.image_stamps("head")) == 1


def test_two_takes_at_once_are_refused(rig):
    recording = rig.begin()
    with pytest.raises(TeleopError, match="still being recorded"):
        rig.recorder.begin(recording.take)
    rig.save(recording).close()


def test_a_stopped_take_takes_nothing_more(rig):
    recording = rig.begin()
    rig.arm(1.0)
    recording.stop()
    rig.arm(2.0)
    rig.recorder.event("problem", "late")
    with rig.save(recording) as episode:
        assert len(episode.messages(ARM)) == 1
        assert [event.kind for event in episode.events()] == ["ended"]
