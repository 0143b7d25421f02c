"""Records what the topics bring into an episode's file, and judges it meanwhile.

A node gives every message, as the bytes in which it came, to `Recorder.message`: images go to the
encoders, everything else is written as it is. Nothing here waits: the disk has a thread of its own
in `EpisodeWriter`, JPEG has in `Encoders`, and so has asking for the free disk space.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hw_config import RecordingConfig
from teleop.dataset import cdr
from teleop.dataset.episode import EVENT_TOPIC, Outcome, TakeEnd
from teleop.dataset.mcap_writer import EpisodeWriter, Schema
from teleop.dataset.store import Take
from teleop.errors import RecordingFailed, TeleopError
from teleop.recording.diskspace import DiskWatch
from teleop.recording.jpeg import Encoders
from teleop.recording.take_monitor import GIGABYTE, RecorderLoad, Stream, TakeMonitor
from vega_core.stamps import NS

_DRAIN_S = 5.0
# Of the space that a take needs to begin, when one that runs must end.
_LAST_PART = 0.25
_STAMP_END = 12


class Handling(enum.Enum):
    """What is done with a topic's messages."""

    SAMPLE = "written as it came"
    IMAGE = "a sensor_msgs/Image, written as a JPEG"
    CONSTANT = "written at the beginning and whenever more than its stamp has changed"
    STATE = "written as it came, and the newest one once more at the beginning"


@dataclass(frozen=True)
class RecordedTopic:
    """A topic of the episode's file.

    Attributes:
        stream: Its name in the file, and what is expected of it.
        schema: Of what is written.
        handling: What is done with what comes.
    """

    stream: Stream
    schema: Schema
    handling: Handling = Handling.SAMPLE


@dataclass(frozen=True)
class Clocks:
    """Where the time comes from.

    Attributes:
        ros_ns: ROS time.
        steady_ns: A clock that nobody sets, where ROS time is the system's; None in a twin that
            makes the time.
    """

    ros_ns: Callable[[], int]
    steady_ns: Callable[[], int] | None = time.monotonic_ns


class Recorder:
    """Records one take after the other.

    `message` and `update` are called by one thread, everything else by any.

    Attributes:
        newest: The newest message of each topic, as it came.
        clocks: Where the time comes from.
        limits: What makes a take bad, and how images are encoded.
        watch: Judges the streams.
        encoders: Make JPEGs.
        schemas: Of every topic of the file.
    """

    def __init__(
        self,
        topics: Sequence[RecordedTopic],
        event_schema: Schema,
        limits: RecordingConfig,
        folder: Path,
        clocks: Clocks,
    ) -> None:
        """Starts the encoders.

        Args:
            topics: What is recorded.
            event_schema: Of vega_msgs/TakeEvent.
            limits: What makes a take bad, and how images are encoded.
            folder: The dataset's; its disk is watched.
            clocks: Where the time comes from.
        """
        self.clocks = clocks
        self.limits = limits
        self.watch = TakeMonitor([topic.stream for topic in topics], limits)
        self.encoders = Encoders(limits.encoders, limits.jpeg_quality, limits.max_waiting_pictures)
        self.schemas = {topic.stream.topic: topic.schema for topic in topics}
        self.schemas[EVENT_TOPIC] = event_schema
        self._disk = DiskWatch(folder)
        images = [t.stream.topic for t in topics if t.handling is Handling.IMAGE]
        self._lanes = {topic: lane for lane, topic in enumerate(images)}
        self._constants = {t.stream.topic for t in topics if t.handling is Handling.CONSTANT}
        self._states = {t.stream.topic for t in topics if t.handling is Handling.STATE}
        self.newest: dict[str, bytes] = {}
        self._recording: TakeRecording | None = None

    def begin(self, take: Take) -> TakeRecording:
        """Records into a take from now on.

        Raises:
            TeleopError: Another take is being recorded, or the file cannot be written.
        """
        if self._recording is not None and self._recording.runs:
            raise TeleopError(f"take {self._recording.take.index} is still being recorded")
        recording = TakeRecording(self, take)
        now_ns = self.clocks.ros_ns()
        for topic in sorted(self._constants | self._states):
            data = self.newest.get(topic)
            if data is not None:
                recording.write(topic, now_ns, cdr.header_stamp(data), data)
        self.watch.start(now_ns)
        self._recording = recording
        return recording

    def message(self, topic: str, data: bytes) -> None:
        """Takes a message of a recorded topic; never waits."""
        log_ns = self.clocks.ros_ns()
        recording = self._recording
        try:
            stamp_ns = cdr.header_stamp(data)
        except TeleopError as error:
            if recording is not None:
                recording.note_damage(str(error))
            return
        before = self.newest.get(topic)
        self.newest[topic] = data
        if recording is None or not recording.runs:
            self.watch.observe(topic, stamp_ns, log_ns)
            return
        if recording.paused:
            return
        self.watch.observe(topic, stamp_ns, log_ns)
        if topic in self._lanes:
            recording.encode(self._lanes[topic], topic, log_ns, stamp_ns, data)
        elif topic not in self._constants or _differ(before, data):
            recording.write(topic, log_ns, stamp_ns, data)

    def event(self, kind: str, text: str) -> bytes:
        """Writes an event into the take that runs, if one does; returns the message."""
        now_ns = self.clocks.ros_ns()
        data = cdr.take_event(now_ns, kind, text)
        if self._recording is not None and self._recording.runs:
            self._recording.write(EVENT_TOPIC, now_ns, now_ns, data)
        return data

    def update(self) -> None:
        """Judges the take that runs; call it ten times a second."""
        if self._recording is not None and self._recording.runs and not self._recording.paused:
            self._recording.update(self._disk.free_bytes)

    def lacking(self) -> list[str]:
        """What has to come, or to be mended, before a take can begin."""
        found = self.watch.lacking(self.clocks.ros_ns())
        free, needed = self._disk.free_bytes, self.limits.min_free_disk_gb
        if free is not None and free < needed * GIGABYTE:
            found.append(
                f"only {free / GIGABYTE:.1f} GB are free on the disk of {self._disk.folder}: "
                f"make space, {needed:g} GB are needed"
            )
        return found

    def close(self) -> None:
        """Ends the threads; a take that runs is left as it is."""
        if self._recording is not None:
            self._recording.stop()
        self.encoders.close()
        self._disk.close()


