"""A source's joints and images, each with stamps of its own, brought to one rate.

Unlike our own recordings, whose joints come at 200 Hz, a source has joints about as rarely as
images. Between two of its steps joints are interpolated; an image is always the nearest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import hw_config
from teleop import resample
from teleop.export.demonstration import (
    ActionSource,
    Demonstration,
    ExportError,
    Images,
    Layout,
    Prepared,
)
from teleop.export.images import at_step, size
from vega_core import sentence
from vega_core.stamps import NS

ROBOT_TYPE = "cobot_magic"
SAMPLES = "joints interpolated by time, images nearest by time"
MAX_MISSING = 0.01
"""Share of the steps that may be without an image or a joint state of their own time."""
RATES = (1.0, 1000.0)
"""Steps a second that an episode can have, at least and at most."""
_JITTER = 0.8
"""Of its nominal rate, what two images of a camera may be apart."""
_EXACT = 1e-6
"""Part of a step within which a time is that of the step: stamps are rounded to nanoseconds."""


@dataclass(frozen=True)
class Series:
    """Joint vectors by time.

    Attributes:
        stamps_ns: [N] int64, rising.
        values: [N, D] float32 (rad, grippers m).
    """

    stamps_ns: NDArray[np.int64]
    values: NDArray[np.float32]

    def at(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Values [T, D] at times [T] within the series, interpolated between its own."""
        first = self.stamps_ns[0]
        own = (self.stamps_ns - first).astype(np.float64)
        place = np.interp((stamps_ns - first).astype(np.float64), own, np.arange(len(own)))
        whole = np.rint(place)
        place = np.where(np.abs(place - whole) < _EXACT, whole, place)
        before = place.astype(np.int64)
        after = np.minimum(before + 1, len(own) - 1)
        weight = (place - before)[:, None]
        mixed = self.values[before] * (1.0 - weight) + self.values[after] * weight
        return mixed.astype(np.float32)


class SourceImages(Protocol):
    """The images of a source.

    Attributes:
        stamps_ns: Of each camera's images, by dataset key; [N] int64, rising.
    """

    @property
    def stamps_ns(self) -> Mapping[str, NDArray[np.int64]]: ...

    def chosen(self, rows: Mapping[str, NDArray[np.int64]]) -> Images:
        """For each camera the images in these places; they never fall, and may repeat."""


@dataclass(frozen=True)
class SourceEpisode:
    """All of an episode but its images.

    Attributes:
        name: As messages and metadata name it.
        digest: SHA-256 of what it was read from.
        task: Name of the task.
        instruction: What the operator was told.
        fps: Steps a second, nominally.
        state: Of both arms.
        leader: What commanded them; None where only the next state can be the action.
        images: Of all cameras.
        facts: What else the metadata says of it; JSON values.
        notes: What was assumed or is odd, a sentence each.
        rate_remedy: What to do about a rate that no robot has.
    """

    name: str
    digest: str
    task: str
    instruction: str
    fps: float
    state: Series
    leader: Series | None
    images: SourceImages
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    rate_remedy: str = "give --source-fps"


def prepared(episode: SourceEpisode, action: ActionSource, fps: int | None) -> Prepared:
    """An episode as a demonstration.

    Args:
        episode: What was read.
        action: follower: the state at the next step; leader: the leader's at the same time.
        fps: Steps a second of the output; None: every step of the source is kept, or where joints
            and images come at times of their own, as many as the source has images.

    Raises:
        ExportError: It has no leader, no words, too few steps or too many a second, gaps, or images
            of several sizes; the text names it.
    """
    try:
        return _prepared(episode, action, fps)
    except (ExportError, resample.ResampleError) as error:
        raise ExportError(f"{episode.name}: {error}") from None


