"""Killed ROS 2 processes leave 32 MB of shared memory each; the next start gives it back."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vega_runtime.abandoned_memory import FOLDER, YOUNG_S, give_back

NODE = "import rclpy; rclpy.init(); node = rclpy.create_node('owner'); print('up'); input()"


@pytest.fixture
def segment(tmp_path):
    def make(name, age_s=YOUNG_S + 10):
        segment, lock = tmp_path / name, tmp_path / f"{name}_el"
        segment.write_bytes(bytes(8192))
        lock.touch()
        os.utime(lock, (time.time() - age_s,) * 2)
        return segment, lock

    return make


def test_what_nobody_holds_is_removed(segment, tmp_path):
    segment("fastrtps_0123456789abcdef")
    segment("fastrtps_port7411")
    assert give_back(tmp_path) == 2 * 8192
    assert not list(tmp_path.iterdir())


def test_what_a_living_process_holds_is_new_or_is_not_of_ros_stays(segment, tmp_path):
    _, held = segment("fastrtps_held")
    segment("fastrtps_new", age_s=0)
    segment("somebodys")
    with held.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert give_back(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 6


def test_a_lock_without_its_segment_is_removed_too(segment, tmp_path):
    segment("fastrtps_a")[0].unlink()
    assert give_back(tmp_path) == 0
    assert not list(tmp_path.iterdir())


def segments_of(process):
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    names = {line.split()[-1] for line in maps.splitlines() if f"{FOLDER}/fastrtps_" in line}
    return {name for name in names if "port" not in name and not name.endswith("_el")}


def test_a_killed_node_s_memory_is_found_by_its_lock(tmp_path):
    command = [sys.executable, "-u", "-c", NODE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as node:
        assert node.stdout.readline() == b"up\n"
        own = segments_of(node)
        if not own:
            pytest.skip("this ROS 2 does not use Fast DDS' shared memory")
        node.send_signal(signal.SIGKILL)
    left = [Path(name) for segment in own for name in (segment, f"{segment}_el")]
    for file in left:
        (tmp_path / file.name).symlink_to(file)
        os.utime(file, (time.time() - YOUNG_S - 10,) * 2)
    assert give_back(tmp_path) > 0
    for file in left:
        file.unlink()
