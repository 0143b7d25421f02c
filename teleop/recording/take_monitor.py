"""Watches a take while it is recorded and says at once what makes it bad.

Every message is seen by `TakeMonitor.observe`, which only counts; `TakeMonitor.update`, called ten
times a second, compares what came with what was expected and returns the new problems as sentences.
All times are ROS times in nanoseconds: a twin that runs slowly does not make a take bad.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hw_config import RecordingConfig
from vega_core.stamps import NS

_RATE_WINDOW_NS = 2 * NS
# How long nothing may come beyond the longest gap: what a busy computer holds up is not lost. A gap
# that is one shows in the stamps when the next message comes.
_PATIENCE_S = 0.5
_USUAL_TAKE_S = 10.0
_REMEMBERED_STAMPS = 512
_JUDGED_IMAGES = 60
_FEWEST_JUDGED = 30
_DELAYS = 10
GIGABYTE = 1e9


@dataclass(frozen=True)
class Stream:
    """What a recorded topic is expected to bring.

    Attributes:
        topic: Its name.
        title: Its name for people, in the singular: "image of the head camera".
        kind: Images and joint states of followers are compared with each other.
        hz: Nominal rate; None where anything may come, or nothing.
        max_gap_s: Between two stamps, where there is a rate.
    """

    topic: str
    title: str
    kind: str = "other"
    hz: float | None = None
    max_gap_s: float = 0.0


class TakeProblem(NamedTuple):
    """What makes a take bad; of each key one is told a take."""

    key: str
    text: str


@dataclass
class RecorderLoad:
    """What the recorder itself reports of a take.

    Attributes:
        lost_images: Not encoded, because too many were waiting.
        damaged: Messages that could not be understood, and what was wrong with the last one.
        free_bytes: On the disk of the dataset; None while unknown.
    """

    lost_images: int = 0
    damaged: int = 0
    damage: str = ""
    free_bytes: int | None = None


@dataclass
class _Seen:
    """What came of one stream since the take began."""

    period_ns: float = 0.0
    count: int = 0
    missing: int = 0
    stamp_ns: int = 0
    log_ns: int = 0
    max_gap_ns: int = 0
    gap_at_ns: int = 0
    disordered: int = 0
    repeated: int = 0
    fresh: bool = True
    stamps: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_STAMPS))
    delays_ns: deque[int] = field(default_factory=lambda: deque(maxlen=_DELAYS))


class TakeMonitor:
    """Counts the streams of one take and judges them.

    `observe` is called by the thread that receives, `update` by the same or another one.
    """

    def __init__(self, streams: Iterable[Stream], limits: RecordingConfig) -> None:
        self._limits = limits
        self._streams = {stream.topic: stream for stream in streams}
        self.start(0)

    def start(self, now_ns: int) -> None:
        """Forgets everything: a take begins."""
        self._seen = {
            topic: _Seen(NS / stream.hz if stream.hz else 0.0)
            for topic, stream in self._streams.items()
        }
        self._began_ns = now_ns
        self._recorded_ns = 0
        self._runs_since_ns: int | None = now_ns
        self._told: set[str] = set()
        self._clock: tuple[int, int | None] | None = None
        self._samples: deque[tuple[int, dict[str, int]]] = deque()
        self._skews = _Skews(
            [s.topic for s in self._streams.values() if s.kind == "camera"],
            [s.topic for s in self._streams.values() if s.kind == "follower"],
            # By then an image's neighbours have come, too.
            round((self._limits.max_delay_s + 0.1) * NS),
        )

    def pause(self, now_ns: int) -> None:
        """From now on nothing is expected."""
        self._recorded_ns = self.recorded_ns(now_ns)
        self._runs_since_ns = None

    def resume(self, now_ns: int) -> None:
        """Goes on; the pause itself is no gap."""
        self._runs_since_ns = now_ns
        self._samples.clear()
        self._clock = None
        self._skews.clear()
        for seen in self._seen.values():
            seen.fresh = True
            seen.log_ns = now_ns
            seen.stamps.clear()
            seen.delays_ns.clear()

    def recorded_ns(self, now_ns: int) -> int:
        """Length of the take without its pauses."""
        since = self._runs_since_ns
        return self._recorded_ns + (max(now_ns - since, 0) if since is not None else 0)

    def observe(self, topic: str, stamp_ns: int, log_ns: int) -> None:
        """A message came; called for every one, so it only counts."""
        seen = self._seen[topic]
        if seen.fresh:
            seen.fresh = False
        else:
            gap_ns = stamp_ns - seen.stamp_ns
            if gap_ns > seen.max_gap_ns:
                seen.max_gap_ns, seen.gap_at_ns = gap_ns, seen.stamp_ns
            elif gap_ns < 0:
                seen.disordered += 1
            elif gap_ns == 0:
                seen.repeated += 1
            if seen.period_ns and gap_ns > 1.5 * seen.period_ns:
                seen.missing += round(gap_ns / seen.period_ns) - 1
        seen.count += 1
        seen.stamp_ns = stamp_ns
        seen.log_ns = log_ns
        seen.stamps.append(stamp_ns)

    def update(self, now_ns: int, load: RecorderLoad, monotonic_ns: int | None = None) -> list[str]:
        """Compares what came with what was expected.

        Args:
            now_ns: ROS time.
            load: What the recorder reports of itself.
            monotonic_ns: The monotonic clock, where ROS time is the system's time.

        Returns:
            What is newly wrong, a sentence each.
        """
        if self._runs_since_ns is None:
            return []
        problems = [*self._clock_problems(now_ns, monotonic_ns), *self._load_problems(load)]
        rates = self._rates(now_ns)
        for topic, stream in self._streams.items():
            problems += self._stream_problems(stream, self._seen[topic], now_ns, rates.get(topic))
        self._skews.update(self._seen, now_ns)
        problems += self._skew_problems()
        new = [p for p in problems if p.key not in self._told]
        self._told.update(p.key for p in new)
        return [p.text for p in new]

    def lacking(self, now_ns: int) -> list[str]:
        """Between takes: which streams do not come as they should, a few words each."""
        rates = self._rates(now_ns)
        found = []
        for topic, stream in self._streams.items():
            seen, rate = self._seen[topic], rates.get(topic)
            if stream.hz is None:
                continue
            if not seen.count or now_ns - seen.log_ns > (stream.max_gap_s + _PATIENCE_S) * NS:
                found.append(f"no {stream.title}")
            elif rate is not None and rate < (1.0 - self._limits.rate_tolerance) * stream.hz:
                # To the nearest five, so that it does not read differently all the time.
                found.append(f"only about {int(rate)} of {stream.hz:g} a second: {stream.title}")
        return found

    def expected(self, now_ns: int) -> dict[str, int]:
        """How many messages should have come, by topic, where a rate is known."""
        seconds = self.recorded_ns(now_ns) / NS
        return {
            topic: round(stream.hz * seconds)
            for topic, stream in self._streams.items()
            if stream.hz is not None
        }

    def _clock_problems(self, now_ns: int, monotonic_ns: int | None) -> Iterator[TakeProblem]:
        before, self._clock = self._clock, (now_ns, monotonic_ns)
        if before is None:
            return
        passed_ns = 0
        if monotonic_ns is not None and before[1] is not None:
            passed_ns = monotonic_ns - before[1]
        elif now_ns >= before[0]:
            return
        step_ns = now_ns - before[0] - passed_ns
        if abs(step_ns) > self._limits.max_clock_step_s * NS:
            way = "forward" if step_ns > 0 else "back"
            yield TakeProblem(
                "clock",
                f"the clock was set {way} by {abs(step_ns) / NS:.2f} s, so the stamps of this take "
                "do not fit each other: discard it, and keep time synchronisation from stepping",
            )

    def _load_problems(self, load: RecorderLoad) -> Iterator[TakeProblem]:
        if load.lost_images:
            yield TakeProblem(
                "lost images",
                f"{load.lost_images} images were lost: the computer is too busy to encode "
                "them; end other programs",
            )
        if load.damaged:
            yield TakeProblem("damaged", f"{load.damaged} messages are unusable: {load.damage}")
        free = load.free_bytes
        if free is not None and free < self._limits.min_free_disk_gb * GIGABYTE:
            yield TakeProblem(
                "disk",
                f"the disk is nearly full ({free / GIGABYTE:.1f} GB left): end this take and make "
                "space",
            )

    def _rates(self, now_ns: int) -> dict[str, float]:
        """Rates over the last two seconds; none before there were two."""
        samples = self._samples
        samples.append((now_ns, {topic: seen.count for topic, seen in self._seen.items()}))
        while len(samples) > 1 and now_ns - samples[1][0] >= _RATE_WINDOW_NS:
            samples.popleft()
        then_ns, before = samples[0]
        if now_ns - then_ns < _RATE_WINDOW_NS:
            return {}
        span_s = (now_ns - then_ns) / NS
        return {topic: (s.count - before[topic]) / span_s for topic, s in self._seen.items()}

    def _stream_problems(
        self, stream: Stream, seen: _Seen, now_ns: int, rate: float | None
    ) -> Iterator[TakeProblem]:
        topic, title = stream.topic, stream.title
        # Others may be shared by several nodes with clocks of their own, as /diagnostics is.
        if stream.kind != "other":
            if seen.disordered:
                yield TakeProblem(f"{topic} order", f"stamps run backwards: {title}")
            # A gate sends twice in a tick of the twin's clock; a measurement is not made twice.
            if seen.repeated and stream.kind != "command":
                yield TakeProblem(f"{topic} repeated", f"the same stamp came twice: {title}")
            if seen.count:
                yield from self._delay_problems(stream, seen)
        if stream.hz is None:
            return
        silent_s = (now_ns - (seen.log_ns or self._began_ns)) / NS
        if silent_s > stream.max_gap_s + _PATIENCE_S:
            since = "" if seen.count else " since the take began"
            yield TakeProblem(f"{topic} gap", f"no {title} for {silent_s:.2f} s{since}")
        if seen.max_gap_ns > stream.max_gap_s * NS:
            at_s = (seen.gap_at_ns - self._began_ns) / NS
            yield TakeProblem(
                f"{topic} gap",
                f"no {title} for {seen.max_gap_ns / NS:.2f} s, {at_s:.1f} s into the take "
                f"(at most {stream.max_gap_s:g} s)",
            )
        total = seen.count + seen.missing
        # A take that is short so far is treated as if it had its usual length.
        most = self._limits.max_missing_images * max(total, _USUAL_TAKE_S * stream.hz)
        if stream.kind == "camera" and seen.missing > most:
            yield TakeProblem(f"{topic} missing", f"{seen.missing} of {total} are missing: {title}")
        slow = rate is not None and rate < (1.0 - self._limits.rate_tolerance) * stream.hz
        # Of one that says nothing at all it is about to be told.
        if slow and silent_s <= stream.max_gap_s:
            yield TakeProblem(
                f"{topic} rate", f"only {rate:.1f} of {stream.hz:g} a second: {title}"
            )

    def _delay_problems(self, stream: Stream, seen: _Seen) -> Iterator[TakeProblem]:
        seen.delays_ns.append(seen.log_ns - seen.stamp_ns)
        if len(seen.delays_ns) < _DELAYS:
            return
        delay_s = statistics.median(seen.delays_ns) / NS
        if abs(delay_s) > self._limits.max_delay_s:
            late = "before it arrives, the computer is too busy or a clock is wrong"
            way = late if delay_s > 0 else "after it arrives, a wrong clock"
            yield TakeProblem(
                f"{stream.topic} delay", f"stamped {abs(delay_s):.2f} s {way}: {stream.title}"
            )

    def _skew_problems(self) -> Iterator[TakeProblem]:
        for what, skew_s, most_s in (
            ("cameras", self._skews.cameras_s, self._limits.max_camera_skew_s),
            ("images and joint states", self._skews.joints_s, self._limits.max_joint_skew_s),
        ):
            if skew_s is not None and skew_s > most_s:
                yield TakeProblem(
                    f"{what} skew",
                    f"{what} are {skew_s * 1e3:.0f} ms apart (at most {most_s * 1e3:g} ms)",
                )


class _Skews:
    """How far apart the stamps are that belong together, over the last images (95 %)."""

    def __init__(self, cameras: Sequence[str], followers: Sequence[str], settled_ns: int) -> None:
        self._cameras, self._followers = cameras, followers
        self._settled_ns = settled_ns
        self.clear()

    def clear(self) -> None:
        self._judged_ns: dict[str, int] = {}
        self._between: deque[int] = deque(maxlen=_JUDGED_IMAGES)
        self._to_joints: deque[int] = deque(maxlen=_JUDGED_IMAGES)

    @property
    def cameras_s(self) -> float | None:
        """From the first camera's images to the nearest of another camera; None: too few."""
        return _p95_s(self._between)

    @property
    def joints_s(self) -> float | None:
        """From images to the nearest joint state of the worst arm; None: too few."""
        return _p95_s(self._to_joints)

    def update(self, seen: Mapping[str, _Seen], now_ns: int) -> None:
        """Measures the images whose neighbours have come by now."""
        stamps = {topic: sorted(seen[topic].stamps) for topic in (*self._cameras, *self._followers)}
        for number, camera in enumerate(self._cameras):
            others = self._cameras[1:] if number == 0 else []
            for stamp_ns in self._settled(camera, stamps[camera], now_ns):
                _note(self._between, stamp_ns, [stamps[other] for other in others])
                _note(self._to_joints, stamp_ns, [stamps[arm] for arm in self._followers])

    def _settled(self, camera: str, stamps: list[int], now_ns: int) -> list[int]:
        first = bisect_left(stamps, self._judged_ns.get(camera, 0) + 1)
        chosen = [stamp for stamp in stamps[first:] if stamp < now_ns - self._settled_ns]
        if chosen:
            self._judged_ns[camera] = chosen[-1]
        return chosen


def _note(distances: deque[int], stamp_ns: int, others: Sequence[list[int]]) -> None:
    found = [abs(_nearest(stamps, stamp_ns) - stamp_ns) for stamps in others if stamps]
    if found:
        distances.append(max(found))


def _nearest(stamps: list[int], stamp_ns: int) -> int:
    at = bisect_left(stamps, stamp_ns)
    return min(stamps[max(at - 1, 0) : at + 1], key=lambda near: abs(near - stamp_ns))


def _p95_s(distances: deque[int]) -> float | None:
    if len(distances) < _FEWEST_JUDGED:
        return None
    return sorted(distances)[int(0.95 * (len(distances) - 1))] / NS
