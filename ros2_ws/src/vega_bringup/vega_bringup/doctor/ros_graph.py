"""Who is in this ROS domain, as JSON: names of all nodes, and the publishers of arm commands."""

from __future__ import annotations

import json
import os
import time

import rclpy
from rclpy.signals import SignalHandlerOptions

_DISCOVER_S = 1.5
_COMMAND = "/follower/command"


def participants() -> tuple[list[str], dict[str, int]]:
    """Names of all nodes, and how many publish each topic by which an arm is commanded."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f"doctor_{os.getpid()}")
    try:
        time.sleep(_DISCOVER_S)  # discovery tells nobody when it is complete
        names = [
            f"{namespace.rstrip('/')}/{name}"
            for name, namespace in node.get_node_names_and_namespaces()
            if name != node.get_name()
        ]
        topics = [t for t, _ in node.get_topic_names_and_types() if t.endswith(_COMMAND)]
        return names, {topic: node.count_publishers(topic) for topic in topics}
    finally:
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    print(json.dumps(participants()))
