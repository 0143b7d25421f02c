"""The node over software cameras, with real topics in one process."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pyrealsense2 as rs
import pytest
import rclpy
import rclpy.clock
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from vega_cameras.cameras_node import CamerasNode
from vega_cameras.emulation.pattern import number_in
from vega_msgs.srv import InjectFault
from vega_runtime import images, qos

import hw_config

WAIT_S = 30.0
HARDWARE = hw_config.load()
SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE


@pytest.fixture(autouse=True)
def cell(monkeypatch, tmp_path):
    """The cell as it is, but for a short warm-up: software cameras have no exposure to settle."""
    folder = shutil.copytree(hw_config.config_dir(), tmp_path / "cell")
    cameras = (folder / "cameras.yaml").read_text()
    short = cameras.replace("warm_up_frames: 30", "warm_up_frames: 2")
    assert short != cameras
    (folder / "cameras.yaml").write_text(short)
    monkeypatch.setenv("VEGA_HW_CONFIG", str(folder))
    return folder


class Listener:
    """The cameras node, and somebody who listens to it."""

    def __init__(self, **parameters):
        given = {"devices": "pattern", **parameters}
        arguments = [part for k, v in given.items() for part in ("-p", f"{k}:={v}")]
        rclpy.init(args=["--ros-args", *arguments])
        self.heard = {}
        self.node = rclpy.create_node("listener")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.cameras = CamerasNode()
        self.executor.add_node(self.cameras)
        for camera in HARDWARE.cameras.values():
            self.listen(Image, f"{camera.namespace}/image_raw", qos.SENSOR)
            self.listen(CameraInfo, f"{camera.namespace}/camera_info", qos.SENSOR)
        self.listen(DiagnosticArray, "/diagnostics", 10)

    def listen(self, kind, topic, profile):
        self.heard[topic] = []
        self.node.create_subscription(kind, topic, self.heard[topic].append, profile)

    def until(self, condition, what):
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, what
            self.executor.spin_once(timeout_sec=0.05)

    def fresh(self, topic, count=1):
        self.heard[topic].clear()
        self.until(lambda: len(self.heard[topic]) >= count, f"nothing on {topic}")
        return self.heard[topic][-1]

    def status(self, camera, where):
        """Waits for a report on a camera that is as it should be."""
        self.heard["/diagnostics"].clear()

        def found():
            rows = [array.status[0] for array in self.heard["/diagnostics"]]
            return [r for r in rows if r.name == f"cameras/{camera}" and where(r)]

        self.until(found, f"no such report on {camera}")
        return found()[-1]

    def inject(self, kind, target):
        client = self.node.create_client(InjectFault, "cameras/inject_fault")
        self.until(client.service_is_ready, "no fault service")
        future = client.call_async(InjectFault.Request(kind=kind, target=target))
        self.until(future.done, "no answer")
        self.node.destroy_client(client)
        return future.result()

    def close(self):
        self.cameras.close()
        self.executor.shutdown()
        self.cameras.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def listener():
    """Makes one listener and clears it."""
    made = []

    def make(**parameters):
        made.append(Listener(**parameters))
        return made[-1]

    yield make
    for one in made:
        one.close()
    rclpy.try_shutdown()


@pytest.fixture
def running(listener):
    listener = listener()
    assert listener.cameras.trigger_configure() == SUCCESS
    assert listener.cameras.trigger_activate() == SUCCESS
    return listener


def values(status):
    return {row.key: row.value for row in status.values}


def test_images_come_with_the_calibration_of_the_device(running):
    for camera in HARDWARE.cameras.values():
        image = running.fresh(f"{camera.namespace}/image_raw", 3)
        assert (image.width, image.height, image.encoding) == (640, 480, "rgb8")
        assert image.header.frame_id == camera.frame_id
        age_s = time.time() - image.header.stamp.sec - image.header.stamp.nanosec * 1e-9
        assert 0.0 < age_s < 5.0
        infos = running.heard[f"{camera.namespace}/camera_info"]
        running.until(
            lambda infos=infos, stamp=image.header.stamp: any(
                i.header.stamp == stamp for i in infos
            ),
            "no camera_info of the image",
        )
        fov_rad = np.radians(camera.vertical_fov_deg)
        ideal = images.pinhole_camera_info(camera.frame_id, 640, 480, fov_rad)
        info = next(i for i in infos if i.header.stamp == image.header.stamp)
        np.testing.assert_allclose(info.k, ideal.k, rtol=1e-5)
        assert (info.distortion_model, info.header.frame_id) == ("plumb_bob", camera.frame_id)


def test_images_are_those_of_the_camera_in_their_order(running):
    topic = f"{HARDWARE.cameras['head'].namespace}/image_raw"
    running.fresh(topic, 5)
    numbers = [number_in(images.from_message(message)) for message in running.heard[topic]]
    assert numbers == sorted(set(numbers))


def test_a_report_tells_rates_ages_and_what_the_device_is(running):
    status = running.status("left_wrist", lambda s: float(values(s)["rate_hz"]) > 20.0)
    row = values(status)
    assert row["state"] == "streaming"
    assert row["model"] == "Intel RealSense D405"
    assert row["serial"] == HARDWARE.cameras["left_wrist"].serial
    assert (row["usb"], row["firmware"], row["stamps"]) == ("3.2", "5.16.0.1", "capture")
    assert float(row["age_ms_p95"]) >= float(row["age_ms_median"]) > 0.0
    assert row.keys() >= {"lost", "superseded", "repeated", "resets", "failures", "returns"}


def test_a_camera_that_is_gone_is_reported_and_comes_back_while_the_others_go_on(running):
    assert running.inject("camera_gone", "head").success
    status = running.status("head", lambda s: "is not connected" in s.message)
    assert status.level == DiagnosticStatus.ERROR
    running.fresh(f"{HARDWARE.cameras['right_wrist'].namespace}/image_raw", 3)
    assert running.inject("none", "").success
    running.fresh(f"{HARDWARE.cameras['head'].namespace}/image_raw", 3)
    running.status("head", lambda s: s.level != DiagnosticStatus.ERROR)


def test_a_clock_that_jumped_is_a_warning_and_stamps_stay_good(running):
    assert running.inject("camera_time_jump", "head").success
    running.status("head", lambda s: "times of arrival" in s.message)
    image = running.fresh(f"{HARDWARE.cameras['head'].namespace}/image_raw")
    assert abs(time.time() - image.header.stamp.sec) < 10.0


def test_a_fault_that_does_not_exist_is_refused(running):
    answer = running.inject("camera_asleep", "head")
    assert not answer.success
    assert "camera_silent" in answer.message


def test_nothing_is_published_while_inactive_and_all_can_begin_again(running):
    topic = f"{HARDWARE.cameras['head'].namespace}/image_raw"
    running.fresh(topic)
    assert running.cameras.trigger_deactivate() == SUCCESS
    while running.heard[topic]:  # what was still on its way
        running.heard[topic].clear()
        for _ in range(10):
            running.executor.spin_once(timeout_sec=0.02)
    assert running.cameras.trigger_cleanup() == SUCCESS
    assert running.cameras.trigger_configure() == SUCCESS
    assert running.cameras.trigger_activate() == SUCCESS
    running.fresh(topic, 3)


def test_stamps_are_simulated_time_where_time_is_simulated(listener):
    listener = listener(use_sim_time=True)
    clock = listener.node.create_publisher(Clock, "/clock", 1)
    tick = Clock()
    tick.clock.sec = 1000
    steady = rclpy.clock.Clock(clock_type=rclpy.clock.ClockType.STEADY_TIME)
    listener.node.create_timer(0.05, lambda: clock.publish(tick), clock=steady)
    listener.until(lambda: listener.cameras.get_clock().now().nanoseconds > 0, "no clock")
    listener.cameras.trigger_configure()
    listener.cameras.trigger_activate()
    image = listener.fresh(f"{HARDWARE.cameras['head'].namespace}/image_raw")
    assert 990 < image.header.stamp.sec <= 1000


def test_only_the_cameras_that_are_asked_for_are_started(listener):
    listener = listener(cameras="[right_wrist]")
    assert listener.cameras.trigger_configure() == SUCCESS
    assert listener.cameras.trigger_activate() == SUCCESS
    listener.fresh(f"{HARDWARE.cameras['right_wrist'].namespace}/image_raw", 3)
    assert not listener.heard[f"{HARDWARE.cameras['head'].namespace}/image_raw"]


@pytest.mark.parametrize("devices", ["usb", "no_such_folder", "."])
def test_cameras_that_are_not_there_fail_the_transition(listener, devices, capfd):
    listener = listener(devices=devices)
    assert listener.cameras.trigger_configure() == FAILURE
    told = capfd.readouterr().err
    expected = {
        "usb": "head camera (D435, serial 000000000001) is not connected",
        "no_such_folder": "expected usb, pattern, twin or a folder of recordings",
        ".": "expected recordings of cameras (*.db3)",
    }
    assert expected[devices] in told
    assert "Traceback" not in told


def test_how_each_camera_is_treated_comes_from_hw_config(listener, cell):
    cameras = (cell / "cameras.yaml").read_text()
    key = "    dataset_key: cam_left_wrist\n"
    locked = cameras.replace(key, key + "    lock_exposure: true\n")
    (cell / "cameras.yaml").write_text(locked)
    listener = listener(cameras="[head, left_wrist]")
    assert listener.cameras.trigger_configure() == SUCCESS
    sensors = {n: c.sensor for n, c in listener.cameras._device_source.devices.cameras.items()}
    automatic = {n: s.get_option(rs.option.enable_auto_exposure) for n, s in sensors.items()}
    assert automatic == {"head": 1.0, "left_wrist": 0.0}


def test_an_unknown_camera_is_refused_with_those_that_are_known(listener):
    with pytest.raises(ValueError, match="the cameras are: head, left_wrist, right_wrist"):
        listener(cameras="[ceiling]")
