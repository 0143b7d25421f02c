"""What is wrong with the episodes of a task together: copies, strangers among them, mixtures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from statistics import median

import numpy as np
from numpy.typing import NDArray

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, Finding, FindingDraft
from teleop.quality.thresholds import THRESHOLDS, Thresholds

_POINTS = 64  # of a trajectory that is compared
Rows = Iterator[tuple[int | None, FindingDraft]]


def check_across_episodes(
    episodes: Sequence[EpisodeQuality], limits: Thresholds = THRESHOLDS
) -> list[Finding]:
    """Everything that only several episodes show, by task."""
    tasks: dict[str, list[EpisodeQuality]] = defaultdict(list)
    for quality in episodes:
        tasks[quality.info.task].append(quality)
    found = []
    for task, ours in tasks.items():
        rows = [*_copies(ours, limits), *_mixtures(task, ours), *_never_move(task, ours, limits)]
        if len(ours) >= limits.few:
            rows += [*_lengths(ours, limits), *_rough(ours, limits)]
            rows += [*_postures(ours, limits), *_views(ours, limits)]
        found += [row.at(index) for index, row in rows]
    return found


def _copies(ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    """Of each group of equal episodes, all but the first."""
    shapes = _shapes(ours)
    lengths = np.array([quality.info.duration_s for quality in ours])
    idle = np.array([quality.idle for quality in ours])
    files: dict[str, int] = {}
    joints: dict[str, int] = {}
    for place, quality in enumerate(ours):
        found: dict[int, str] = {}
        # Those that do nothing are told by themselves.
        near = ~(np.minimum(idle[:place], quality.idle) > limits.still_share)
        longest = np.maximum(lengths[:place], lengths[place])
        near &= np.abs(lengths[:place] - lengths[place]) <= limits.same_length * longest
        alike = _alike(shapes, place, np.flatnonzero(near), limits.same_rad)
        if alike:
            found[alike[0]] = f"nowhere more than {alike[1]:.4f} rad from"
        if quality.arms:
            first = joints.setdefault(quality.joints_digest, place)
            found[first] = "its joint states are, to the last bit, those of"
        first = files.setdefault(quality.info.mcap.sha256, place)
        found[first] = "its file is that of"
        first = min(found)
        if first != place:
            text = f"{found[first]} episode {ours[first].info.index}"
            remedy = f"keep one of the two; {SET_ASIDE}"
            yield quality.info.index, FindingDraft("error", "duplicate", text, remedy)


def _shapes(ours: Sequence[EpisodeQuality]) -> NDArray[np.float32]:
    """Trajectories at a fixed number of points, [N, points, D]; NaN where there is none."""
    each = [_shape(quality.track) for quality in ours]
    widest = max(shape.shape[1] for shape in each)
    shapes = np.full((len(each), _POINTS, widest), np.nan, dtype=np.float32)
    for row, shape in zip(shapes, each):
        row[: len(shape), : shape.shape[1]] = shape
    return shapes


def _alike(
    shapes: NDArray[np.float32], place: int, near: NDArray[np.int64], most: float
) -> tuple[int, float] | None:
    """The first of some trajectories that is nowhere further than this from one, and how far."""
    own = shapes[place]
    known = np.isfinite(own[0])
    if not known.any():
        return None
    some = slice(None, None, _POINTS // 4)  # which tell most of them apart
    near = near[(np.isfinite(shapes[near, 0]) == known).all(axis=1)]
    near = near[np.abs(shapes[near, some] - own[some])[..., known].max(axis=(1, 2)) <= most]
    for other in near.tolist():
        apart = float(np.abs(shapes[other] - own)[:, known].max())
        if apart <= most:
            return other, apart
    return None


def _shape(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """A trajectory at a fixed number of points."""
    if len(track) < 2 or not np.isfinite(track).all():
        return np.empty((0, 0), dtype=np.float32)
    at = np.linspace(0, len(track) - 1, _POINTS)
    columns = [np.interp(at, np.arange(len(track)), column) for column in track.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _lengths(ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    usual = median(q.info.duration_s for q in ours)
    for quality in ours:
        ratio = quality.info.duration_s / max(usual, 1e-9)
        if ratio > limits.length_ratio or ratio * limits.length_ratio < 1.0:
            text = f"lasts {quality.info.duration_s:.1f} s; the median is {usual:.1f} s"
            row = FindingDraft(
                "warning", "length", text, "look at it: was it saved too late, or cut short?"
            )
            yield quality.info.index, row


def _rough(ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    figures = [np.log(max(q.jerk, 1e-3)) for q in ours]
    usual = median(figures)
    # Of a normal distribution; never so narrow that a difference of 20 % is remarkable.
    sigma = max(1.4826 * median(abs(f - usual) for f in figures), 0.2)
    for quality, figure in zip(ours, figures):
        if figure - usual > limits.unlike_sigmas * sigma:
            text = f"jerk of {quality.jerk:.0f} rad/s^3; the median is {np.exp(usual):.0f}"
            row = FindingDraft(
                "warning", "jerk", text, "look at it: did the arm shake or bump into something?"
            )
            yield quality.info.index, row


def _postures(ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    """Joints that fit what the others have only when two of them change places."""
    means = [q.track.mean(axis=0) if len(q.track) else None for q in ours]
    known = [mean for mean in means if mean is not None]
    if not known:
        return
    usual = np.median(np.stack(known), axis=0)
    exchanges = _exchanges(ours[0].layout.arms)
    for quality, mean in zip(ours, means):
        if mean is None:
            continue
        fitting = {
            what: float(np.abs(mean[order] - usual).sum())
            for what, order in exchanges.items()
            if _fits_better(mean, usual, order, limits)
        }
        if fitting:
            text = f"{min(fitting, key=fitting.__getitem__)} seem to be exchanged"
            text = f"{text}: then it is like the other episodes"
            remedy = f"check joint and CAN names in hw_config/arms.yaml; {SET_ASIDE}"
            yield quality.info.index, FindingDraft("error", "joint order", text, remedy)


def _fits_better(
    mean: NDArray[np.float32], usual: NDArray[np.float32], order: list[int], limits: Thresholds
) -> bool:
    """Whether the joints that this order exchanges are far off, and would not be then."""
    moved = [place for place, joint in enumerate(order) if place != joint]
    own = float(np.abs(mean - usual)[moved].sum())
    cross = float(np.abs(mean[order] - usual)[moved].sum())
    return own > limits.exchange_rad and cross * limits.swap_ratio < own


def _exchanges(arms: Mapping[str, tuple[str, ...]]) -> dict[str, list[int]]:
    """Orders of the joints: two arms change places, or two of joints 1-6 in one or in all arms."""
    names = [name for joints in arms.values() for name in joints]
    size = len(names) // max(len(arms), 1)
    found = {}
    if len(arms) == 2:
        found[" and ".join(arms)] = [*range(size, len(names)), *range(size)]
    firsts = {arm: number * size for number, arm in enumerate(arms)}
    for a, b in combinations(range(size - 1), 2):
        for arm, first in firsts.items():
            found[f"joints {a + 1} and {b + 1} of the {arm} arm"] = _exchanged(names, [first], a, b)
        every = list(firsts.values())
        found[f"joints {a + 1} and {b + 1} of all arms"] = _exchanged(names, every, a, b)
    return found


def _exchanged(names: Sequence[str], firsts: Sequence[int], a: int, b: int) -> list[int]:
    order = list(range(len(names)))
    for first in firsts:
        order[first + a], order[first + b] = first + b, first + a
    return order


def _views(ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    """Images that fit what another camera usually sees, or that have other colours."""
    seen: dict[str, list[NDArray[np.uint8]]] = defaultdict(list)
    for quality in ours:
        for camera in quality.cameras:
            seen[camera.camera].append(camera.signature)
    usual = {name: np.median(np.stack(views), axis=0) for name, views in seen.items()}
    for quality in ours:
        views = {camera.camera: camera.signature.astype(np.float64) for camera in quality.cameras}
        for one, other in combinations(views, 2):
            own = _unlike(views[one], usual[one]) + _unlike(views[other], usual[other])
            cross = _unlike(views[one], usual[other]) + _unlike(views[other], usual[one])
            if own > 2 * limits.image_levels and cross * limits.swap_ratio < own:
                text = f"the images of {one} and {other} are exchanged"
                remedy = f"check the serials in hw_config/cameras.yaml; {SET_ASIDE}"
                yield quality.info.index, FindingDraft("error", "swapped cameras", text, remedy)
        for name, view in views.items():
            own, exchanged = _unlike(view, usual[name]), _unlike(view[..., ::-1], usual[name])
            if own > limits.image_levels and exchanged * limits.swap_ratio < own:
                text = f"{name}: red and blue are exchanged, compared with the other episodes"
                yield quality.info.index, FindingDraft("error", "colours", text, SET_ASIDE)


def _unlike(view: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    return float(np.abs(view - usual).mean())


def _never_move(task: str, ours: Sequence[EpisodeQuality], limits: Thresholds) -> Rows:
    """Joints of the task's arms that are constant in every episode."""
    spans: dict[str, float] = defaultdict(float)
    for quality in ours:
        used = {arm.arm for arm in quality.arms if arm.used}
        for series in quality.series:
            if series.kind == "follower" and series.arm in used:
                for joint in series.joints:
                    spans[joint.name] = max(spans[joint.name], joint.highest - joint.lowest)
    still = [name for name, span in spans.items() if span < limits.constant]
    if still and len(still) < len(spans):
        text = f"{task}: in no episode moves {', '.join(still)}"
        remedy = "does its feedback come? If it has nothing to do in this task, all is well"
        yield None, FindingDraft("warning", "constant joint", text, remedy)


