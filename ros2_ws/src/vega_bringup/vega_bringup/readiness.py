"""What the policy lacks before it may be activated."""

from __future__ import annotations

import time
from functools import partial

from rclpy.node import Node
from sensor_msgs.msg import Image
from vega_msgs.msg import ArmStatus
from vega_runtime import qos

import hw_config

# Wall time: a slow twin still brings several frames in it.
_FRESH_S = 2.0


class Readiness:
    """Listens to cameras and arms until it is closed."""

    def __init__(self, node: Node, hardware: hw_config.HardwareConfig) -> None:
        self._node = node
        self._frame_s: dict[str, float | None] = dict.fromkeys(hardware.cameras)
        self._status: dict[str, ArmStatus | None] = dict.fromkeys(hardware.arms)
        self._subscriptions = [
            node.create_subscription(
                Image,
                f"{camera.namespace}/image_raw",
                partial(self._on_frame, name),
                qos.SENSOR,
                raw=True,
            )
            for name, camera in hardware.cameras.items()
        ] + [
            node.create_subscription(
                ArmStatus, f"{arm}/follower/status", partial(self._on_status, arm), qos.LATCHED
            )
            for arm in hardware.arms
        ]

    def missing(self) -> list[str]:
        """Cameras without fresh frames and arms that are not enabled, in words for people."""
        now_s = time.monotonic()
        lacking = [
            f"no frames of the {name} camera" if seen_s is None else f"the {name} camera stopped"
            for name, seen_s in self._frame_s.items()
            if seen_s is None or now_s - seen_s > _FRESH_S
        ]
        for arm, status in self._status.items():
            if status is None:
                lacking.append(f"no status of the {arm} arm")
            elif not status.enabled:
                lacking.append(f"the {arm} arm is not enabled: {status.text or 'no reason given'}")
        return lacking

    def close(self) -> None:
        """Stops listening: frames cost much to receive."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_frame(self, camera: str, cdr: bytes) -> None:
        self._frame_s[camera] = time.monotonic()

    def _on_status(self, arm: str, status: ArmStatus) -> None:
        self._status[arm] = status
