"""Recordings and the twin's images in the place of cameras."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pyrealsense2 as rs
import pytest
from vega_cameras.devices import CameraError
from vega_cameras.emulation.frame_link import LinkReader, LinkWriter
from vega_cameras.emulation.pattern import Pattern, number_in
from vega_cameras.emulation.recordings import RecordedDevices
from vega_cameras.emulation.software_camera import SoftwareCamera
from vega_cameras.emulation.twin_feed import TwinFeed
from vega_cameras.rig import Rig

import hw_config

WAIT_S = 20.0
CAMERAS = hw_config.load().cameras
HEAD = CAMERAS["head"]
_WRITER = """
import sys, numpy as np
from vega_cameras.emulation.frame_link import LinkWriter
image = np.full((480, 640, 3), 200, np.uint8)
assert LinkWriter(sys.argv[1]).write("head", image, 1234567)
"""


def record(path, config, frames):
    """A recording of a camera that sees the test image."""
    camera = SoftwareCamera(config)
    recorder = rs.recorder(str(path), camera.device)
    (sensor,) = (s for s in recorder.query_sensors() if s.name == camera.sensor.name)
    (profile,) = (p for p in sensor.get_stream_profiles() if p.stream_type() == rs.stream.color)
    queue = rs.frame_queue(frames)
    sensor.open(profile)
    sensor.start(queue)
    pattern = Pattern(config)
    begun_ns = time.time_ns()
    for number in range(frames):
        camera.push(pattern(number), begun_ns + number * 33_333_333)
        queue.wait_for_frame(1000)
    sensor.stop()
    sensor.close()


def test_a_recording_stands_in_for_its_camera_and_begins_again_at_its_end(tmp_path, quick):
    record(tmp_path / "head.db3", HEAD, 20)
    numbers, enough = [], threading.Event()

    def deliver(name, frame):
        numbers.append(number_in(frame.pixels))
        assert abs(time.time_ns() - frame.stamp_ns) < 60e9
        if len(numbers) > 20:
            enough.set()

    told = []
    camera = HEAD.model_copy(update={"warm_up_frames": 2})
    rig = Rig([camera], RecordedDevices(tmp_path), quick, deliver, told.append)
    rig.start()
    try:
        assert enough.wait(WAIT_S), (numbers, told)
        camera = rig.cameras["head"]
        assert (camera.identity.serial, camera.identity.recorded) == (HEAD.serial, True)
        assert camera.stamper.trouble == ""
        assert len(set(numbers)) < len(numbers) <= 2 * 20
    finally:
        assert rig.stop() == []


def test_a_file_that_is_no_recording_is_named(tmp_path):
    (tmp_path / "broken.db3").write_bytes(b"not a recording")
    with pytest.raises(CameraError, match=r"broken\.db3 cannot be played"):
        RecordedDevices(tmp_path)


@pytest.fixture
def link():
    name = f"vega_test_{os.getpid()}"
    reader, writer = LinkReader(name), LinkWriter(name)
    yield reader, writer
    writer.close()
    reader.close()


def test_images_cross_to_another_process(link, child_environment):
    reader, _ = link
    writer = [sys.executable, "-c", _WRITER, f"vega_test_{os.getpid()}"]
    subprocess.run(writer, env=child_environment, check=True)
    image = reader.read(WAIT_S)
    assert (image.camera, image.captured_ns) == ("head", 1234567)
    np.testing.assert_array_equal(image.pixels, np.full((480, 640, 3), 200))


def test_a_writer_without_a_reader_loses_nothing_but_the_image():
    writer = LinkWriter(f"vega_test_nobody_{os.getpid()}")
    assert not writer.write("head", np.zeros((2, 2, 3), np.uint8))
    writer.close()


def test_a_reader_that_sleeps_gets_no_mixed_image(link):
    reader, writer = link
    sent = sum(writer.write("head", np.full((480, 640, 3), n, np.uint8)) for n in range(40))
    seen = [reader.read(0.01) for _ in range(sent)]
    for image in filter(None, seen):
        assert len(np.unique(image.pixels)) == 1
    assert 0 < sent < 40  # the writer did not wait
    assert reader.torn == seen.count(None)


def test_a_writer_finds_the_next_reader():
    name = f"vega_test_again_{os.getpid()}"
    writer = LinkWriter(name)
    for value in (1, 2):
        reader = LinkReader(name)
        assert writer.write("head", np.full((4, 4, 3), value, np.uint8))
        assert reader.read(WAIT_S).pixels[0, 0, 0] == value
        reader.close()
        assert not writer.write("head", np.zeros((4, 4, 3), np.uint8))
    writer.close()


def test_there_is_one_reader(link):
    with pytest.raises(OSError, match="takes the twin's images already"):
        LinkReader(f"vega_test_{os.getpid()}")


class Eye:
    """In the place of a software camera: notes what it is shown."""

    def __init__(self):
        self.config = HEAD
        self.seen = []
        self.changed = threading.Condition()

    def push(self, pixels, captured_ns):
        with self.changed:
            self.seen.append((int(pixels[0, 0, 0]), captured_ns))
            self.changed.notify_all()

    def until(self, condition):
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.seen), WAIT_S), self.seen


def test_cameras_see_grey_then_the_twin_then_its_last_image_then_nothing(link):
    reader, writer = link
    eye = Eye()
    feed = TwinFeed({"head": eye}, reader, paused_s=0.1, dead_s=0.5)
    try:
        eye.until(lambda seen: len(seen) >= 3)
        assert {value for value, _ in eye.seen} == {96}
        assert writer.write("head", np.full((480, 640, 3), 7, np.uint8), time.time_ns())
        eye.until(lambda seen: [value for value, _ in seen].count(7) >= 3)
        assert writer.write("unknown", np.full((480, 640, 3), 9, np.uint8))
        stamps = [stamp for _, stamp in eye.seen]
        assert stamps == sorted(set(stamps))
        before = -1
        while len(eye.seen) > before:  # until it has been silent for longer than a pause
            before = len(eye.seen)
            threading.Event().wait(0.3)
        assert eye.seen[-1][0] == 7
    finally:
        feed.stop()
