"""The node `view` hands on what is on the topics."""

import threading

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image, JointState
from vega_msgs.msg import TakeEvent, TeleopState
from vega_runtime import images, qos
from vega_runtime.node import light_executor
from vega_teleop import view_node
from vega_teleop.rerun_sink import ViewError
from vega_teleop.view_node import ViewNode

import hw_config

WAIT_S = 30.0


class Shown:
    """A sink that notes what came, each thing once."""

    where = "nowhere"

    def __init__(self, to, cameras, arms, port, web_port):
        self.given = (to, cameras, arms, port, web_port)
        self.came, self.closed = set(), False
        self._changed = threading.Condition()

    def until(self, *wanted):
        with self._changed:
            enough = self._changed.wait_for(lambda: set(wanted) <= self.came, WAIT_S)
            assert enough, f"of {wanted} came {self.came}"

    def _note(self, *what):
        with self._changed:
            self.came.add(what)
            self._changed.notify_all()

    def image(self, camera, stamp_ns, jpeg):
        self._note("image", camera, stamp_ns)

    def joints(self, arm, role, stamps_ns, positions):
        self._note("joints", arm, role, float(positions[0, 6]))

    def take(self, stamp_ns, markdown):
        self._note("take", stamp_ns, markdown.splitlines()[0])

    def event(self, stamp_ns, text, loud):
        self._note("event", stamp_ns, text, loud)

    def coverage(self, stamp_ns, png):
        self._note("coverage")

    def close(self):
        self.closed = True


@pytest.fixture
def sent():
    """Publishers of everything that the view shows, sent again and again, and the view."""
    rclpy.init()
    cell = rclpy.create_node("cell")
    executor = light_executor()
    node = ViewNode()
    executor.add_node(node)
    executor.add_node(cell)
    messages = []
    hardware = hw_config.load()
    stamp = Time(sec=5)
    for name, camera in hardware.cameras.items():
        image = images.to_message(np.zeros((48, 64, 3), np.uint8), stamp, name)
        topic = cell.create_publisher(Image, f"{camera.namespace}/image_raw", qos.SENSOR)
        messages.append((topic, image))
    for n, (arm, role) in enumerate((a, r) for a in hardware.arms for r in ("follower", "leader")):
        state = JointState(name=hardware.arms[arm].joint_names, position=[0.0] * 6 + [n / 100])
        topic = cell.create_publisher(JointState, f"{arm}/{role}/joint_states", qos.SENSOR)
        messages.append((topic, state))
    session = TeleopState(phase=TeleopState.RECORDING, task="close_laptop", dataset="/nowhere")
    session.header.stamp, session.take_s, session.problems = stamp, 3.0, ["no disk"]
    messages.append((cell.create_publisher(TeleopState, "teleop/state", qos.LATCHED), session))
    event = TakeEvent(stamp=stamp, kind="problem", text="no disk")
    messages.append((cell.create_publisher(TakeEvent, "teleop/event", qos.REPORT), event))
    cell.create_timer(0.1, lambda: [topic.publish(message) for topic, message in messages])
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    yield node
    stop.set()
    thread.join()
    node.close()
    for each in (node, cell):
        executor.remove_node(each)
        each.destroy_node()
    executor.shutdown()
    rclpy.try_shutdown()


@pytest.fixture
def sink(monkeypatch):
    """What the view was given, in place of Rerun."""
    opened = []

    def open_sink(*given):
        opened.append(Shown(*given))
        return opened[0]

    monkeypatch.setattr(view_node, "RerunSink", open_sink)
    return opened


def test_cameras_arms_session_and_events_are_shown(sink, sent):
    ns = 5_000_000_000
    sink[0].until(
        *(("image", camera, ns) for camera in ("head", "left_wrist", "right_wrist")),
        ("joints", "left", "follower", 0.0),
        ("joints", "left", "leader", 0.01),
        ("joints", "right", "follower", 0.02),
        ("joints", "right", "leader", 0.03),
        ("take", ns, "# PROBLEM, RECORDING 3.0 s"),
        ("event", ns, "problem: no disk", True),
    )
    cameras = ("left_wrist", "head", "right_wrist")
    assert sink[0].given == ("serve", cameras, ["left", "right"], 9876, 9878)
    assert not sink[0].closed
    sent.close()
    assert sink[0].closed


def test_a_view_that_cannot_be_opened_does_not_start(monkeypatch):
    def refuse(*given):
        raise ViewError("the live view needs Rerun")

    monkeypatch.setattr(view_node, "RerunSink", refuse)
    rclpy.init()
    try:
        with pytest.raises(ViewError, match="needs Rerun"):
            ViewNode()
    finally:
        rclpy.try_shutdown()