def _differ(before: bytes | None, data: bytes) -> bool:
    """Whether more than the stamp of a message has changed."""
    return before is None or before[_STAMP_END:] != data[_STAMP_END:]


class TakeRecording:
    """A take that is being recorded.

    Attributes:
        take: Its place in the store.
    """

    def __init__(self, recorder: Recorder, take: Take) -> None:
        self.take = take
        self._recorder = recorder
        self._writer: EpisodeWriter = take.writer
        self._ids = {
            topic: self._writer.add_topic(topic, schema)
            for topic, schema in recorder.schemas.items()
        }
        self._lock = threading.Lock()
        self._load = RecorderLoad()
        self._problems: list[str] = []
        self._runs, self._paused = True, False
        self._length_ns = self._end_ns = 0
        self._expected: dict[str, int] = {}
        self._cut_off = ""

    @property
    def runs(self) -> bool:
        """Whether messages are still recorded, pauses included."""
        return self._runs

    @property
    def paused(self) -> bool:
        """Whether nothing is recorded until it goes on."""
        return self._paused

    @property
    def seconds(self) -> float:
        """Its length without pauses (s, ROS time)."""
        if not self._runs:
            return self._length_ns / NS
        return self._recorder.watch.recorded_ns(self._recorder.clocks.ros_ns()) / NS

    @property
    def problems(self) -> Sequence[str]:
        """What makes it bad, one sentence each."""
        return tuple(self._problems)

    @property
    def cut_off(self) -> str:
        """Why it cannot go on and has to be ended at once; empty while it can."""
        return self._cut_off

    def pause(self) -> None:
        """Records nothing until `resume`."""
        self._recorder.watch.pause(self._recorder.clocks.ros_ns())
        self._paused = True

    def resume(self) -> None:
        """Records again after `pause`; the time between does not count."""
        self._recorder.watch.resume(self._recorder.clocks.ros_ns())
        self._paused = False

    def finish(self, outcome: Outcome, notes: str) -> TakeEnd:
        """Waits, at most 5 s, until every image is encoded; the store closes the file."""
        self.stop()
        if not self._recorder.encoders.drain(_DRAIN_S):
            self._problems.append("the last images were not encoded in time")
        return TakeEnd(
            end_ns=self._end_ns,
            outcome=outcome,
            notes=(notes,) if notes else (),
            problems=tuple(self._problems),
            expected=self._expected,
        )

    def stop(self) -> None:
        """Records nothing more; the file stays as it is."""
        if not self._runs:
            return
        watch = self._recorder.watch
        self._recorder.event("ended", "")
        self._end_ns = self._recorder.clocks.ros_ns()
        self._length_ns = watch.recorded_ns(self._end_ns)
        self._expected = watch.expected(self._end_ns)
        self._runs = False

    def update(self, free_bytes: int | None) -> None:
        """Judges what came so far."""
        self._load.free_bytes = free_bytes
        clocks = self._recorder.clocks
        steady_ns = None if clocks.steady_ns is None else clocks.steady_ns()
        self._problems += self._recorder.watch.update(clocks.ros_ns(), self._load, steady_ns)
        least = _LAST_PART * self._recorder.limits.min_free_disk_gb * GIGABYTE
        if self._writer.failed:
            self._cut(self._writer.failed)
        elif free_bytes is not None and free_bytes < least:
            self._cut(f"the disk is full ({free_bytes / GIGABYTE:.1f} GB left): make space")

    def values(self) -> dict[str, float | int]:
        """Counts and rates of the take by name, for /diagnostics."""
        return {
            "seconds": self.seconds,
            "megabytes_written": self._writer.bytes_written / 1e6,
            "megabytes_waiting": self._writer.waiting_bytes / 1e6,
            "pictures_waiting": self._recorder.encoders.waiting,
            "pictures_lost": self._load.lost_images,
            "messages_damaged": self._load.damaged,
        }

    def encode(self, lane: int, topic: str, log_ns: int, stamp_ns: int, data: bytes) -> None:
        """Has an image encoded and written."""
        done = partial(self.write, topic, log_ns, stamp_ns)
        if not self._recorder.encoders.offer(lane, data, done, self.note_damage):
            with self._lock:
                self._load.lost_images += 1

    def write(self, topic: str, log_ns: int, stamp_ns: int, data: bytes) -> None:
        """Writes a message; that the disk has failed is seen by `update`."""
        try:
            self._writer.write(self._ids[topic], log_ns, stamp_ns, data)
        except RecordingFailed as error:
            self._cut(str(error))

    def note_damage(self, text: str) -> None:
        """Counts a message that cannot be used."""
        with self._lock:
            self._load.damaged += 1
            self._load.damage = text

    def _cut(self, why: str) -> None:
        with self._lock:
            if self._cut_off:
                return
            self._cut_off = f"this take ends here: {why}"
            self._problems.append(self._cut_off)
