"""Reads a sealed episode: joints, commands, images, events, configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from mcap.reader import McapReader, make_reader
from mcap.summary import Summary
from numpy.typing import NDArray
from pydantic import ValidationError

from teleop.dataset.cdr import (
    header_stamp,
    read_compressed_image,
    read_joint_series,
    read_take_event,
)
from teleop.dataset.chunks import DAMAGE, MessageSpan, read_chunk, records_of
from teleop.dataset.episode import (
    EVENT_TOPIC,
    HARDWARE_PREFIX,
    LAYOUT_METADATA,
    DatasetLayout,
    EpisodeInfo,
    command_topic,
    joint_topic,
    of_metadata,
    read_info,
)
from teleop.dataset.sealed_file import open_sealed
from teleop.errors import EpisodeDamaged

# Images of one moment may lie on both sides of a chunk's end.
_UNPACKED_CHUNKS = 2


class Joints(NamedTuple):
    """N states (or commands) of an arm by capture stamp. What a message leaves out is NaN.

    Attributes:
        names: The joints of a row, in the order of hw_config.
        stamps_ns: Capture stamps, rising, int64 [N].
        received_ns: When each was received, int64 [N].
        position: float64 [N, 7]; rad, gripper m.
        velocity: float64 [N, 7]; rad/s, gripper m/s.
        effort: float64 [N, 7]; as the arm reports it.
    """

    names: tuple[str, ...]
    stamps_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    effort: NDArray[np.float64]


class RecordedEvent(NamedTuple):
    """Something that happened in a take."""

    stamp_ns: int
    kind: str
    text: str


class ImagePlace(NamedTuple):
    """Where the message of an image lies: in which chunk, from which byte to which."""

    chunk: int
    start: int
    end: int


class _StoredImage(NamedTuple):
    stamp_ns: int
    received_ns: int
    place: ImagePlace


class Recorded:
    """One sealed episode. Use `open_episode`; `close` it, or use it in a `with`.

    Attributes:
        folder: Where it is.
        info: What is known of it.
        layout: Joints and cameras of its dataset.
    """

    def __init__(self, folder: Path, info: EpisodeInfo, file: IO[bytes], summary: Summary) -> None:
        self.folder = folder
        self.info = info
        self._file = file
        self._summary = summary
        self._chunks = sorted(summary.chunk_indexes, key=lambda c: c.chunk_start_offset)
        self._channels = {channel.topic: channel for channel in summary.channels.values()}
        self._counts = summary.statistics.channel_message_counts if summary.statistics else {}
        self._messages: dict[int, list[tuple[int, bytes]]] | None = None
        self._images: dict[int, list[_StoredImage]] = {}
        self._falls: dict[str, int] = {}
        self._unpacked: dict[int, bytes] = {}
        self.layout = self._read_layout()

    def __enter__(self) -> Recorded:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras of which there are images, in the order of hw_config."""
        topic = self.layout.image_topic
        return tuple(name for name in self.layout.cameras if self._has(topic(name)))

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms of which there are followers' joint states, in the order of hw_config."""
        return tuple(name for name in self.layout.arms if self._has(joint_topic(name)))

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics with at least one message."""
        return tuple(topic for topic in sorted(self._channels) if self._has(topic))

    def joints(self, arm: str, role: str = "follower") -> Joints | None:
        """Joint states of an arm, or None if there are none.

        Raises:
            EpisodeDamaged: They cannot be read, or lack a joint.
        """
        return self._series(arm, joint_topic(arm, role))

    def commands(self, arm: str) -> Joints | None:
        """What the gate sent to a follower, or None if there is nothing (shared bus).

        Raises:
            EpisodeDamaged: As `joints`.
        """
        return self._series(arm, command_topic(arm))

    def falls(self, topic: str) -> int:
        """How many stamps of a topic are not later than that of the message that came before.

        Of images, and of joints that were read.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        self._index()
        return self._falls.get(topic, 0)

    def image_stamps(self, camera: str) -> NDArray[np.int64]:
        """Capture stamps of a camera's images (ns), rising, int64 [N].

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        return np.array([image.stamp_ns for image in self._images_of(camera)], dtype=np.int64)

    def image_received(self, camera: str) -> NDArray[np.int64]:
        """When each image was received (ns), in the order of `image_stamps`, int64 [N].

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        return np.array([image.received_ns for image in self._images_of(camera)], dtype=np.int64)

    def images(self, camera: str) -> Iterator[tuple[int, bytes]]:
        """Capture stamp (ns) and JPEG of each image, in the order of `image_stamps`.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        for image in self._images_of(camera):
            yield image.stamp_ns, self.image_at(image.place)

    def image_places(self, camera: str) -> list[ImagePlace]:
        """Where each image lies, in the order of `image_stamps`.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        return [image.place for image in self._images_of(camera)]

    def image_at(self, place: ImagePlace) -> bytes:
        """The JPEG of an image. Needs no index, so that another process may ask for it.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        raw = self._chunk(place.chunk)
        _, _, jpeg = read_compressed_image(memoryview(raw)[place.start : place.end])
        return jpeg

    def events(self) -> list[RecordedEvent]:
        """What happened, in order.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        rows = (RecordedEvent(*read_take_event(data)) for _, data in self.messages(EVENT_TOPIC))
        return sorted(rows, key=lambda event: event.stamp_ns)

    def messages(self, topic: str) -> list[tuple[int, bytes]]:
        """Log time (ns) and bytes of every message of a topic without images, in order.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        found = self._index()
        channel = self._channels.get(topic)
        return found.get(channel.id, []) if channel else []

    def schema(self, topic: str) -> tuple[str, str]:
        """Name and text of a topic's message definition.

        Raises:
            KeyError: There is no such topic.
        """
        schema = self._summary.schemas[self._channels[topic].schema_id]
        return schema.name, schema.data.decode()

    def hardware_files(self) -> dict[str, str]:
        """Text of each file of hw_config as it was when this was recorded, by its path within.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        try:
            return {
                a.name.removeprefix(HARDWARE_PREFIX): a.data.decode()
                for a in self._reader().iter_attachments()
                if a.name.startswith(HARDWARE_PREFIX)
            }
        except (*DAMAGE, OSError) as error:
            raise self._damaged(f"its configuration cannot be read ({error})") from None

    def metadata(self) -> dict[str, dict[str, str]]:
        """Named texts that were recorded, by name.

        Raises:
            EpisodeDamaged: The file cannot be read.
        """
        try:
            return {m.name: m.metadata for m in self._reader().iter_metadata()}
        except (*DAMAGE, OSError) as error:
            raise self._damaged(f"its metadata cannot be read ({error})") from None

    def _reader(self) -> McapReader:
        self._file.seek(0)
        return make_reader(self._file)

    def _read_layout(self) -> DatasetLayout:
        values = self.metadata().get(LAYOUT_METADATA)
        if values is None:
            raise self._damaged("does not say which joints and cameras it has")
        try:
            return DatasetLayout.model_validate_json(of_metadata(values))
        except (EpisodeDamaged, ValidationError) as error:
            raise self._damaged(f"its layout cannot be read ({error})") from None

    def _has(self, topic: str) -> bool:
        channel = self._channels.get(topic)
        return channel is not None and self._counts.get(channel.id, 0) > 0

    def _series(self, arm: str, topic: str) -> Joints | None:
        rows = self.messages(topic)
        if not rows:
            return None
        name, _ = self.schema(topic)
        try:
            series = read_joint_series(name, [data for _, data in rows])
            order = [series.names.index(joint) for joint in self.layout.arms[arm]]
        except (EpisodeDamaged, ValueError, KeyError) as error:
            raise self._damaged(f"{topic}: {error}") from None
        self._falls[topic] = _falls(series.stamps_ns)
        rising = np.argsort(series.stamps_ns, kind="stable")
        pick = np.ix_(rising, np.asarray(order))
        return Joints(
            self.layout.arms[arm],
            series.stamps_ns[rising],
            np.array([log for log, _ in rows], dtype=np.int64)[rising],
            series.position[pick],
            series.velocity[pick],
            series.effort[pick],
        )

    def _images_of(self, camera: str) -> list[_StoredImage]:
        if camera not in self.layout.cameras:
            raise self._damaged(f"has no camera {camera}; it has {', '.join(self.layout.cameras)}")
        self._index()
        channel = self._channels.get(self.layout.image_topic(camera))
        return self._images.get(channel.id, []) if channel else []

    def _index(self) -> dict[int, list[tuple[int, bytes]]]:
        """One pass over the file: keeps small messages, and where the images are."""
        if self._messages is not None:
            return self._messages
        topics = {self.layout.image_topic(name) for name in self.layout.cameras}
        image_channels = {c.id for t, c in self._channels.items() if t in topics}
        messages: dict[int, list[tuple[int, bytes]]] = {}
        images: dict[int, list[_StoredImage]] = {}
        for number in range(len(self._chunks)):
            raw = self._chunk(number)
            try:
                for span in records_of(raw):
                    if not isinstance(span, MessageSpan):
                        continue
                    data = raw[span.start : span.end]
                    if span.channel in image_channels:
                        place = ImagePlace(number, span.start, span.end)
                        stored = _StoredImage(header_stamp(data), span.log_ns, place)
                        images.setdefault(span.channel, []).append(stored)
                    else:
                        messages.setdefault(span.channel, []).append((span.log_ns, data))
            except EpisodeDamaged as error:
                raise self._damaged(str(error)) from None
        by_id = {channel.id: topic for topic, channel in self._channels.items()}
        for number, rows in images.items():
            self._falls[by_id[number]] = _falls(np.array([image.stamp_ns for image in rows]))
            rows.sort(key=lambda image: image.stamp_ns)
        self._images = images
        self._messages = messages
        return messages

    def _chunk(self, number: int) -> bytes:
        if number not in self._unpacked:
            if not 0 <= number < len(self._chunks):
                raise self._damaged(f"has no chunk {number}")
            while len(self._unpacked) >= _UNPACKED_CHUNKS:
                del self._unpacked[next(iter(self._unpacked))]
            try:
                self._unpacked[number] = read_chunk(self._file, self._chunks[number])
            except EpisodeDamaged as error:
                raise self._damaged(str(error)) from None
        return self._unpacked[number]

    def _damaged(self, text: str) -> EpisodeDamaged:
        return EpisodeDamaged(f"{self.folder / self.info.mcap.file}: {text}")


def _falls(stamps: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.diff(stamps) <= 0))


def open_episode(folder: Path, verify: bool = False) -> Recorded:
    """Opens a sealed episode.

    Args:
        folder: The episode's folder.
        verify: Whether to compare the file's digest with the one it was sealed with (reads all).

    Raises:
        EpisodeDamaged: It is not what was sealed; the text says what is wrong.
    """
    folder = Path(folder)
    info = read_info(folder)
    file, summary = open_sealed(folder, info, verify)
    try:
        return Recorded(folder, info, file, summary)
    except BaseException:
        file.close()
        raise
