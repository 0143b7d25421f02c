"""What a node says as it ends is heard: its publishers do not take it with them."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String

LAST_WORDS = 200
TALKER = textwrap.dedent(
    f"""
    from rclpy.node import Node
    from std_msgs.msg import String
    from vega_runtime.node import main

    class Talker(Node):
        def __init__(self):
            super().__init__("talker")
            self.said = self.create_publisher(String, "said", {LAST_WORDS + 10})
            self.create_timer(0.1, lambda: self.said.publish(String(data="here")))

        def close(self):
            for number in range({LAST_WORDS}):
                self.said.publish(String(data=f"{{number}} " + "." * 60_000))

    main(Talker)
    """
)


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def test_what_a_node_says_as_it_ends_is_heard(ros):
    node, executor, heard = rclpy.create_node("listener"), SingleThreadedExecutor(), []
    executor.add_node(node)
    node.create_subscription(
        String, "said", lambda said: heard.append(said.data[:4]), LAST_WORDS + 10
    )
    with subprocess.Popen([sys.executable, "-c", TALKER]) as talker:
        until(executor, lambda: "here" in heard)
        talker.send_signal(signal.SIGINT)
        until(executor, lambda: talker.poll() is not None)
        until(executor, lambda: f"{LAST_WORDS - 1} " in heard)
    assert talker.returncode == 0
    node.destroy_node()


def until(executor, true):
    end_s = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < end_s
        executor.spin_once(timeout_sec=0.1)
