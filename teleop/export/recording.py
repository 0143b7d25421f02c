"""A recorded episode at a common rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teleop import resample
from teleop.dataset.reader import ImagePlace, Joints, Recorded, open_episode
from teleop.errors import EpisodeDamaged
from teleop.export.demonstration import (
    ActionSource,
    Demonstration,
    ExportError,
    Layout,
    Prepared,
    StepImage,
)
from teleop.export.images import at_step, size
from teleop.quality.episode import EpisodeQuality, measure_recorded
from teleop.quality.episode_checks import check_episode
from teleop.quality.findings import Finding
from teleop.resample import Match, Stamps
from vega_core import sentence
from vega_core.stamps import NS

LONGEST_CUT_S = 0.5
"""How much of a take may lack a stream at either end, beyond which the take is not whole."""


@dataclass(frozen=True)
class Choice:
    """How an episode becomes a demonstration.

    Attributes:
        fps: Steps a second.
        action: Where the action comes from.
        leader_ahead: With the leader's positions, how many steps after the observation they are
            taken: 0, or 1 as ALOHA's recorder has it. The follower's are always the next step's.
        max_missing: Share of the steps that may lack a sample within half a period.
    """

    fps: int
    action: ActionSource = "follower"
    leader_ahead: int = 0
    max_missing: float = 0.01

    @property
    def ahead(self) -> int:
        """Steps from an observation to its action."""
        return 1 if self.action == "follower" else self.leader_ahead


@dataclass(frozen=True)
class RecordedImages:
    """The images of an episode that were chosen: of each step, by dataset key.

    Where they lie, and which of its camera's each one is, is known from the one pass that prepared
    the demonstration; reading them takes one more over the file, of all cameras at once.
    """

    folder: Path
    places: Mapping[str, Sequence[tuple[int, ImagePlace]]]

    def read(self) -> Iterator[StepImage]:
        with open_episode(self.folder) as recorded:
            for step, places in enumerate(zip(*self.places.values(), strict=True)):
                for camera, (number, place) in zip(self.places, places):
                    yield StepImage(camera, step, recorded.image_at(place), number)


@dataclass(frozen=True)
class PreparedRecording(Prepared):
    """A demonstration with the figures that the check takes of its recording."""

    folder: Path = field(kw_only=True)
    quality: EpisodeQuality = field(kw_only=True)


def prepare(
    folder: Path, choice: Choice, refuse: Callable[[Iterable[Finding]], None]
) -> PreparedRecording:
    """Reads joints and stamps of an episode, checks its file and brings it to the common rate.

    Args:
        folder: Of the episode.
        choice: What to make of it.
        refuse: Raises ExportError for what `teleop.check` finds, where that shall not be exported.

    Raises:
        EpisodeDamaged: The episode is not what was sealed.
        ExportError: It lacks something that is needed, or was refused; the text names the episode.
        ResampleError: A stream is too short or has holes; the text names the episode.
    """
    try:
        with open_episode(folder, verify=True) as recorded:
            quality = measure_recorded(recorded)
            refuse(check_episode(quality))
            made = _prepared(folder, recorded, choice)
            return PreparedRecording(*made, folder=folder, quality=quality)
    except (ExportError, resample.ResampleError) as error:
        raise type(error)(f"{folder}: {error}") from None


def _prepared(folder: Path, recorded: Recorded, choice: Choice) -> tuple[Layout, Demonstration]:
    layout, info = recorded.layout, recorded.info
    stamps = {name: recorded.image_stamps(name) for name in layout.cameras}
    for name, values in stamps.items():
        _check_rate(name, values, choice.fps)
    follower = _arms(recorded, tuple(layout.arms), "follower")
    leader = _arms(recorded, tuple(layout.arms), "leader") if choice.action == "leader" else {}
    streams: dict[str, Stamps] = {f"camera {name}": values for name, values in stamps.items()}
    for role, arms in (("follower", follower), ("leader", leader)):
        streams |= {f"{arm} {role}": joints.stamps_ns for arm, joints in arms.items()}
    _check_whole(streams)

    points = resample.grid(list(streams.values()), choice.fps)
    steps = len(points) - choice.ahead
    if steps < 2:
        raise ExportError(f"too short: {max(steps, 0)} steps at {choice.fps} Hz")
    matches = {name: resample.nearest(values, points) for name, values in streams.items()}
    errors = {name: resample.fit(match, choice.fps) for name, match in matches.items()}
    resample.check(errors, len(points), choice.max_missing)

    def positions(arms: Mapping[str, Joints], role: str) -> NDArray[np.float32]:
        rows = {a: matches[f"{a} {role}"] for a in arms}
        return _rows("position", arms, rows)

    followed = positions(follower, "follower")
    acted = followed if choice.action == "follower" else positions(leader, "leader")
    here = {arm: matches[f"{arm} follower"] for arm in follower}
    places = {name: recorded.image_places(name) for name in layout.cameras}
    chosen = {
        key: [(n, places[name][n]) for n in matches[f"camera {name}"].samples[:steps].tolist()]
        for name, key in layout.cameras.items()
    }
    camera, [(number, place), *_] = next(iter(chosen.items()))
    with at_step(camera, 0, number):
        height, width = size(recorded.image_at(place))
    demonstration = Demonstration(
        name=str(folder),
        digest=info.mcap.sha256,
        task=info.task,
        instruction=_instruction(info.instruction),
        stamps_ns=points[:steps],
        state=followed[:steps],
        action=acted[choice.ahead : choice.ahead + steps],
        velocity=_rows("velocity", follower, here)[:steps],
        effort=_rows("effort", follower, here)[:steps],
        images=RecordedImages(folder, chosen),
        facts=_facts(recorded, errors),
    )
    shared = Layout(
        joint_names=layout.joint_names,
        cameras=tuple(layout.cameras.values()),
        height=height,
        width=width,
        fps=choice.fps,
        robot_type=layout.robot,
    )
    return shared, demonstration


def _instruction(recorded: str) -> str:
    text = recorded.strip()
    wrong = sentence.fault(text)
    if wrong:
        raise ExportError(
            f"its instruction cannot be told to a policy ({wrong}): write what the operator was "
            "told into its episode.json"
        )
    return text


def _facts(recorded: Recorded, errors: Mapping[str, resample.StreamError]) -> dict[str, Any]:
    info = recorded.info
    facts = info.model_dump(
        mode="json",
        include={"index", "outcome", "operator", "notes", "placement", "robot", "topology"}
        | {"recovered", "problems", "started", "git"},
    )
    return facts | {"sample_errors": {name: error._asdict() for name, error in errors.items()}}


def _arms(recorded: Recorded, arms: tuple[str, ...], role: str) -> dict[str, Joints]:
    found = {}
    for arm in arms:
        joints = recorded.joints(arm, role)
        if joints is None or len(joints.stamps_ns) == 0:
            hint = "" if role == "follower" else ": export with --action follower"
            raise ExportError(f"no joint states of the {arm} {role} were recorded{hint}")
        found[arm] = joints
    return found


def _rows(
    what: str, arms: Mapping[str, Joints], matches: Mapping[str, Match]
) -> NDArray[np.float32]:
    """The chosen samples of all arms beside one another, float32 [T, D]."""
    rows = [getattr(joints, what)[matches[arm].samples] for arm, joints in arms.items()]
    values = np.concatenate(rows, axis=1)
    if what != "position":
        return np.nan_to_num(values, nan=0.0).astype(np.float32)
    if not np.isfinite(values).all():
        raise ExportError("a joint position is missing or not finite")
    return values.astype(np.float32)


def _check_rate(camera: str, stamps: Stamps, fps: int) -> None:
    if len(stamps) < 2:
        raise EpisodeDamaged(f"camera {camera}: {len(stamps)} images were recorded")
    periods = np.diff(stamps)
    # Without the gaps; a median would be off where stamps come in the steps of a clock.
    hz = NS / float(np.mean(periods[periods <= 1.5 * np.median(periods)]))
    if fps > hz * 1.05:
        raise ExportError(
            f"camera {camera} recorded {hz:.0f} images a second: {fps} cannot be made of them, "
            f"give --fps {hz:.0f} or less"
        )


def _check_whole(streams: Mapping[str, Stamps]) -> None:
    """Refuses a take of which a stream lacks a part at its beginning or end."""
    begin = min(int(stamps[0]) for stamps in streams.values())
    end = max(int(stamps[-1]) for stamps in streams.values())
    for name, stamps in streams.items():
        for where, cut in (("first", int(stamps[0]) - begin), ("last", end - int(stamps[-1]))):
            if cut > LONGEST_CUT_S * NS:
                raise ExportError(f"{name} is missing in the {where} {cut / NS:.1f} s of the take")
