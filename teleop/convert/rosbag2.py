"""Reads folders of `ros2 bag record`, MCAP or SQLite, without ROS.

A bag is an episode. A file says which topics are what:

    cameras:                       # by dataset key; sensor_msgs Image or CompressedImage
      cam_high: /camera_f/color/image_raw
      cam_left_wrist: /camera_l/color/image_raw
      cam_right_wrist: /camera_r/color/image_raw
    state:                         # sensor_msgs JointState: left arm, then right arm
      - topic: /puppet/joint_left
      - topic: /puppet/joint_right
        joints: [joint0, joint1, joint2, joint3, joint4, joint5, joint6]  # else the first seven
    action:                        # what commanded them; may be left out
      - topic: /master/joint_left
      - topic: /master/joint_right

Times are those of the messages' headers, or of the bag where a header has none.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import hw_config
from teleop.convert.formats import ImportOptions
from teleop.convert.names import camera_keys
from teleop.convert.streams import Series, SourceEpisode
from teleop.convert.units import check_grippers, check_joints, in_robot_units, outside_limits
from teleop.export.demonstration import ActionSource, ExportError, Image, StepImage
from teleop.export.images import at_step, is_encoded, kept_if_jpeg
from vega_core.files import sha256_of
from vega_core.stamps import NS

METADATA = "metadata.yaml"
_JOINTS, _IMAGE = "sensor_msgs/msg/JointState", "sensor_msgs/msg/Image"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"
_TO_RGB = {"rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "rgba8": cv2.COLOR_RGBA2RGB}
_TO_RGB["bgra8"] = cv2.COLOR_BGRA2RGB


class ArmTopic(BaseModel):
    """Where the positions of one arm are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str
    joints: tuple[str, ...] | None = Field(default=None, min_length=1)


