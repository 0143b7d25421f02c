"""Every check of one episode, with an episode that is bad in just that way."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from teleop.dataset import cdr
from teleop.dataset.episode import EVENT_TOPIC, TakeEnd, folder_name
from teleop.dataset.reader import Joints
from teleop.quality import check_episode, measure
from teleop.quality.signals import (
    HZ,
    following,
    jerk,
    regular,
    spectral_arc_length,
    still,
)
from teleop.tests import episodes
from teleop.tests.definitions import schema
from teleop.tests.episodes import (
    COLOURS,
    START_NS,
    Faults,
    make_episode,
    open_store,
    take_start,
    write_messages,
)
from vega_core.stamps import NS

ORIGINAL_POSITIONS, ORIGINAL_IMAGE = episodes.positions, episodes.camera_jpeg


@pytest.fixture
def examine(tmp_path):
    """Records an episode; returns its figures and of each check the worst finding."""

    def made(seconds=2.0, **how):
        with open_store(tmp_path / "dataset") as store:
            info = make_episode(store, seconds, **how)
        quality = measure(tmp_path / "dataset" / "episodes" / folder_name(info.index))
        found = {}
        for finding in check_episode(quality):
            found.setdefault(finding.check, finding)
        return quality, found

    return made


@pytest.fixture
def joints(monkeypatch):
    """Changes the positions of all, or of followers or leaders only: `edit(arm, rows)`."""

    def change(edit, role=None):
        calls = {"left": 0, "right": 0}

        def positions(arm, times, phase=0.0):
            rows = ORIGINAL_POSITIONS(arm, times, phase)
            calls[arm] += 1
            mine = "follower" if calls[arm] % 2 else "leader"  # in this order, of each arm
            return edit(arm, rows) if role in (None, mine) else rows

        monkeypatch.setattr(episodes, "positions", positions)

    return change


@pytest.fixture
def edit_images(monkeypatch):
    """Changes the images: `edit` has camera, number and the image, and returns another."""

    def change(edit):
        def edited(camera, number, width, height):
            jpeg = ORIGINAL_IMAGE(camera, number, width, height)
            pixels = edit(camera, number, cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1))
            return (
                pixels if isinstance(pixels, bytes) else cv2.imencode(".jpg", pixels)[1].tobytes()
            )

        monkeypatch.setattr(episodes, "camera_jpeg", edited)

    return change


def test_good_episode_has_no_finding_and_right_figures(examine):
    quality, found = examine()
    assert not found
    figures = quality.figures()
    assert figures["missing"] == 0.0
    assert figures["lag_s"] == pytest.approx(0.04, abs=0.021)  # leaders are 50 ms ahead
    assert figures["offset_rad"] < 0.02
    assert figures["idle"] == 0.0
    assert figures["camera_skew_p95_s"] == 0.0
    assert figures["joint_skew_p95_s"] <= 0.0026
    assert figures["streams"]["head camera"]["hz"] == pytest.approx(30.0, rel=1e-3)
    assert figures["streams"]["left follower"]["hz"] == pytest.approx(200.0, rel=1e-3)
    assert figures["cameras"]["head"]["size"] == [160, 120]


def test_separate_buses_expect_commands(examine):
    _, found = examine(commands=False, topology="bus_per_arm")
    assert "command" in found["missing stream"].text
    _, found = examine(commands=True, topology="bus_per_arm")
    assert not found


def test_without_leaders_the_commands_are_followed(examine):
    quality, found = examine(leaders=False)
    assert not found
    assert quality.arms[0].following is not None


def test_missing_frames_and_their_gap(examine):
    _, found = examine(faults=Faults(dropped_frames={"left_wrist": range(10, 20)}))
    assert "left wrist camera: 10 of 60" in found["missing frames"].text
    assert "nothing for 0.37 s, 0.3 s into it" in found["gap"].text


def test_camera_at_half_the_rate(examine):
    dropped = {"right_wrist": range(1, 60, 2)}
    _, found = examine(faults=Faults(dropped_frames=dropped))
    assert "right wrist camera: 15" in found["rate"].text
    assert "33.3 ms apart" in found["skew"].text


def test_missing_camera(examine):
    _, found = examine(faults=Faults(missing_cameras=["head"]))
    assert found["missing camera"].severity == "error"
    assert "head" in found["missing camera"].text


def test_camera_that_begins_late(examine):
    _, found = examine(faults=Faults(dropped_frames={"head": range(25)}))
    assert "missing in the first 0.83 s" in found["cut"].text


def test_silent_arm(examine):
    _, found = examine(faults=Faults(joints_silent={"right": (0.5, 1.0)}))
    assert "right follower: nothing for 0.5" in found["gap"].text
    assert "images and joint states" in found["skew"].text


def test_arm_without_states(examine):
    _, found = examine(faults=Faults(joints_silent={"right": (0.0, 9.0)}))
    assert "right follower" in found["missing arm"].text


def test_clock_that_steps_leaves_a_gap(examine):
    _, found = examine(faults=Faults(clock_step_ns=NS))
    assert found["gap"].severity == "error"


def test_clock_of_a_camera_that_is_wrong(examine, monkeypatch):
    original = episodes._Messages.add

    def add(self, topic, kind, time_s, make, delay_s=0.0):
        original(self, topic, kind, time_s, make, 0.5 if "head_camera" in topic else delay_s)

    monkeypatch.setattr(episodes._Messages, "add", add)
    _, found = examine()
    assert "head camera: stamped 0.50 s before it arrived" in found["clock"].text


def test_stamps_that_repeat(examine, monkeypatch):
    original = episodes._Messages.camera

    def camera(self, name, cell, seconds, size):
        original(self, name, cell, seconds, size)
        if name == "head":
            self._rows.append(self._rows[-1])

    monkeypatch.setattr(episodes._Messages, "camera", camera)
    _, found = examine()
    assert "head camera: 1 stamps" in found["stamps"].text


def test_pause_is_no_gap_but_splits_the_episode(tmp_path):
    with open_store(tmp_path / "dataset") as store:
        take = store.begin(take_start())
        silent = {"left": (0.5, 1.5), "right": (0.5, 1.5)}
        write_messages(
            take,
            2.0,
            leaders=False,
            commands=False,
            faults=Faults(
                joints_silent=silent, dropped_frames=dict.fromkeys(COLOURS, range(15, 45))
            ),
        )
        topic = take.writer.add_topic(EVENT_TOPIC, schema("vega_msgs/TakeEvent"))
        for kind, after_s in (("paused", 0.5), ("resumed", 1.5)):
            at = START_NS + round(after_s * NS)
            take.writer.write(topic, at, at, cdr.take_event(at, kind, ""))
        store.save(take, TakeEnd(end_ns=START_NS + 2 * NS, outcome="success"))
    quality = measure(tmp_path / "dataset" / "episodes" / "000000")
    assert quality.paused_s == pytest.approx(1.0)
    assert [f.check for f in check_episode(quality) if f.severity == "error"] == ["paused"]


def test_short_episode(examine):
    _, found = examine(0.6)
    assert "lasts 0.60 s" in found["length"].text


def test_episode_far_beyond_the_time_limit(examine):
    dropped = dict.fromkeys(COLOURS, range(2, 1500))  # images take time to write
    _, found = examine(31.0, leaders=False, commands=False, faults=Faults(dropped_frames=dropped))
    assert "a policy has 15 s" in found["length"].text


def test_positions_that_are_no_numbers(examine, joints):
    def edit(arm, rows):
        rows[100:103, 4] = np.nan
        return rows

    joints(edit, "follower")
    _, found = examine()
    assert "up to 3 positions are missing or no numbers: left_joint5" in found["not finite"].text


@pytest.mark.parametrize(
    ("which", "factor", "unit"),
    [
        (slice(0, 6), 180.0 / np.pi, "degrees rather"),
        (slice(0, 6), 180_000.0 / np.pi, "thousandths of a degree"),
        (6, 1000.0, "mm or percent"),
        (6, 1e6, "thousandths of a mm"),
        (6, 15.0, "0 to 1"),
    ],
)
def test_other_units(examine, joints, which, factor, unit):
    def edit(arm, rows):
        rows[:, which] *= factor
        return rows

    joints(edit)
    _, found = examine()
    assert unit in found["units"].text
    assert found["units"].severity == "error"
    assert "limits" not in found


def test_joints_in_another_order(examine, joints):
    joints(lambda arm, rows: rows[:, [0, 2, 1, 3, 4, 5, 6]])
    _, found = examine()
    assert "left_joint2 and left_joint3 seem to be exchanged" in found["joint order"].text


def test_positions_beyond_the_limits(examine, joints):
    joints(lambda arm, rows: rows + np.eye(7)[3] * 1.7)
    _, found = examine()
    assert "beyond the limits for up to" in found["limits"].text


def test_leader_beyond_the_limits_is_only_told(examine, joints):
    def edit(arm, rows):
        rows[:50, 6] = 0.09
        return rows

    joints(edit, "leader")
    _, found = examine()
    assert (
        "left leader: beyond the limits for up to 12% of the time: left_gripper"
        in found["limits"].text
    )
    assert found["limits"].severity == "warning"


def test_jump(examine, joints):
    def edit(arm, rows):
        rows[200:, 0] += 0.4 * (arm == "right")
        return rows

    joints(edit, "follower")
    _, found = examine()
    assert "right_joint1 jumps by 23 degrees, 1.0 s into it" in found["jump"].text


def test_follower_away_from_its_leader(examine):
    quality, found = examine(faults=Faults(joint_offset={"right": np.radians(17.0)}))
    assert quality.offset_rad == pytest.approx(np.radians(17.0), abs=0.02)
    assert found["drift"].severity == "error"
    assert "right follower: degrees away from its leader: right_joint1 +1" in found["drift"].text


def test_small_drift_is_a_warning(examine):
    _, found = examine(faults=Faults(joint_offset={"right": np.radians(4.0)}))
    assert found["drift"].severity == "warning"


def test_follower_far_behind(examine, monkeypatch):
    monkeypatch.setattr(episodes, "LEAD_S", 0.4)
    _, found = examine(4.0)
    assert "0.40 s behind" in found["lag"].text


def test_leaders_of_the_other_arm(examine, monkeypatch):
    def positions(arm, times, phase=0.0):
        calls.append(arm)
        leads = calls.count(arm) == 2
        actual = {"left": "right", "right": "left"}[arm] if leads else arm
        rows = ORIGINAL_POSITIONS(actual, times, phase)
        rows[:, 0] += 1.0 if actual == "left" else -1.0
        return rows

    calls = []
    monkeypatch.setattr(episodes, "positions", positions)
    _, found = examine()
    assert "left and right are exchanged" in found["joint order"].text


def test_joint_that_is_stuck(examine, joints):
    def edit(arm, rows):
        rows[:, 5] = 0.1
        return rows

    joints(edit, "follower")
    _, found = examine()
    assert "joint6 does not move at all" in found["constant joint"].text


def test_idle_beginning_and_episode_in_which_nothing_happens(examine):
    quality, found = examine(6.0, faults=Faults(idle_s=3.0))
    assert quality.idle == pytest.approx(0.5, abs=0.05)
    assert {found["idle"].severity} == {"warning"}
    assert quality.idle_start_s == pytest.approx(3.0, abs=0.15)
    _, found = examine(2.0, faults=Faults(idle_s=2.0))
    assert "nothing moves for 100%" in found["idle"].text
    assert found["idle"].severity == "error"


@pytest.mark.parametrize(("check", "value"), [("black", 3), ("over-exposed", 254), ("empty", 120)])
def test_images_that_show_nothing(examine, edit_images, check, value):
    edit_images(lambda camera, n, image: np.full_like(image, value) if camera == "head" else image)
    _, found = examine()
    assert "head camera: 100%" in found[check].text


def test_some_black_images_are_enough(examine, edit_images):
    edit_images(lambda camera, n, image: image * 0 if n // 6 == 3 and camera == "head" else image)
    _, found = examine()
    assert "head camera: 10%" in found["black"].text


def test_frozen_camera(examine, edit_images):
    def edit(camera, number, image):
        return ORIGINAL_IMAGE(camera, 20) if 20 <= number < 35 and camera == "head" else image

    edit_images(edit)
    _, found = examine()
    assert "head camera: the same image for 0.47 s" in found["frozen"].text
    assert "0.7 s into it" in found["frozen"].text


def test_image_may_stay_the_same_while_its_arm_rests(examine, edit_images, monkeypatch):
    """Twins draw the same image twice, to the last bit."""

    def positions(arm, times, phase=0.0):
        return ORIGINAL_POSITIONS(arm, times * (arm == "right"), phase)

    monkeypatch.setattr(episodes, "positions", positions)
    edit_images(lambda camera, n, image: ORIGINAL_IMAGE(camera, 0) if "left" in camera else image)
    _, found = examine()
    assert not found


def test_images_that_cannot_be_decoded(examine, edit_images):
    def edit(camera, number, image):
        return ORIGINAL_IMAGE(camera, number)[:-40] if number in (7, 8) else image

    edit_images(edit)
    _, found = examine()
    assert "2 images cannot be decoded" in found["pictures"].text


def test_images_of_several_sizes(examine, edit_images):
    edit_images(lambda camera, n, image: image if n < 30 else cv2.resize(image, (320, 240)))
    _, found = examine()
    assert "differ in size" in found["pictures"].text


def test_wrist_cameras_exchanged(examine, edit_images, monkeypatch):
    """Only the right arm moves, and only the left wrist's image changes."""

    def positions(arm, times, phase=0.0):
        return ORIGINAL_POSITIONS(arm, times * (arm == "right"), phase)

    monkeypatch.setattr(episodes, "positions", positions)
    noise = np.random.default_rng(0).integers(40, 200, (15, 60), dtype=np.uint8)
    large = np.repeat(cv2.resize(noise, None, fx=8, fy=8, interpolation=0)[..., None], 3, axis=2)

    def edit(moving):
        def view(camera, number, image):
            shift = 4 * number if camera in (moving, "head") else 0
            return np.ascontiguousarray(large[:, shift : shift + 160])

        return view

    edit_images(edit("right_wrist"))
    _, found = examine()
    assert not found
    edit_images(edit("left_wrist"))
    _, found = examine()
    assert found["swapped cameras"].severity == "error"


