"""Rates, gaps and skews of an episode's streams, from their capture stamps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teleop.dataset.episode import command_topic, joint_topic
from teleop.dataset.reader import Recorded, RecordedEvent
from teleop.quality.context import EpisodeContext
from teleop.resample import nearest
from vega_core.stamps import NS

Stamps = NDArray[np.int64]
_NOTHING: Stamps = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class StreamQuality:
    """One topic of an episode.

    Attributes:
        name: Of camera or arm, and what it is: "head camera", "left follower".
        kind: camera, follower, leader or command.
        count: Messages that there are.
        expected: That there should be; 0: nobody expects any.
        nominal_hz: Rate that hw_config has.
        hz: Mean rate between the first and the last, pauses apart.
        max_gap_s: Longest time without one between two, pauses apart.
        gap_at_s: When that begins, from the beginning of the episode.
        late_s: How long after the beginning of the episode the first came.
        early_s: How long before its end the last came.
        delay_s: Median time from capture to receipt.
        repeated: Stamps that are not later than that of the message that came before.
    """

    name: str
    kind: str
    count: int
    expected: int
    nominal_hz: float
    hz: float
    max_gap_s: float
    gap_at_s: float
    late_s: float
    early_s: float
    delay_s: float
    repeated: int

    @property
    def missing(self) -> int:
        """Messages that did not come."""
        return max(self.expected - self.count, 0)


@dataclass(frozen=True)
class Skews:
    """How far stamps are apart that belong together, 95 % of the images (s); None: no two."""

    cameras_s: float | None
    joints_s: float | None


def pauses(events: Sequence[RecordedEvent], end_ns: int) -> list[tuple[int, int]]:
    """Beginning and end (ns) of the times in which nothing was to be recorded."""
    found, since = [], None
    for event in events:
        if event.kind == "paused":
            since = event.stamp_ns
        elif event.kind == "resumed" and since is not None:
            found.append((since, event.stamp_ns))
            since = None
    return [*found, (since, end_ns)] if since is not None else found


def stream_qualities(
    recorded: Recorded, context: EpisodeContext, paused: Sequence[tuple[int, int]]
) -> list[StreamQuality]:
    """Every camera, follower, leader and command that is expected, or came."""
    return list(_stream_qualities(recorded, context, paused))


def _stream_qualities(
    recorded: Recorded, context: EpisodeContext, paused: Sequence[tuple[int, int]]
) -> Iterator[StreamQuality]:
    info, layout, hardware = recorded.info, recorded.layout, context.hardware
    seconds = info.duration_s - sum(end - begin for begin, end in paused) / NS
    measure = _Measure(info.start_ns, info.end_ns, paused)

    def expected(topic: str, hz: float) -> int:
        stream = info.streams.get(topic)
        said = stream.expected if stream is not None else None
        return round(hz * seconds) if said is None else said

    for camera in layout.cameras:
        known = hardware.cameras.get(camera)
        hz = float(known.fps) if known else 30.0
        stamps, received = recorded.image_stamps(camera), recorded.image_received(camera)
        topic = layout.image_topic(camera)
        name = f"{camera.replace('_', ' ')} camera"
        falls = recorded.falls(topic)
        yield measure.stream(name, "camera", stamps, received, falls, expected(topic, hz), hz)
    gated = info.topology == "bus_per_arm"
    for arm in layout.arms:
        for kind in ("follower", "leader", "command"):
            series = recorded.commands(arm) if kind == "command" else recorded.joints(arm, kind)
            if series is None and (kind == "leader" or (kind == "command" and not gated)):
                continue
            topic = command_topic(arm) if kind == "command" else joint_topic(arm, kind)
            hz = hardware.rates.gate_hz if kind == "command" else hardware.rates.state_hz
            told = expected(topic, hz)
            if kind == "command" and not gated:
                told = 0
            if kind == "leader" and hardware.recording.leaders_rest_silently:
                told = 0
            empty = np.empty(0, dtype=np.int64)
            stamps = empty if series is None else series.stamps_ns
            received = empty if series is None else series.received_ns
            falls = recorded.falls(topic)
            yield measure.stream(f"{arm} {kind}", kind, stamps, received, falls, told, hz)


class _Measure:
    """Measures the streams of one episode."""

    def __init__(self, start_ns: int, end_ns: int, paused: Sequence[tuple[int, int]]) -> None:
        self._start_ns, self._end_ns, self._paused = start_ns, end_ns, paused

    def stream(
        self,
        name: str,
        kind: str,
        stamps: Stamps,
        received: Stamps,
        falls: int,
        expected: int,
        hz: float,
    ) -> StreamQuality:
        gap_s, at_s = self._longest_gap(stamps)
        first, last = (stamps[0], stamps[-1]) if len(stamps) else (self._end_ns, self._end_ns)
        span_ns = int(last) - int(first) - sum(end - begin for begin, end in self._paused)
        delays = (received - stamps) / NS
        return StreamQuality(
            name=name,
            kind=kind,
            count=len(stamps),
            expected=expected,
            nominal_hz=hz,
            hz=round((len(stamps) - 1) * NS / span_ns, 3) if len(stamps) and span_ns > 0 else 0.0,
            max_gap_s=round(gap_s, 6),
            gap_at_s=round(at_s, 3),
            late_s=round(max(int(first) - self._start_ns, 0) / NS, 6),
            early_s=round(max(self._end_ns - int(last), 0) / NS, 6),
            delay_s=round(float(np.median(delays)), 6) if len(delays) else 0.0,
            repeated=falls,
        )

    def _longest_gap(self, stamps: Stamps) -> tuple[float, float]:
        gaps = np.diff(stamps)
        for begin, end in self._paused:
            shared = np.minimum(stamps[1:], end) - np.maximum(stamps[:-1], begin)
            gaps = gaps - np.clip(shared, 0, None)
        if not len(gaps):
            return 0.0, 0.0
        at = int(np.argmax(gaps))
        return float(gaps[at]) / NS, float(stamps[at] - self._start_ns) / NS


def skews(cameras: Mapping[str, Stamps], followers: Mapping[str, Stamps]) -> Skews:
    """Between the first camera and the others, and between images and followers' states."""
    images = [stamps for stamps in cameras.values() if len(stamps)]
    between = _apart(images[0], images[1:]) if len(images) > 1 else _NOTHING
    return Skews(p95_s(between), p95_s(to_joints(cameras, followers)))


