"""Drives the twin's leader arms from the keyboard.

    ros2 run vega_sim drive

For a launch with operator:=keyboard. Hold a key to go on; a tap is a small step.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool
from vega_msgs.msg import LeaderJog
from vega_runtime import qos
from vega_runtime.node import light_executor
from vega_runtime.terminal import single_keys

import hw_config
from vega_sim import driving
from vega_sim.driving import Driver

_POLL_S = 0.02
_NOBODY_AFTER_S = 5.0
_LONGEST_READ = 1024


class DriveNode(Node):
    """Sends what the keys mean to the twin."""

    def __init__(self) -> None:
        super().__init__("drive")
        self.driver = Driver(tuple(map(str, hw_config.load().arms)), time.monotonic)
        self._jogs = self.create_publisher(LeaderJog, "operator/jog", qos.COMMAND)
        self._act = self.create_client(SetBool, "operator/act")
        self._begun_s = time.monotonic()
        self._told = False

    def press(self, key: str) -> bool:
        """Does what a key means; False when it means to leave."""
        before = (self.driver.arm, self.driver.speed)
        meaning = self.driver.press(key)
        if meaning == driving.HOME:
            self._go_home()
        elif meaning == driving.SHOW_HELP:
            self.help()
        if before != (self.driver.arm, self.driver.speed):
            self.say_state()
        return meaning != driving.LEAVE

    def send(self) -> None:
        """Call often: sends the present motion, if there is any."""
        self._warn_if_alone()
        motion = self.driver.motion()
        if motion is None:
            return
        message = LeaderJog(
            arm=motion.arm, linear=motion.linear, angular=motion.angular, gripper=motion.gripper
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._jogs.publish(message)

    def help(self) -> None:
        """Says what the keys do."""
        for line in driving.HELP:
            say(line)
        self.say_state()

    def say_state(self) -> None:
        """Says what is driven, and how fast."""
        say(f"driving the {self.driver.arm} leader, speed {self.driver.speed:.2f}")

    def _go_home(self) -> None:
        if self._act.service_is_ready():
            future = self._act.call_async(SetBool.Request(data=False))
            future.add_done_callback(lambda done: say(done.result().message))
        else:
            say(_ALONE)

    def _warn_if_alone(self) -> None:
        if self._told or time.monotonic() - self._begun_s < _NOBODY_AFTER_S:
            return
        self._told = True
        if self._jogs.get_subscription_count() == 0:
            say(_ALONE)


_ALONE = (
    "no twin with leader arms listens: launch teleop with operator:=keyboard, in this ROS_DOMAIN_ID"
)


def say(text: str) -> None:
    """Prints a line, also in a terminal that is in raw mode."""
    print(text, end="\r\n", flush=True)


def _pressed() -> list[str] | None:
    """The keys since the last call; None at the end of the input."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return []
    text = os.read(sys.stdin.fileno(), _LONGEST_READ).decode(errors="replace")
    return driving.split(text) if text else None


def main() -> None:
    """Runs the command until Q, Ctrl-C or the end of its input."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The terminal must be put back as it was, whatever ends this.
        signal.signal(number, signal.default_int_handler)
    node, executor = DriveNode(), light_executor()
    executor.add_node(node)
    try:
        with single_keys():
            node.help()
            _watch(node, executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _watch(node: DriveNode, executor: Executor) -> None:
    while rclpy.ok():
        executor.spin_once(timeout_sec=_POLL_S)
        keys = _pressed()
        if keys is None or not all(node.press(key) for key in keys):
            return
        node.send()
