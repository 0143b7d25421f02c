"""The live view shows the newest, thins what is dense, and says what it cannot show."""

import json
import math
import shutil
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from vega_teleop import view as view_module
from vega_teleop.view import View, format_duration

import hw_config
from teleop.dataset import cdr
from teleop.placements import Grid
from teleop.session.state import SessionPhase, SessionState

NAMES = hw_config.load().arms["left"].joint_names
WAIT_S = 20.0


class Shown:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.images, self.tracks, self.takes, self.events, self.coverages = [], [], [], [], []
        self.came, self.closed = threading.Event(), False

    def image(self, camera, stamp_ns, jpeg):
        self.images.append((camera, stamp_ns, cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)))
        self.came.set()

    def joints(self, arm, role, stamps_ns, positions):
        self.tracks.append((arm, role, stamps_ns, positions))

    def take(self, stamp_ns, markdown):
        self.takes.append((stamp_ns, markdown))

    def event(self, stamp_ns, text, loud):
        self.events.append((stamp_ns, text, loud))

    def coverage(self, stamp_ns, png):
        self.coverages.append(png)

    def close(self):
        self.closed = True


@pytest.fixture
def shown():
    return Shown()


@pytest.fixture
def view(shown):
    return View(shown)


def image(stamp_ns, rgb=(200, 30, 10), encoding="rgb8"):
    pixels = np.full((48, 64, 3), rgb, np.uint8)
    writer = cdr.CdrWriter().header(stamp_ns, "lens").uint32(48).uint32(64).string(encoding)
    whole = bytearray(writer.bytes()) + b"\x00"
    whole += b"\x00" * (-len(whole) % 4)
    return bytes(whole + np.array([192, pixels.size], "<u4").tobytes() + pixels.tobytes())


def state(phase=SessionPhase.RECORDING, **other):
    fields = {
        "phase": phase,
        "text": "Enter saves it",
        "episode": 40,
        "saved": 37,
        "wanted": 100,
        "take_s": 12.34,
        "left_s": 1500.0,
        "placement": "laptop: 2nd row from the robot",
        "problems": (),
    }
    return SessionState(**{**fields, **other})


def test_the_newest_image_of_each_camera_is_shown_once(view, shown):
    view.offer_image("head", image(1, rgb=(0, 0, 255)))
    view.offer_image("head", image(2))
    view.offer_image("left_wrist", image(3))
    view.update()
    view.update()
    assert sorted((camera, stamp) for camera, stamp, _ in shown.images) == [
        ("head", 2),
        ("left_wrist", 3),
    ]
    pixel = shown.images[0][2][24, 32].astype(int)
    assert list(pixel) == pytest.approx((10, 30, 200), abs=6)  # OpenCV: blue first


def test_tracks_are_thinned_to_fifty_a_second(view, shown):
    for n in range(100):
        for role in ("follower", "leader"):
            position = np.full(7, n / 100)
            view.offer_joints("left", role, cdr.joint_state(n * 5_000_000, NAMES, position))
    view.update()
    assert [(arm, role) for arm, role, *_ in shown.tracks] == [
        ("left", "follower"),
        ("left", "leader"),
    ]
    _, _, stamps, positions = shown.tracks[0]
    assert list(stamps) == [n * 20_000_000 for n in range(25)]
    assert list(positions[:, 6]) == [4 * n / 100 for n in range(25)]
    view.update()
    assert len(shown.tracks) == 2


def test_a_track_goes_on_after_the_clock_was_set_back(view, shown):
    for stamp in (5_000_000_000, 1_000_000_000, 1_005_000_000, 1_020_000_000):
        view.offer_joints("left", "follower", cdr.joint_state(stamp, NAMES, np.zeros(7)))
    view.update()
    assert list(shown.tracks[0][2]) == [5_000_000_000, 1_000_000_000, 1_020_000_000]


def test_a_view_that_is_held_up_keeps_the_newest_of_a_track(view, shown):
    for n in range(1000):
        view.offer_joints("left", "follower", cdr.joint_state(n * 20_000_000, NAMES, np.zeros(7)))
    view.update()
    stamps = shown.tracks[0][2]
    assert (len(stamps), stamps[-1]) == (200, 999 * 20_000_000)


