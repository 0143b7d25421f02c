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
# Frames must have flowed for this long: by then the policy has them, too.
_FLOWING_S = 0.5


class Readiness:
    """Listens to cameras and arms until it is closed."""

    def __init__(self, node: Node, hardware: hw_config.HardwareConfig) -> None:
        self._node = node
        self._frames_s: dict[str, tuple[float, float] | None] = dict.fromkeys(hardware.cameras)
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
        """Cameras without fresh frames and arms that are not enabled, for people."""
        now_s = time.monotonic()
        lacking = []
        for name, frames_s in self._frames_s.items():
            if frames_s is None:
                lacking.append(f"no frames of the {name} camera")
            elif now_s - frames_s[1] > _FRESH_S:
                lacking.append(f"the {name} camera stopped")
            elif frames_s[1] - frames_s[0] < _FLOWING_S:
                lacking.append(f"the {name} camera has only just started")
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
        now_s = time.monotonic()
        known = self._frames_s[camera]
        flowing = known is not None and now_s - known[1] <= _FRESH_S
        self._frames_s[camera] = (known[0] if known and flowing else now_s, now_s)

    def _on_status(self, arm: str, status: ArmStatus) -> None:
        self._status[arm] = status