def test_what_the_recorder_said_is_told(examine):
    quality, _ = examine()
    known = quality.info.model_dump() | {
        "problems": ["the disk is nearly full"],
        "recovered": {"reason": "its recording was cut off", "lost_s": 1.0},
    }
    info = type(quality.info).model_validate(known)
    assert [f.check for f in check_episode(replace(quality, info=info))] == [
        "bad take",
        "recovered",
    ]


def test_lag_and_offset_of_known_series():
    times = np.arange(5 * HZ) / HZ
    leader = np.stack([np.sin(times * (1 + n / 3)) for n in range(7)], axis=1)
    follower = np.roll(leader, 6, axis=0)[10:] + 0.2
    found = following(leader[10:], follower, 0.05)
    assert found.lag_s == pytest.approx(0.12)
    assert found.offset == pytest.approx([0.2] * 7, abs=0.01)
    assert found.error_rad < 0.01


def test_jerk_of_a_sine_and_of_rest():
    times = np.arange(10 * HZ) / HZ
    series = np.zeros((len(times), 7))
    series[:, 0] = 0.5 * np.sin(4.0 * times)
    expected = 0.5 * 4.0**3 / np.sqrt(2.0)
    assert jerk(series) == pytest.approx(expected, rel=0.1)
    assert jerk(series * 0.0) == 0.0


