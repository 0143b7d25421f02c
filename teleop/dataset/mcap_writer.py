"""Writes an episode to MCAP as it happens, so that a crash costs at most its last second.

Messages collect in a chunk; a thread of the writer's own compresses it, writes it and waits for the
disk, so that callers never do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mcap.records import Channel
from mcap.records import Schema as SchemaRecord

from teleop.dataset.mcap_file import ChunkBuilder, McapFile
from teleop.dataset.stamps import StreamCounter, StreamFigures
from teleop.errors import RecordingFailed, TeleopError
from teleop.writing import why
from vega_core.files import OutputFile

CHUNK_BYTES = 1 << 20
CHUNK_SECONDS = 1.0
# The disk is given up when this much waits for it: tens of seconds of three cameras.
MAX_WAITING_BYTES = 256 << 20


class Schema(NamedTuple):
    """A ROS 2 message definition.

    Attributes:
        name: As `sensor_msgs/msg/JointState`.
        text: The definition, followed by those it uses, each after a line of 80 `=` and a line
            `MSG: package/Type`.
    """

    name: str
    text: str


class EpisodeWriter:
    """Writes one file. All methods may be called from any thread.

    A failure of the disk does not show where it happens, in the writer's thread, but as
    RecordingFailed at the next call, and in `failed` at once. The file then ends with the last
    chunk that was written whole.

    Args:
        path: The file; it must not exist.
        open_file: Makes the output file; tests put a failing one here.

    Raises:
        RecordingFailed: The file cannot be made.
    """

    def __init__(self, path: Path, open_file: Callable[[Path], OutputFile] = OutputFile) -> None:
        self.path = path
        self._changed = threading.Condition()
        self._chunk = ChunkBuilder()
        self._chunk_began: float | None = None
        self._jobs: deque[tuple[int, Callable[[], None]]] = deque()
        self._waiting = 0
        self._stopping = False
        self._closed = False
        self._failed: str | None = None
        self._schemas: dict[str, SchemaRecord] = {}
        self._topics: dict[str, int] = {}
        self._channels: dict[int, Channel] = {}
        self._counters: dict[int, StreamCounter] = {}
        try:
            self._file = McapFile(path, open_file)
        except OSError as error:
            raise RecordingFailed(f"{path}: cannot be written ({why(error)})") from None
        self._thread = threading.Thread(target=self._work, name="episode writer", daemon=True)
        self._thread.start()

    @property
    def bytes_written(self) -> int:
        """Bytes that are on the disk."""
        return self._file.length

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the disk has not taken yet."""
        with self._changed:
            return self._waiting + len(self._chunk.data)

    @property
    def failed(self) -> str | None:
        """Why nothing more can be written, in words for people; None while all is well."""
        return self._failed

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the finished file."""
        return self._file.sha256

    def figures(self) -> dict[str, StreamFigures]:
        """What was given to `write` so far, by topic; times are publish times."""
        with self._changed:
            return {c.topic: self._counters[i].figures for i, c in self._channels.items()}

    def add_topic(self, topic: str, schema: Schema) -> int:
        """Announces a topic and returns its id for `write`; the same topic has the same id.

        Raises:
            TeleopError: The topic is known with another type, or the type with another definition.
            RecordingFailed: The disk has failed.
        """
        with self._changed:
            self._check()
            record = self._schema(schema)
            if topic not in self._topics:
                number = len(self._topics) + 1
                channel = Channel(number, topic, "cdr", {}, record.id)
                self._topics[topic] = number
                self._channels[number] = channel
                self._counters[number] = StreamCounter()
                self._begin_chunk()
                self._chunk.add_record(channel)
            number = self._topics[topic]
            if self._channels[number].schema_id != record.id:
                raise TeleopError(f"{topic} is recorded already, with another type")
            return number

    def _schema(self, schema: Schema) -> SchemaRecord:
        text = schema.text.encode()
        known = self._schemas.get(schema.name)
        if known is None:
            known = SchemaRecord(len(self._schemas) + 1, text, "ros2msg", schema.name)
            self._schemas[schema.name] = known
            self._begin_chunk()
            self._chunk.add_record(known)
        if known.data != text:
            raise TeleopError(f"{schema.name} is recorded already, with another definition")
        return known

    def write(self, topic_id: int, log_ns: int, publish_ns: int, data: bytes) -> None:
        """Adds a message; returns without waiting for the disk.

        Args:
            topic_id: Of `add_topic`.
            log_ns: When it was received (ROS time).
            publish_ns: Its capture stamp (ROS time).
            data: The serialised message.

        Raises:
            RecordingFailed: The disk has failed, or does not keep up.
        """
        with self._changed:
            self._check()
            counter = self._counters[topic_id]
            counter.add(publish_ns)
            self._begin_chunk()
            # Times before the epoch cannot be stored.
            log_ns, publish_ns = max(log_ns, 0), max(publish_ns, 0)
            self._chunk.add_message(topic_id, counter.count, log_ns, publish_ns, data)
            if len(self._chunk.data) >= CHUNK_BYTES:
                self._hand_over()
            if self._waiting > MAX_WAITING_BYTES:
                self._fail(
                    f"the disk does not keep up, {self._waiting >> 20} MiB wait for it: "
                    "record to a faster disk"
                )
                self._check()

    def add_metadata(self, name: str, values: dict[str, str]) -> None:
        """Adds named texts. Raises RecordingFailed when the disk has failed."""
        size = sum(len(key) + len(value) for key, value in values.items())
        self._add(size, lambda: self._file.add_metadata(name, values))

    def attach(self, name: str, media_type: str, data: bytes, time_ns: int = 0) -> None:
        """Adds a file of another kind. Raises RecordingFailed when the disk has failed."""
        self._add(len(data), lambda: self._file.add_attachment(name, media_type, data, time_ns))

    def _add(self, size: int, job: Callable[[], None]) -> None:
        with self._changed:
            self._check()
            self._hand_over()
            self._queue(size, job)

    def flush(self) -> None:
        """Returns when everything given so far is on the disk.

        Raises:
            RecordingFailed: It cannot be written.
        """
        with self._changed:
            self._check()
            self._drain()

    def finish(self) -> None:
        """Flushes, writes summary and indexes, and closes the file.

        Raises:
            RecordingFailed: It cannot be written; the file is closed and can be repaired.
        """
        try:
            with self._changed:
                self._check()
                self._closed = True
                self._drain()
            self._stop()
            self._file.finish(list(self._schemas.values()), list(self._channels.values()))
        except OSError as error:
            self._failed = f"{self.path}: cannot be written ({why(error)})"
            raise RecordingFailed(self._failed) from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Closes the file as it is; what was not flushed is lost."""
        with self._changed:
            self._closed = True
        self._stop()
        self._file.close()

    def _drain(self) -> None:
        self._hand_over()
        self._changed.wait_for(lambda: not self._jobs or self._failed is not None)
        if self._failed is not None:
            raise RecordingFailed(self._failed)

    def _stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _check(self) -> None:
        if self._failed is not None:
            raise RecordingFailed(self._failed)
        if self._closed:
            raise RecordingFailed(f"{self.path} is closed: the take has ended")

    def _fail(self, text: str) -> None:
        self._failed = f"{self.path}: {text}"
        self._jobs.clear()
        self._waiting = 0
        self._chunk = ChunkBuilder()
        self._changed.notify_all()

    def _begin_chunk(self) -> None:
        if self._chunk_began is None:
            self._chunk_began = time.monotonic()
            # The thread waits without an end for the first message of a chunk.
            self._changed.notify_all()

    def _hand_over(self) -> None:
        if self._chunk_began is None:
            return
        chunk, self._chunk, self._chunk_began = self._chunk, ChunkBuilder(), None
        self._queue(len(chunk.data), lambda: self._file.add_chunk(chunk))

    def _queue(self, size: int, job: Callable[[], None]) -> None:
        self._jobs.append((size, job))
        self._waiting += size
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._stopping:
                    self._changed.wait(self._until_due())
                    if self._until_due() == 0.0:
                        self._hand_over()
                if self._stopping:
                    return
                size, job = self._jobs[0]
            try:
                job()
            except OSError as error:
                with self._changed:
                    self._fail(f"cannot be written ({why(error)})")
                return
            with self._changed:
                if self._jobs:
                    self._jobs.popleft()
                    self._waiting -= size
                self._changed.notify_all()

    def _until_due(self) -> float | None:
        if self._chunk_began is None:
            return None
        return max(0.0, self._chunk_began + CHUNK_SECONDS - time.monotonic())
