"""Which topics are recorded, what is expected of each, and how they are subscribed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from vega_msgs.msg import (
    ActionChunk,
    ArmCommand,
    ArmTarget,
    EstopState,
    GateState,
    InferenceReport,
    TaskState,
)
from vega_runtime import qos

from hw_config import HardwareConfig
from teleop.dataset.episode import DatasetLayout, command_topic, joint_topic
from teleop.recording.recorder import Handling, RecordedTopic
from teleop.recording.take_monitor import Stream
from vega_teleop.message_definitions import schema_of

# What comes while Python is busy with something else: a second of an arm, a third of a camera.
_EVERY_STATE = QoSProfile(
    depth=200, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
_EVERY_COMMAND = QoSProfile(
    depth=200, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
_EVERY_IMAGE = QoSProfile(
    depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)


@dataclass(frozen=True)
class Subscribed:
    """A topic as it is subscribed to, and as it is recorded."""

    message: Any
    topic: str
    profile: QoSProfile
    recorded: RecordedTopic


def subscriptions(hardware: HardwareConfig, robot: str) -> list[Subscribed]:
    """Everything that is recorded.

    Args:
        hardware: The cell.
        robot: sim, emulated or real; only the twin knows how the task stands.
    """
    layout = DatasetLayout.of(hardware)
    return [
        *_cameras(hardware, layout),
        *_arms(hardware, robot),
        *_others(twin=robot != "real"),
    ]


def policy_subscriptions(hardware: HardwareConfig, robot: str) -> list[Subscribed]:
    """What is recorded of a policy: as of a demonstration, but no leaders, and its chunks.

    Args:
        hardware: The cell.
        robot: sim, emulated or real.
    """
    demonstrated = subscriptions(hardware, robot)
    return [
        *(each for each in demonstrated if each.recorded.stream.kind != "leader"),
        _plain(ActionChunk, Stream("/action_chunk", "chunk of the policy"), qos.COMMAND),
        _plain(InferenceReport, Stream("/policy/inference", "inference report"), qos.REPORT),
    ]


def _cameras(hardware: HardwareConfig, layout: DatasetLayout) -> Iterator[Subscribed]:
    for name, camera in hardware.cameras.items():
        title = f"image of the {name.replace('_', ' ')} camera"
        images = Stream(
            layout.image_topic(name),
            title,
            "camera",
            float(camera.fps),
            hardware.recording.max_image_gap_s,
        )
        yield Subscribed(
            Image,
            f"{camera.namespace}/image_raw",
            _EVERY_IMAGE,
            RecordedTopic(images, schema_of(CompressedImage), Handling.IMAGE),
        )
        info = Stream(layout.camera_info_topic(name), f"camera_info with a {title}")
        yield Subscribed(
            CameraInfo,
            f"{camera.namespace}/camera_info",
            qos.SENSOR,
            RecordedTopic(info, schema_of(CameraInfo), Handling.CONSTANT),
        )


def _arms(hardware: HardwareConfig, robot: str) -> Iterator[Subscribed]:
    rates, limits = hardware.rates, hardware.recording
    # On a shared bus the followers obey their leaders by themselves. Where the twin makes the time,
    # its clock ticks no finer than the gate commands, so some ticks have two commands, some none.
    steady = hardware.topology == "bus_per_arm" and robot != "sim"
    for arm in hardware.arms:
        for role in ("follower", "leader"):
            rests = role == "leader" and limits.leaders_rest_silently
            stream = Stream(
                joint_topic(arm, role),
                f"joint state of the {arm} {role}",
                role,
                None if rests else rates.state_hz,
                limits.max_state_gap_s,
            )
            yield _plain(JointState, stream, _EVERY_STATE)
        commands = Stream(
            command_topic(arm),
            f"command to the {arm} follower",
            "command",
            rates.gate_hz if steady else None,
            limits.max_state_gap_s,
        )
        yield _plain(ArmCommand, commands, _EVERY_COMMAND)


def _others(twin: bool) -> Iterator[Subscribed]:
    yield _plain(ArmTarget, Stream("/gate/target", "target of the gate"), qos.REPORT)
    yield _state(GateState, Stream("/gate/state", "state of the gate"))
    yield _state(EstopState, Stream("/gate/estop_state", "state of the emergency stop"))
    yield _plain(DiagnosticArray, Stream("/diagnostics", "diagnostics"), qos.REPORT)
    if twin:
        yield _state(TaskState, Stream("/sim/task_state", "state of the task"))


def _plain(message: Any, stream: Stream, profile: QoSProfile) -> Subscribed:
    # The file has absolute names whatever namespace the stack runs in; /diagnostics is one.
    topic = stream.topic if stream.topic == "/diagnostics" else stream.topic.lstrip("/")
    return Subscribed(message, topic, profile, RecordedTopic(stream, schema_of(message)))


def _state(message: Any, stream: Stream) -> Subscribed:
    recorded = RecordedTopic(stream, schema_of(message), Handling.STATE)
    return Subscribed(message, stream.topic.lstrip("/"), qos.LATCHED, recorded)
