"""What a lifecycle node opens on its way up, and closes as one on its way down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Timer


class OwnedEntities:
    """Makes a node's entities and destroys them together: timers first, publishers last.

    Attributes:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self._timers: list[Timer] = []
        self._subscriptions: list[Subscription] = []
        self._services: list[Service] = []
        self._clients: list[Client] = []
        self._publishers: list[Publisher] = []

    def timer(
        self, period_s: float, callback: Callable[[], None], clock: Clock | None = None
    ) -> Timer:
        """A timer, by the node's clock where none is given."""
        self._timers.append(self.node.create_timer(period_s, callback, clock=clock))
        return self._timers[-1]

    def subscribe(
        self,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile,
        raw: bool = False,
    ) -> Subscription:
        """A subscription; the callback gets serialised messages where `raw`."""
        made = self.node.create_subscription(kind, topic, callback, profile, raw=raw)
        self._subscriptions.append(made)
        return made

    def publisher(self, kind: type, topic: str, profile: QoSProfile) -> Publisher:
        """A publisher."""
        self._publishers.append(self.node.create_publisher(kind, topic, profile))
        return self._publishers[-1]

    def service(self, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> Service:
        """A service."""
        self._services.append(self.node.create_service(kind, name, callback))
        return self._services[-1]

    def client(self, kind: type, name: str) -> Client:
        """A client of a service."""
        self._clients.append(self.node.create_client(kind, name))
        return self._clients[-1]

    def destroy(self) -> None:
        """Destroys all that was made since the last time."""
        node = self.node
        owned: list[tuple[list[Any], Callable[[Any], object]]] = [
            (self._timers, node.destroy_timer),
            (self._subscriptions, node.destroy_subscription),
            (self._services, node.destroy_service),
            (self._clients, node.destroy_client),
            (self._publishers, node.destroy_publisher),
        ]
        for made, destroy in owned:
            while made:
                destroy(made.pop())