def to_joints(cameras: Mapping[str, Stamps], followers: Mapping[str, Stamps]) -> Stamps:
    """From each image to the nearest state of each follower, the farthest of them (ns)."""
    states = [stamps for stamps in followers.values() if len(stamps)]
    found = [_apart(stamps, states) for stamps in cameras.values() if len(stamps) and states]
    return np.concatenate([_NOTHING, *found])


def camera_spans(cameras: Mapping[str, Stamps]) -> Stamps:
    """From the earliest to the latest image of each sample (ns).

    A sample is an image of the first camera and what the others captured nearest to it.
    """
    images = [stamps for stamps in cameras.values() if len(stamps)]
    if len(images) < 2:
        return _NOTHING
    errors = [nearest(other, images[0]).error_ns for other in images]
    return np.asarray(np.max(errors, axis=0) - np.min(errors, axis=0), dtype=np.int64)


def _apart(stamps: Stamps, others: Sequence[Stamps]) -> Stamps:
    found = [np.abs(nearest(other, stamps).error_ns) for other in others]
    return np.asarray(np.max(found, axis=0), dtype=np.int64)


def p95_s(apart: Stamps) -> float | None:
    """The 95th percentile (s); None of nothing."""
    return round(float(np.percentile(apart, 95)) / NS, 6) if len(apart) else None
