"""The node `view`: cameras, joint tracks and the session, live in Rerun."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState
from vega_msgs.msg import TakeEvent, TeleopState
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare, parameter
from vega_runtime.qos import LATCHED, REPORT
from vega_runtime.stamps import to_ns

import hw_config
from hw_config import HardwareConfig
from teleop.session.state import SessionPhase, SessionState
from vega_teleop.rerun_sink import RerunSink
from vega_teleop.view import ROLES, View

_NEWEST = QoSProfile(
    depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
_NICENESS = 10  # the recorder comes first


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    to: str = parameter("serve", "serve (for a browser), window, or a file that ends in .rrd")
    rate_hz: float = parameter(10.0, "images a second of each camera", low=0.5, high=30.0)
    jpeg_quality: int = parameter(75, "of the images", low=10, high=100)
    port: int = parameter(9876, "of Rerun's data, on 127.0.0.1", low=1024, high=65535)
    web_port: int = parameter(9878, "of the page, on 127.0.0.1", low=1024, high=65535)


class ViewNode(Node):
    """Offers every message to the view, which shows some."""

    def __init__(self) -> None:
        super().__init__("view")
        given = declare(self, Parameters)
        hardware = hw_config.load()
        arms = [str(arm) for arm in hardware.arms]
        cameras = tuple(_from_left_to_right(hardware))
        sink = RerunSink(given.to, cameras, arms, given.port, given.web_port)
        self._view = View(sink, given.rate_hz, given.jpeg_quality)
        for name, camera in hardware.cameras.items():
            self.create_subscription(
                Image,
                f"{camera.namespace}/image_raw",
                partial(self._view.offer_image, name),
                _NEWEST,
                raw=True,
            )
        for arm in arms:
            for role in ROLES:
                self.create_subscription(
                    JointState,
                    f"{arm}/{role}/joint_states",
                    partial(self._view.offer_joints, arm, role),
                    _NEWEST,
                    raw=True,
                )
        self.create_subscription(TeleopState, "teleop/state", self._on_state, LATCHED)
        self.create_subscription(TakeEvent, "teleop/event", self._on_event, REPORT)
        self._view.start()
        self.get_logger().info(f"live view: {sink.where}")

    def close(self) -> None:
        """Ends the view and the programs that show it."""
        self._view.stop()

    def _on_state(self, message: TeleopState) -> None:
        state = SessionState(
            SessionPhase(message.phase),
            message.text,
            message.episode,
            message.saved,
            message.wanted,
            message.take_s,
            message.left_s,
            message.placement,
            tuple(message.problems),
        )
        stamp = to_ns(message.header.stamp)
        self._view.offer_session(stamp, message.task, message.dataset, state)

    def _on_event(self, message: TakeEvent) -> None:
        self._view.offer_event(to_ns(message.stamp), message.kind, message.text)


def _from_left_to_right(hardware: HardwareConfig) -> list[str]:
    """Names of the cameras as whoever stands behind the robot sees them: by arm, others between."""
    place = {"left": 0, None: 1, "right": 2}
    return sorted(hardware.cameras, key=lambda name: place[hardware.cameras[name].arm])


def main() -> None:
    """Runs the node until it is interrupted."""
    os.nice(_NICENESS)
    run_node(ViewNode)


if __name__ == "__main__":
    main()