def _mixtures(task: str, ours: Sequence[EpisodeQuality]) -> Rows:
    """What should be the same in all episodes of a task."""
    together = (
        "they cannot be exported together: record to separate datasets, or set one kind aside"
    )
    yield from _mixed(
        task,
        "the joints or cameras",
        ours,
        lambda q: (q.layout.joint_names, tuple(q.layout.cameras)),
        FindingDraft("error", "mixed", "", together),
    )
    for camera in ours[0].layout.cameras:
        yield from _mixed(
            task,
            f"the size of {camera}'s images",
            ours,
            partial(_image_size, camera),
            FindingDraft("error", "mixed", "", together),
        )
    yield from _mixed(
        task,
        "what the policy is told",
        ours,
        lambda q: q.info.instruction,
        FindingDraft(
            "warning", "mixed", "", "is it one task? Then give it one instruction in hw_config"
        ),
    )
    yield from _mixed(
        task,
        "the robot (real, emulated, sim)",
        ours,
        lambda q: q.info.robot,
        FindingDraft("warning", "mixed", "", "train on one kind, or mix them knowingly"),
    )


def _image_size(camera: str, quality: EpisodeQuality) -> tuple[int, int] | None:
    seen = (c for c in quality.cameras if c.camera == camera and c.looked_at)
    return next((c.size for c in seen), None)


def _mixed(
    task: str,
    what: str,
    ours: Sequence[EpisodeQuality],
    of: Callable[[EpisodeQuality], object],
    row: FindingDraft,
) -> Rows:
    kinds = Counter(value for value in map(of, ours) if value is not None)
    if len(kinds) < 2:
        return
    (most, _), *others = kinds.most_common()
    strangers = [q.info.index for q in ours if of(q) in dict(others)]
    shown = ", ".join(map(str, strangers[:8])) + (" ..." if len(strangers) > 8 else "")
    text = f"{task}: {what} differs: most have {most}, not so episodes {shown}"
    yield None, row._replace(text=text)