def test_what_cannot_be_shown_is_told_once(view, shown):
    for stamp in (7, 8):
        view.offer_image("head", image(stamp, encoding="mono8"))
        view.update()
    assert shown.events == [
        (0, "not shown: expected an rgb8 or bgr8 image, got 'mono8'", True),
    ]
    view.offer_image("head", image(9))
    view.update()
    assert [stamp for _, stamp, _ in shown.images] == [9]


def test_events_are_shown_in_order_and_problems_are_loud(view, shown):
    view.offer_event(1, "began", "episode 40")
    view.offer_event(2, "problem", "head camera: no image for 0.3 s")
    view.offer_event(3, "paused", "")
    view.update()
    assert shown.events == [
        (1, "began: episode 40", False),
        (2, "problem: head camera: no image for 0.3 s", True),
        (3, "paused", False),
    ]


def test_a_session_is_told_in_words():
    text = format_duration("close_laptop", state())
    assert text.splitlines()[0] == "# RECORDING 12.3 s"
    assert "**37 of 100** close_laptop, about 25 min left; episode 40" in text
    assert "**Place**: laptop: 2nd row from the robot" in text
    text = format_duration("close_laptop", state(problems=("no images", "disk is full")))
    assert text.startswith("# PROBLEM, RECORDING")
    assert text.endswith("- no images\n\n- disk is full")
    text = format_duration("close_laptop", state(SessionPhase.READY, left_s=math.nan, placement=""))
    assert text.splitlines()[0] == "# READY"
    assert "left" not in text
    assert "Place" not in text
    assert "about 45 s left" in format_duration("close_laptop", state(left_s=45.0))
    assert "about 2.0 h left" in format_duration("close_laptop", state(left_s=7200.0))


def test_coverage_is_drawn_when_an_episode_has_come_or_gone(view, shown, monkeypatch):
    grid = Grid(hw_config.load_task("close_laptop"), "easy")
    infos, read = [], []

    def read_infos(folder):
        read.append(str(folder))
        return infos

    monkeypatch.setattr(view_module, "read_infos", read_infos)

    def update(**of_state):
        view.offer_session(1, "close_laptop", "/data/set", state(**of_state))
        view.update()

    update(saved=0)
    update(saved=0, take_s=13.0)
    assert (len(shown.takes), read) == (2, ["/data/set"])
    placement = grid.next_placement(infos)
    infos.append(SimpleNamespace(task="close_laptop", outcome="success", placement=placement))
    update(saved=1, phase=SessionPhase.SAVING)
    assert len(read) == 1
    update(saved=1)
    assert len(read) == 2
    assert shown.coverages[0] != shown.coverages[1]
    assert shown.coverages[1].startswith(b"\x89PNG")


def test_a_task_without_a_grid_has_no_coverage(view, shown, monkeypatch, tmp_path):
    shutil.copytree(hw_config.config_dir() / "tasks", tmp_path / "tasks")
    file = tmp_path / "tasks" / "close_laptop.yaml"
    file.write_text(file.read_text().split("placement:")[0])
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path))
    view.offer_session(1, "close_laptop", "/nowhere", state())
    view.update()
    assert (shown.coverages, shown.events) == ([], [])
    assert len(shown.takes) == 1


def test_a_dataset_that_cannot_be_read_does_not_end_the_view(view, shown, tmp_path):
    (tmp_path / "dataset.yaml").write_text(json.dumps({"format": 99}))
    view.offer_session(1, "close_laptop", str(tmp_path), state())
    view.update()
    assert shown.coverages == []
    assert "not shown: " in shown.events[0][1]
    assert len(shown.takes) == 1


def test_a_started_view_shows_by_itself_until_it_is_stopped(shown):
    view = View(shown, rate_hz=30.0)
    view.start()
    view.offer_image("head", image(5))
    assert shown.came.wait(WAIT_S)
    view.stop()
    assert shown.closed
    view.offer_image("head", image(6))
    assert [stamp for _, stamp, _ in shown.images] == [5]