def test_smoothness_tells_a_reach_from_one_with_stops():
    times = np.linspace(0.0, 1.0, 2 * HZ)
    reach = 10 * times**3 - 15 * times**4 + 6 * times**5  # minimum jerk
    stops = reach + 0.02 * np.sin(40.0 * times)
    series = np.zeros((2, len(times), 7))
    series[:, :, 1] = reach, stops
    smooth, rough = map(spectral_arc_length, series)
    assert -1.8 < smooth < -1.2  # about -1.4 for a minimum-jerk reach
    assert rough < smooth - 0.3


def test_still_is_not_disturbed_by_noise():
    rng = np.random.default_rng(1)
    series = rng.normal(scale=3e-4, size=(3 * HZ, 7))
    assert still(series).mean() > 0.9
    series[:, 2] += np.linspace(0.0, 0.3, len(series))
    assert not still(series).any()


def test_regular_series_has_the_positions_at_its_times():
    stamps = np.arange(400, dtype=np.int64) * (NS // 200)
    rows = np.outer(stamps / NS, np.ones(7))
    joints = Joints(("a",) * 7, stamps, stamps, rows, rows, rows)
    series = regular(joints, 0, NS)
    assert len(series) == HZ + 1
    np.testing.assert_allclose(series[:, 3], np.arange(HZ + 1) / HZ, atol=1e-12)
