from dataclasses import dataclass

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_runtime import images, qos, stamps
from vega_runtime.diagnostics import RateMeter
from vega_runtime.joints import NamedJoints
from vega_runtime.logs import log
from vega_runtime.owned import OwnedEntities
from vega_runtime.parameters import ParameterError, declare, parameter


@dataclass(frozen=True)
class Parameters:
    rate_hz: float = parameter(200.0, "rate", low=1.0, high=1000.0)
    names: tuple[str, ...] = parameter(("a", "b"), "names")
    count: int = parameter(3, "count", low=0)


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


def make_node(**overrides):
    given = [Parameter(name, value=value) for name, value in overrides.items()]
    return rclpy.create_node("tested", parameter_overrides=given)


def test_parameters_have_defaults_and_take_overrides(ros):
    node = make_node(rate_hz=100.0)
    assert declare(node, Parameters) == Parameters(rate_hz=100.0, names=("a", "b"), count=3)
    assert node.describe_parameter("rate_hz").description == "rate"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"rate_hzz": 1.0}, "Did you mean 'rate_hz'"),
        ({"rate_hz": 5000.0}, "between 1.0 and 1000.0, got 5000.0"),
        ({"rate_hz": "fast"}, "expected float"),
        ({"count": -1}, "got -1"),
    ],
)
def test_a_wrong_parameter_is_named(ros, overrides, says):
    with pytest.raises(ParameterError, match=says):
        declare(make_node(**overrides), Parameters)


def test_images_survive_the_message():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    message = images.to_message(image, Time(sec=1), "frame")
    assert np.array_equal(images.from_message(message), image)
    message.encoding = "bgr8"
    with pytest.raises(ValueError, match="rgb8"):
        images.from_message(message)


def test_rate_is_measured_between_events():
    meter = RateMeter()
    assert meter.hz == 0.0
    for tick in range(11):
        meter.add(tick * 0.1)
    assert meter.hz == pytest.approx(10.0)


def test_joint_states_of_another_arm_are_not_used_and_reported_once():
    said = []
    joints = NamedJoints("left arm", ["left_joint1", "left_gripper"], said.append)
    good = JointState(name=["left_joint1", "left_gripper"], position=[0.1, 0.02])
    swapped = JointState(name=["right_joint1", "right_gripper"], position=[0.3, 0.04])
    assert list(joints.positions(good)) == [0.1, 0.02]
    assert joints.positions(swapped) is None
    assert joints.positions(swapped) is None
    assert len(said) == 1
    assert "expected left_joint1, left_gripper" in said[0]


def test_stamps_are_the_same_in_every_form():
    time = stamps.to_time(1_795_365_123_123_456_789)
    assert stamps.to_ns(time) == 1_795_365_123_123_456_789
    assert stamps.to_seconds(time) == pytest.approx(1_795_365_123.123456789, abs=1e-6)
    assert stamps.from_seconds(2.25) == Time(sec=2, nanosec=250_000_000)
    stamps.set_seconds(time, 0.9999999999)
    assert time == Time(sec=1)


def test_what_a_node_owns_is_destroyed_together(ros):
    node = make_node()
    before = [len(list(made)) for made in (node.timers, node.subscriptions, node.services)]
    owned = OwnedEntities(node)
    owned.timer(1.0, lambda: None)
    owned.subscribe(JointState, "heard", lambda message: None, qos.SENSOR)
    owned.service(Trigger, "asked", lambda request, response: response)
    owned.client(Trigger, "asked")
    owned.publisher(JointState, "told", qos.SENSOR)
    assert len(list(node.timers)) == before[0] + 1
    owned.destroy()
    now = [len(list(made)) for made in (node.timers, node.subscriptions, node.services)]
    assert now == before
    assert node.count_publishers("told") == 0
    owned.destroy()


def test_one_line_of_code_logs_at_every_level(ros):
    node = make_node()
    for level in ("debug", "info", "warn", "error"):
        log(node, level, "a line")
    with pytest.raises(ValueError, match="loud"):
        log(node, "loud", "a line")