class Topics(BaseModel):
    """Which topics are what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cameras: dict[str, str]
    state: tuple[ArmTopic, ...] = Field(min_length=1)
    action: tuple[ArmTopic, ...] = ()


class Rosbag2:
    """Folders of bags, or one bag."""

    actions: tuple[ActionSource, ...] = ("leader", "follower")
    gripper_scale: float | None = 1.0
    options = frozenset({"topics"})

    def episodes(self, folder: Path, options: ImportOptions) -> list[tuple[int, Path]]:
        _topics(options.topics)
        if (folder / METADATA).is_file():
            return [(0, folder)]
        bags = sorted(path.parent for path in folder.glob(f"*/{METADATA}"))
        if not bags:
            raise ExportError(f"{folder} has no {METADATA} and no folder with one: {_hint(folder)}")
        return list(enumerate(bags))

    def without_leader(self, folder: Path, options: ImportOptions) -> str:
        return "" if _topics(options.topics).action else "the file of topics has no action"

    def read(self, number: int, path: Path, options: ImportOptions) -> SourceEpisode:
        topics = _topics(options.topics)
        if options.instruction is None and options.task not in hw_config.task_names():
            raise ExportError("a bag does not say what the operator was told: give --instruction")
        try:
            return _episode(path, topics, options)
        except ExportError as error:
            raise ExportError(f"{path}: {error}") from None


FORMAT = Rosbag2()


def _hint(folder: Path) -> str:
    cut_off = next((path for path in _files(folder) if path.suffix in (".mcap", ".db3")), None)
    if cut_off is None:
        return "give a folder that `ros2 bag record` wrote, or one of such folders"
    return f"`ros2 bag reindex {cut_off.parent}` makes the one of {cut_off.name}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for each in ("*", "*/*") for path in folder.glob(each) if path.is_file())


@dataclass(frozen=True)
class BagImages:
    """Images of a bag; attributes as in Hdf5Images."""

    path: Path
    topics: Mapping[str, str]
    stamps_ns: Mapping[str, NDArray[np.int64]]
    rows: Mapping[str, NDArray[np.int64]]

    def chosen(self, rows: Mapping[str, NDArray[np.int64]]) -> BagImages:
        return BagImages(self.path, self.topics, self.stamps_ns, rows)

    def read(self) -> Iterator[StepImage]:
        cameras = {topic: key for key, topic in self.topics.items() if key in self.rows}
        seen = dict.fromkeys(cameras, -1)
        step = dict.fromkeys(cameras, 0)
        with _bag(self.path) as bag:
            for topic, kind, _, message in bag.messages(list(cameras)):
                seen[topic] += 1
                key, made = cameras[topic], None
                rows = self.rows[key]
                while step[topic] < len(rows) and rows[step[topic]] == seen[topic]:
                    with at_step(key, step[topic], seen[topic]):
                        made = _image(bag.decode(message, kind)) if made is None else made
                    yield StepImage(key, step[topic], made, seen[topic])
                    step[topic] += 1
                if all(step[each] == len(self.rows[cameras[each]]) for each in cameras):
                    return


def _topics(path: Path | None) -> Topics:
    if path is None:
        raise ExportError("say with --topics FILE which topics of the bag are what (--help)")
    try:
        topics = Topics.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExportError(f"{path} cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise ExportError(f"{path} is no YAML: {error}") from None
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}"
            for each in error.errors()
        )
        raise ExportError(f"{path}: {said}") from None
    if set(topics.cameras) != set(camera_keys()):
        raise ExportError(
            f"{path}: cameras are {', '.join(topics.cameras) or 'none'}, expected "
            f"{', '.join(camera_keys())}"
        )
    arms = [each.topic for each in (*topics.state, *topics.action)]
    for what, named in (("cameras", [*topics.cameras.values()]), ("state and action", arms)):
        twice = sorted({topic for topic in named if named.count(topic) > 1})
        if twice:
            raise ExportError(
                f"{path}: {', '.join(twice)} stands twice in {what}: name it once, with the joints "
                "of both arms where it has both; without a topic of commands leave action out"
            )
    return topics


def _episode(path: Path, topics: Topics, options: ImportOptions) -> SourceEpisode:
    cameras = {key: topics.cameras[key] for key in camera_keys()}
    stamps: dict[str, list[int]] = {topic: [] for topic in cameras.values()}
    arms = [*topics.state, *(topics.action if options.action == "leader" else ())]
    positions: dict[str, tuple[list[int], list[Any]]] = {each.topic: ([], []) for each in arms}
    joints = {each.topic: each.joints for each in arms}
    expected = {
        each.topic: _expected(arms) for arms in (topics.state, topics.action) for each in arms
    }
    digest = hashlib.sha256()
    with _bag(path) as bag:
        bag.check({**dict.fromkeys(cameras.values(), "image"), **dict.fromkeys(joints, "joints")})
        for topic, kind, received_ns, message in bag.messages([*stamps, *positions]):
            stamp = _stamp(message) or received_ns
            digest.update(struct.pack("<q", stamp))
            if topic in stamps:
                stamps[topic].append(stamp)
            else:
                times, values = positions[topic]
                times.append(stamp)
                state = bag.decode(message, kind)
                values.append(_positions(state, topic, joints[topic], expected[topic]))
    series = {topic: _series(topic, *each) for topic, each in positions.items()}
    state = _both(topics.state, series, options)
    check_grippers(state.values)
    check_joints(state.values)
    leader = _both(topics.action, series, options) if options.action == "leader" else None
    images = {key: _rising(topic, np.asarray(stamps[topic])) for key, topic in cameras.items()}
    instruction = options.instruction or hw_config.load_task(options.task).instruction
    return SourceEpisode(
        name=str(path),
        digest=digest.hexdigest(),
        task=options.task,
        instruction=instruction,
        fps=_rate(list(images.values())),
        state=state,
        leader=leader,
        rate_remedy="the images' header stamps are wrong: leave it out with --skip-damaged",
        images=BagImages(path, cameras, images, {}),
        facts={"robot": "real", "metadata_sha256": sha256_of(path / METADATA)},
        notes=tuple(filter(None, [outside_limits(state.values, "states")])),
    )


def _expected(arms: Sequence[ArmTopic]) -> int:
    """Joints of each topic that shares all of them with the others of its list."""
    return len(hw_config.load().joint_names) // len(arms)


def _positions(
    message: Any, topic: str, joints: Sequence[str] | None, per_arm: int
) -> NDArray[np.float64]:
    positions = np.asarray(message.position, np.float64)
    if joints is None:
        if len(positions) < per_arm:
            raise ExportError(f"{topic} has {len(positions)} positions, expected {per_arm}")
        return positions[:per_arm]
    names = list(message.name)
    missing = [name for name in joints if name not in names]
    if missing or len(names) != len(positions):
        raise ExportError(
            f"{topic} has no joint {', '.join(missing)}: it has {', '.join(names) or 'no names'}"
        )
    return positions[[names.index(name) for name in joints]]


def _series(topic: str, stamps: list[int], values: list[Any]) -> Series:
    if not stamps:
        raise ExportError(f"{topic} has no messages")
    widths = {len(value) for value in values}
    if len(widths) > 1:
        raise ExportError(f"{topic} has messages of {sorted(widths)} positions")
    return Series(_rising(topic, np.asarray(stamps)), np.asarray(values, np.float32))


def _both(arms: Sequence[ArmTopic], series: Mapping[str, Series], options: ImportOptions) -> Series:
    """The arms side by side, at the times of the first."""
    if not arms:
        raise ExportError("the file of topics has no action: give --action follower")
    parts = [series[each.topic] for each in arms]
    begin = max(int(each.stamps_ns[0]) for each in parts)
    end = min(int(each.stamps_ns[-1]) for each in parts)
    own = parts[0].stamps_ns
    stamps = own[(own >= begin) & (own <= end)]
    if not len(stamps):
        raise ExportError("the arms were not recorded at the same time")
    values = np.concatenate([each.at(stamps) for each in parts], axis=1)
    return Series(stamps, in_robot_units(values, options.gripper_scale, options.degrees))


def _rising(topic: str, stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(stamps) < 2:
        raise ExportError(f"{topic} has {len(stamps)} messages, expected at least 2")
    steps = np.diff(stamps)
    if (steps <= 0).any():
        at = int((steps <= 0).argmax())
        how = f"{-steps[at] / NS:.3f} s before" if steps[at] else "the same as"
        raise ExportError(
            f"{topic}: the stamp of message {at + 1} is {how} that of the message before it: the "
            "clock was set, or messages are double; cut the bag there"
        )
    return stamps


def _rate(stamps: Sequence[NDArray[np.int64]]) -> float:
    """Images a second of the slowest camera."""
    return min(NS / float(np.median(np.diff(each))) for each in stamps)


def _stamp(message: bytes) -> int:
    """Header stamp (ns) of a CDR message that begins with a header."""
    order = "<" if message[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", message, 4)
    return int(seconds) * NS + int(nanoseconds)


def _image(message: Any) -> Image:
    if hasattr(message, "format"):
        data = message.data.tobytes()
        if not is_encoded(data):
            raise ExportError(
                f"an image of format {message.format} has {len(data)} bytes that are neither a "
                "JPEG nor a PNG file"
            )
        return kept_if_jpeg(data)
    if message.encoding not in _TO_RGB:
        raise ExportError(
            f"an image has the encoding {message.encoding}, expected {', '.join(_TO_RGB)}"
        )
    channels = 4 if "a" in message.encoding else 3
    data = np.asarray(message.data)
    if message.step < message.width * channels or len(data) != message.height * message.step:
        raise ExportError(
            f"an image of {message.width}x{message.height} {message.encoding} has {len(data)} "
            f"bytes in rows of {message.step}"
        )
    rows = data.reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    code = _TO_RGB[message.encoding]
    return np.ascontiguousarray(pixels) if code is None else np.asarray(cv2.cvtColor(pixels, code))


class _Bag:
    def __init__(self, reader: Any, store: Any) -> None:
        self._reader, self._store = reader, store

    def check(self, wanted: Mapping[str, str]) -> None:
        """Refuses a bag that lacks a topic, or has another type there."""
        types = {each.topic: each.msgtype for each in self._reader.connections}
        for topic, what in wanted.items():
            if topic not in types:
                raise ExportError(f"has no topic {topic}: it has {', '.join(sorted(types))}")
            expected = (_JOINTS,) if what == "joints" else (_IMAGE, _COMPRESSED)
            if types[topic] not in expected:
                raise ExportError(f"{topic} is {types[topic]}, expected {' or '.join(expected)}")

    def messages(self, topics: Sequence[str]) -> Iterator[tuple[str, str, int, bytes]]:
        chosen = [each for each in self._reader.connections if each.topic in topics]
        for connection, received_ns, data in self._reader.messages(chosen):
            yield connection.topic, connection.msgtype, received_ns, bytes(data)

    def decode(self, message: bytes, kind: str) -> Any:
        return self._store.deserialize_cdr(message, kind)


@contextmanager
def _bag(path: Path) -> Iterator[_Bag]:
    try:
        from rosbags.rosbag2 import Reader
        from rosbags.typesys import Stores, get_typestore
    except ImportError:
        raise ExportError("reading bags needs rosbags: pip install 'rosbags>=0.11,<0.12'") from None
    try:
        with Reader(path) as reader:
            yield _Bag(reader, get_typestore(Stores.ROS2_HUMBLE))
    except (ExportError, GeneratorExit):
        raise
    except Exception as error:  # the library's own, of each of its storages
        packed = [each.name for each in _files(path) if each.suffix in (".zst", ".zstd")]
        hint = f": was {packed[0]} compressed by hand? `zstd -d --rm` unpacks it" if packed else ""
        raise ExportError(f"cannot be read ({error}){hint}") from None