def _prepared(episode: SourceEpisode, action: ActionSource, fps: int | None) -> Prepared:
    if fps is None and not _has_steps(episode):
        fps = round(episode.fps)
    _check_rates(episode, fps)
    instruction = _instruction(episode)
    series = [episode.state]
    if action == "leader":
        if episode.leader is None:
            raise ExportError("has no leader: give --action follower")
        series.append(episode.leader)
    points, rows = _matched(episode, series, fps)
    kept = points if action == "leader" else points[:-1]
    if len(kept) < 2:
        rate = episode.fps if fps is None else fps
        raise ExportError(f"too short: {len(kept)} steps at {rate:.4g} a second")
    acted = series[-1].at(kept if action == "leader" else points[1:])
    images = episode.images.chosen({key: each[: len(kept)] for key, each in rows.items()})
    height, width = _common_size(episode, rows)
    state = episode.state.at(kept)
    demonstration = Demonstration(
        name=episode.name,
        digest=episode.digest,
        task=episode.task,
        instruction=instruction,
        stamps_ns=kept,
        state=state,
        action=acted,
        velocity=np.zeros_like(state),
        effort=np.zeros_like(state),
        images=images,
        facts=episode.facts,
    )
    layout = Layout(
        joint_names=hw_config.load().joint_names,
        cameras=tuple(rows),
        height=height,
        width=width,
        fps=round(episode.fps) if fps is None else fps,
        robot_type=ROBOT_TYPE,
    )
    return Prepared(layout, demonstration, (*episode.notes, *_rate_notes(episode.fps, fps)))


def _has_steps(episode: SourceEpisode) -> bool:
    """Whether each image belongs to one joint state."""
    own = episode.state.stamps_ns
    return all(np.array_equal(own, each) for each in episode.images.stamps_ns.values())


def _check_rates(episode: SourceEpisode, fps: int | None) -> None:
    least, most = RATES
    for rate, remedy in (
        (episode.fps, episode.rate_remedy),
        (fps or episode.fps, "give another --fps"),
    ):
        if not least <= rate <= most:
            raise ExportError(
                f"{rate:.4g} steps a second, expected {least:g} to {most:g}: {remedy}"
            )


def _instruction(episode: SourceEpisode) -> str:
    text = episode.instruction.strip()
    wrong = sentence.fault(text)
    if wrong:
        raise ExportError(
            f"the instruction is {episode.instruction!r}, expected a sentence that can be told "
            f"({wrong}): give --instruction"
        )
    return text


def _matched(
    episode: SourceEpisode, series: Sequence[Series], fps: int | None
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """The output's times, and each camera's nearest images."""
    cameras = episode.images.stamps_ns
    streams = [*(each.stamps_ns for each in series), *cameras.values()]
    if any(len(stamps) == 0 for stamps in streams):
        raise ExportError("has no steps")
    if fps is not None:
        points = resample.grid(streams, fps)
    else:
        begin = max(int(stamps[0]) for stamps in streams)
        end = min(int(stamps[-1]) for stamps in streams)
        own = series[0].stamps_ns
        points = own[(own >= begin) & (own <= end)]
    matches = {key: resample.nearest(stamps, points) for key, stamps in cameras.items()}
    # What a source of this rate can give: half of its own period and some jitter, or half of the
    # output's period if that is longer.
    rate = max(int(min(_JITTER * episode.fps, fps or episode.fps)), 1)
    errors = {key: resample.fit(match, rate) for key, match in matches.items() if len(points)}
    names = ("state", "leader")
    for name, each in zip(names, series):
        if len(points):
            errors[name] = resample.fit(resample.nearest(each.stamps_ns, points), rate)
    resample.check(errors, len(points), MAX_MISSING)
    return points, {key: match.samples for key, match in matches.items()}


def _common_size(episode: SourceEpisode, rows: Mapping[str, NDArray[np.int64]]) -> tuple[int, int]:
    """Height and width of all cameras' images, by the first of each."""
    first = episode.images.chosen({key: each[:1] for key, each in rows.items()})
    sizes = {}
    for each in first.read():
        with at_step(each.camera, each.step, each.source):
            sizes[each.camera] = size(each.image)
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{key} {width}x{height}" for key, (height, width) in sizes.items())
        raise ExportError(f"images of several sizes ({said}), expected one")
    return next(iter(sizes.values()))


def _rate_notes(source: float, fps: int | None) -> list[str]:
    if fps is None and round(source) != source:
        return [f"{source:.4g} steps a second are called {round(source)}: every step is kept"]
    every_nth = (
        fps is not None and fps <= source and abs(source / fps - round(source / fps)) <= 1e-3
    )
    if fps is None or every_nth:
        return []
    images = "images repeat" if fps > source + 0.5 else "images are the nearest"
    return [f"{source:.4g} steps a second become {fps}: joints are interpolated, {images}"]


def regular_stamps(count: int, fps: float) -> NDArray[np.int64]:
    """Stamps (ns) of steps at a rate, from 0."""
    return np.rint(np.arange(count) * (NS / fps)).astype(np.int64)
