"""The node `cameras`: the RealSense cameras behind their topics."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

import pyrealsense2 as rs
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo
from vega_runtime import diagnostics, fault_injection
from vega_runtime.images import CameraPublisher, camera_info
from vega_runtime.lifecycle import LifecycleNode, TransitionError
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare, parameter
from vega_runtime.stamps import to_time

import hw_config
from vega_cameras.camera import Options
from vega_cameras.device_source import DeviceSource, attach
from vega_cameras.devices import CameraError
from vega_cameras.frames import Frame, Mailbox
from vega_cameras.health import Health
from vega_cameras.rig import Rig

_REPORT_PERIOD_S = 1.0


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; what is true of each camera is in hw_config/cameras.yaml."""

    devices: str = parameter(
        "usb",
        "usb: real cameras; pattern: software cameras with a test image; twin: software cameras "
        "with the twin's images; or a folder of recordings (*.db3)",
    )
    cameras: tuple[str, ...] = parameter(
        lambda: tuple(hw_config.load().cameras), "cameras that are started"
    )
    silent_s: float = parameter(
        0.5, "a camera that sends nothing for this long is reset (s)", 0.1, 10.0
    )
    frozen_s: float = parameter(
        0.5, "so is one that sends nothing new for this long (s)", 0.1, 10.0
    )
    reset_settle_s: float = parameter(3.0, "time that a camera needs after a reset (s)", 0.1, 30.0)


class CamerasNode(LifecycleNode):
    """Opens the cameras when configured, publishes their frames while active.

    The cameras' threads do all work with the SDK and wake the ROS thread, which publishes. A camera
    that fails is brought back while the others go on.
    """

    def __init__(self) -> None:
        super().__init__("cameras")
        self._given = declare(self, Parameters)
        self._hardware = hw_config.load()
        known = self._hardware.cameras
        unknown = [name for name in self._given.cameras if name not in known]
        if unknown:
            raise ValueError(
                f"unknown camera {', '.join(unknown)}; the cameras are: {', '.join(known)}"
            )
        self._configs = [c for c in known.values() if c.name in self._given.cameras]
        self._simulated = bool(self.get_parameter("use_sim_time").value)
        self._topics: dict[str, CameraPublisher] = {
            c.name: CameraPublisher(self, c) for c in self._configs
        }
        self._boxes: dict[str, Mailbox] = {}
        self._health: dict[str, Health] = {}
        self._rig: Rig | None = None
        self._device_source: DeviceSource | None = None
        self._active = False
        self._diagnostics: Publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        if self._given.devices in ("pattern", "twin"):
            fault_injection.offer(self, "cameras/inject_fault", self._inject)
        # Cameras are watched while a simulated clock stands still, too.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_REPORT_PERIOD_S, self._report, clock=steady)

    def configure(self) -> None:
        """Starts the cameras one after the other."""
        try:
            self._rig = rig = self._start()
        except CameraError as error:
            raise TransitionError(str(error)) from None
        finally:
            if self._rig is None:
                self._detach()
        for name, camera in rig.cameras.items():
            assert camera.intrinsics is not None
            frame_id = self._hardware.cameras[name].frame_id
            self._topics[name].describe(_camera_info(camera.intrinsics, frame_id))
            self.get_logger().info(f"{name}: {camera.identity}")

    def _start(self) -> Rig:
        self._device_source = attach(self._given.devices, self._configs)
        rig = Rig(
            self._configs,
            self._device_source.devices,
            self._options(),
            self._on_frame,
            self.get_logger().warning,
        )
        self._boxes = {name: Mailbox() for name in rig.cameras}
        self._health = {name: Health(camera) for name, camera in rig.cameras.items()}
        rig.start()
        return rig

    def activate(self) -> None:
        """Begins to publish."""
        for box in self._boxes.values():
            box.clear()
        self._active = True

    def deactivate(self) -> None:
        """Stops publishing; the cameras stay open."""
        self._active = False

    def cleanup(self) -> None:
        """Closes the cameras."""
        self._active = False
        rig, self._rig = self._rig, None
        if rig is not None:
            for name in rig.stop():
                self.get_logger().error(f"the {name} camera hangs in the SDK and was left there")
        self._detach()

    def close(self) -> None:
        """Closes the cameras before the node is destroyed."""
        self.cleanup()

    def _detach(self) -> None:
        if self._device_source is not None:
            self._device_source.close()
            self._device_source = None

    def _options(self) -> Options:
        given = self._given
        options = Options(
            silent_s=given.silent_s,
            frozen_s=given.frozen_s,
            reset_settle_s=given.reset_settle_s,
        )
        # A software camera is back at once.
        return options if given.devices == "usb" else replace(options, reset_settle_s=0.5)

    def _on_frame(self, name: str, frame: Frame) -> None:
        """In the camera's thread."""
        executor = self.executor
        if self._active and executor is not None and self._boxes[name].put(frame):
            executor.create_task(partial(self._publish, name))

    def _publish(self, name: str) -> None:
        frame = self._boxes[name].take()
        if frame is None or not self._active:
            return
        self._topics[name].publish(frame.pixels, to_time(self._ros_ns(frame.stamp_ns)))
        age_s = (time.time_ns() - frame.stamp_ns) * 1e-9
        self._health[name].published(time.monotonic(), age_s)

    def _ros_ns(self, stamp_ns: int) -> int:
        """A time of the system's clock in ROS time, which is the same unless it is simulated."""
        if not self._simulated:
            return stamp_ns
        age_ns = time.time_ns() - stamp_ns
        return max(int(self.get_clock().now().nanoseconds) - age_ns, 0)

    def _inject(self, kind: str, target: str) -> None:
        if self._device_source is None:
            raise ValueError("the cameras node is not configured yet")
        self._device_source.inject(kind, target)

    def _report(self) -> None:
        if self._rig is None:
            return
        now_s = time.monotonic()
        stamp = self.get_clock().now().to_msg()
        for name, health in self._health.items():
            level, text, values = health.report(now_s, self._active, self._boxes[name].superseded)
            self._diagnostics.publish(
                diagnostics.report(stamp, f"cameras/{name}", level, text, values)
            )


def _camera_info(intrinsics: rs.intrinsics, frame_id: str) -> CameraInfo:
    """The device's own calibration."""
    fisheye = intrinsics.model == rs.distortion.kannala_brandt4
    return camera_info(
        frame_id,
        (intrinsics.width, intrinsics.height),
        (intrinsics.fx, intrinsics.fy),
        (intrinsics.ppx, intrinsics.ppy),
        [float(c) for c in intrinsics.coeffs[: 4 if fisheye else 5]],
        "equidistant" if fisheye else "plumb_bob",
    )


def main() -> None:
    """Entry point."""
    run_node(CamerasNode)


if __name__ == "__main__":
    main()
