"""Two nodes to try the commands on: one with topics and services, one with a lifecycle."""

import contextlib

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool


class Robot(Node):
    """Publishes and serves a little of everything."""

    def __init__(self):
        super().__init__("robot", namespace="left")
        self.declare_parameter("rate", 25)
        self.declare_parameter("scale", 0.5)
        self.declare_parameter("names", ["a", "b"])
        self.declare_parameter("enabled", True)
        self.add_on_set_parameters_callback(self._check)
        self._states = self.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._mode = self.create_publisher(String, "mode", latched)
        self._mode.publish(String(data="x" * 200))
        self.create_subscription(String, "say", lambda m: print("heard", m.data, flush=True), 10)
        self.create_service(SetBool, "enable", self._enable)
        self.create_timer(0.02, self._publish)

    def _check(self, parameters):
        bad = [p.name for p in parameters if p.name == "rate" and p.value < 1]
        return SetParametersResult(successful=not bad, reason="rate is at least 1" if bad else "")

    def _enable(self, request, response):
        response.success = request.data
        response.message = "as you wish"
        return response

    def _publish(self):
        message = JointState(name=["j1", "j2"], position=[0.5, 1.0], velocity=[0.0] * 200)
        message.header.frame_id = "base"
        self._states.publish(message)


class Gate(LifecycleNode):
    """Can be configured, but refuses to be activated."""

    def __init__(self):
        super().__init__("gate")

    def on_activate(self, state):
        return TransitionCallbackReturn.FAILURE


def main():
    """Spin both until Ctrl-C."""
    rclpy.init()
    executor = SingleThreadedExecutor()
    nodes = [Robot(), Gate()]
    for node in nodes:
        executor.add_node(node)
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()


main()
