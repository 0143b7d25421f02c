"""Messages on topics."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from ..errors import OperatorError, suggest
from ..graph import absolute, wait_for


def find_type(node: Node, topic: str, patience_s: float) -> str:
    """Return the type of a topic, waiting for it to appear.

    Raises:
        OperatorError: if it does not, or has several types.
    """
    name = absolute(topic)
    types = wait_for(node, lambda: dict(node.get_topic_names_and_types()).get(name), patience_s)
    if not types:
        known = [known for known, _ in node.get_topic_names_and_types()]
        raise OperatorError(
            f"topic '{name}' does not appear to be published yet. {suggest(name, known, 'topics')}"
        )
    if len(types) > 1:
        raise OperatorError(f"topic '{name}' has several types: {', '.join(types)}")
    return str(types[0])


def matching_qos(node: Node, topic: str, patience_s: float) -> QoSProfile:
    """Return a profile that receives from all present publishers of a topic.

    It is reliable, and gets the last message of before, only where every publisher offers that.
    """
    name = absolute(topic)
    infos = wait_for(node, lambda: node.get_publishers_info_by_topic(name), patience_s)
    offered = [info.qos_profile for info in infos]
    reliable = all(q.reliability == ReliabilityPolicy.RELIABLE for q in offered)
    latched = bool(offered) and all(
        q.durability == DurabilityPolicy.TRANSIENT_LOCAL for q in offered
    )
    return QoSProfile(
        depth=10,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
