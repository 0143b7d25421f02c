"""The twin in real time, on a clock of the test's."""

import threading

import numpy as np
import pytest
from vega_arms.emulator import Drive
from vega_sim.arm_process import TwinArm
from vega_sim.realtime_twin import NotAtHome, RealtimeTwin, Shutter
from vega_sim.twin import Twin

import hw_config

HARDWARE = hw_config.load()
HOME = np.array(HARDWARE.home)


class Clock:
    """Time passes when somebody sleeps, or works."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s

    monotonic = __call__

    def sleep(self, seconds):
        self.now_s += seconds


class RealtimeRig:
    """The real-time twin with both of its arms and what it says."""

    def __init__(self, twin):
        self.clock, self.told, self.warned = Clock(), [], []
        self.arms = {name: TwinArm(arm.home) for name, arm in HARDWARE.arms.items()}
        self.twin = RealtimeTwin(twin, self.arms, self, seed=0, clock=self.clock)
        self.episode_state, self.too_slow = self.told.append, self.warned.append

    def drive(self, arm, targets, powered=True, damped=False, gripper=None):
        """What the arm's controller asks in one of its periods."""
        fast = [1000.0] * 6
        drive = Drive(list(targets), [powered] * 6, fast, fast, damped=damped, gripper=gripper)
        self.arms[arm].step(0.005, drive)

    def run(self, seconds):
        end_s = self.clock() + seconds - 1e-9
        while self.clock() < end_s:
            self.twin.tick()

    @property
    def positions(self):
        return self.twin.twin.positions()


@pytest.fixture(scope="module")
def twin():
    twin = Twin("close_laptop", "easy", HARDWARE)
    yield twin
    twin.close()


@pytest.fixture
def rig(twin):
    return RealtimeRig(twin)


def test_an_arm_that_has_never_had_power_rests_on_its_stand(rig):
    rig.drive("left", np.zeros(6), powered=False)
    rig.run(0.5)
    np.testing.assert_allclose(rig.positions, HOME, atol=0.02)


def test_an_arm_goes_where_its_controller_says(rig):
    wanted = HOME[:6] + np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.2])
    rig.drive("left", wanted, gripper=0.02)
    for _ in range(20):
        rig.drive("left", wanted, gripper=0.02)
    rig.run(1.0)
    rig.drive("left", wanted)
    np.testing.assert_allclose(rig.positions[:6], wanted, atol=0.02)
    assert rig.positions[6] == pytest.approx(0.02, abs=0.005)
    np.testing.assert_allclose(rig.positions[7:], HOME[7:], atol=0.02)
    np.testing.assert_allclose(rig.arms["left"].measured.q, rig.positions[:6], atol=1e-9)


@pytest.mark.parametrize(("powered", "damped"), [(False, False), (True, True)])
def test_an_arm_that_loses_power_sinks_and_is_held_where_it_is_when_it_has_it_again(
    rig, powered, damped
):
    rig.drive("left", HOME[:6])
    rig.run(0.1)
    for _ in range(200):
        rig.drive("left", HOME[:6], powered, damped)
        rig.run(0.005)
    sunk = rig.positions[:6]
    assert np.abs(sunk - HOME[:6]).max() > 0.05
    rig.drive("left", sunk)
    rig.run(0.5)
    np.testing.assert_allclose(rig.positions[:6], sunk, atol=0.03)


def test_no_picture_is_copied_while_the_scene_is_looked_at(rig, twin, monkeypatch):
    copied, takers, update = threading.Event(), [], twin.update_signals

    def update_with_a_photographer():
        takers.append(threading.Thread(target=rig.twin.take, args=("head",)))
        takers[-1].start()
        assert not copied.wait(0.2)
        return update()

    monkeypatch.setattr(twin, "still", copied.set)
    monkeypatch.setattr(twin, "render", lambda camera, data: None)
    monkeypatch.setattr(twin, "update_signals", update_with_a_photographer)
    rig.run(0.045)
    for taker in takers:
        taker.join(30.0)
    assert len(takers) == 1
    assert copied.is_set()


def test_it_keeps_to_real_time_and_tells_its_state_ten_times_a_second(rig):
    rig.run(2.0)
    assert rig.twin.state().time_s == pytest.approx(2.0, abs=0.006)
    assert rig.twin.state().real_time_factor == pytest.approx(1.0, abs=0.01)
    assert len(rig.told) == pytest.approx(20, abs=1)
    assert not rig.warned


def test_a_short_hold_up_is_made_up_for_and_a_long_one_is_lost_and_told(rig):
    rig.run(0.5)
    rig.clock.sleep(0.3)
    rig.run(0.5)
    assert rig.twin.state().time_s == pytest.approx(1.3, abs=0.006)
    rig.clock.sleep(2.0)
    rig.run(2.5)
    assert rig.twin.state().time_s == pytest.approx(4.3, abs=0.02)
    assert len(rig.warned) == 1
    assert "too slow" in rig.warned[0]


def test_a_reset_lays_objects_anew_and_leaves_the_arms_alone(rig):
    wanted = HOME[:6] + 0.1
    for _ in range(20):
        rig.drive("left", wanted)
    rig.run(1.0)
    before = rig.positions
    rig.twin.reset(5)
    np.testing.assert_allclose(rig.positions, before, atol=1e-6)
    state = rig.twin.state()
    assert (state.seed, state.episode, state.time_s, state.success) == (5, 2, 0.0, False)


def test_objects_are_not_laid_where_an_arm_is(rig):
    wanted = HOME[:6] + np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    for _ in range(40):
        rig.drive("right", wanted)
    rig.run(1.0)
    with pytest.raises(NotAtHome, match=r"right_joint1 is 0\.50 away: send the arms home"):
        rig.twin.reset(5)
    assert rig.twin.state().episode == 1


class Photographer:
    """A shutter whose images take a known time."""

    def __init__(self, rig, twin, monkeypatch, render_s):
        self.images = []

        def render(camera, data):
            rig.clock.sleep(render_s)
            return camera

        monkeypatch.setattr(twin, "render", render)
        cameras = dict.fromkeys(HARDWARE.cameras, 30.0)
        self.shutter = Shutter(rig.twin, cameras, self.write, rig.clock)
        self._clock = rig.clock

    def write(self, camera, pixels, stamp_ns):
        self.images.append((camera, pixels, stamp_ns))

    def run(self, seconds):
        end_s = self._clock() + seconds
        while self._clock() < end_s:
            self.shutter.tick()


def test_every_camera_keeps_its_rate_while_there_is_time(rig, twin, monkeypatch):
    photographer = Photographer(rig, twin, monkeypatch, render_s=0.005)
    photographer.run(2.0)
    for camera in HARDWARE.cameras:
        taken = [stamp_ns for name, _, stamp_ns in photographer.images if name == camera]
        assert len(taken) == pytest.approx(60, abs=2)
        assert (np.diff(taken) > 0).all()
    assert all(pixels == camera for camera, pixels, _ in photographer.images)
    assert set(photographer.shutter.skipped.values()) == {0}
    assert sum(rig.twin.frames.values()) == len(photographer.images)


def test_pictures_that_there_is_no_time_for_are_left_out_evenly(rig, twin, monkeypatch):
    photographer = Photographer(rig, twin, monkeypatch, render_s=0.040)
    photographer.run(4.0)
    counts = [sum(p[0] == c for p in photographer.images) for c in HARDWARE.cameras]
    assert sum(counts) == pytest.approx(100, abs=3)
    assert max(counts) - min(counts) <= 2
    assert min(photographer.shutter.skipped.values()) > 50
