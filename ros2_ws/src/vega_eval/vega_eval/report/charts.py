"""The charts of the page, from what was analysed, and frames of the videos of failed trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vega_eval.failure_types import FAILURE_TYPES
from vega_eval.report import drawing
from vega_eval.report.analysis import SequentialTrace, VariantAnalysis, count, estimate, summed
from vega_eval.report.evaluation import PolicyEntry, TaskTrials, TrialEntry
from vega_eval.report.failure_tables import UNKNOWN, failure_kinds, kind_name, kinds_in
from vega_eval.report.results import paper_cells, ratio, task_title
from vega_eval.statistics import Estimate

_SHADES = {"success": ("#1a7f4b", "#fff"), UNKNOWN: ("#20262e", "#fff")}


class Chart(NamedTuple):
    """A drawing with its words.

    Attributes:
        drawing: SVG.
        title: Above it.
        caption: Below it.
        legend: Marks, as HTML, and what they mean.
    """

    drawing: Markup
    title: str = ""
    caption: str = ""
    legend: tuple[tuple[Markup, str], ...] = ()


def intervals(block: VariantAnalysis) -> Iterator[Chart]:
    """Bars of each task, and of the mean over tasks."""
    paper = list(paper_cells(block))
    for number, part in enumerate(block.parts):
        rows = [
            _bar(policy.name, estimate(counted), ratio(counted), place)
            for place, policy in enumerate(block.policies)
            if (counted := count(part, policy)).trials
        ]
        for method, counts in paper:
            cell = counts[number]
            if cell:
                rows.append(_bar(f"{method} (paper)", estimate(cell), ratio(cell), None))
        if rows:
            bars = drawing.bars(rows, f"success rates, {part.title}")
            yield Chart(bars, task_title(part.task_spec.task))
    if len(block.parts) > 1:
        rows = [
            _bar(policy.name, estimate(total), ratio(total), place)
            for place, policy in enumerate(block.policies)
            if (total := block.total(policy)).trials
        ]
        for method, counts in paper:
            known = summed(counted for counted in counts if counted)
            if all(counts):
                rows.append(_bar(f"{method} (paper)", estimate(known), ratio(known), None))
        title = f"All {len(block.parts)} tasks"
        yield Chart(drawing.bars(rows, f"success rates, {title}"), title)


def _bar(name: str, found: Estimate, label: str, place: int | None) -> drawing.Bar:
    return drawing.Bar(
        name=name,
        rate=found.value,
        low=found.interval.low,
        high=found.interval.high,
        label=label,
        colour=drawing.policy_colour(place or 0),
        paper=place is None,
    )


def outcome_grid(block: VariantAnalysis, part: TaskTrials) -> Chart:
    """Policies by placements."""
    scenes = part.scenes()
    rows = []
    for policy in block.policies:
        trials = part.at(policy)
        if trials:
            rows.append((policy.name, [_mark(trials.get(scene)) for scene in scenes]))
    columns = [str(number) for number in range(1, len(scenes) + 1)]
    return Chart(
        drawing.grid(columns, rows),
        "Trial by trial",
        "One column a placement: policies in it began with things lying alike.",
        tuple(drawing.grid_legend()),
    )


def _mark(trial: TrialEntry | None) -> drawing.Mark | None:
    if trial is None:
        return None
    verdict = trial.record.verdict
    where = trial.source.session.placements[trial.record.placement].description
    failed = f", {kind_name(verdict.failure_type.value)}" if verdict.failure_type else ""
    return drawing.Mark(
        verdict.outcome,
        f"{trial.source.name}, {trial.label}: {verdict.outcome.value}{failed}; {where}",
    )


def maps(block: VariantAnalysis, part: TaskTrials) -> Iterator[Chart]:
    """Successes over the table, policy by policy; none where the task has no grid."""
    cells = [place.cell for s in part.sources for place in s.session.placements if place.cell]
    if not cells:
        return
    size = max(cell[0] for cell in cells), max(cell[1] for cell in cells)
    for policy in block.policies:
        counts = _by_cell(part, policy)
        if counts:
            label = f"successes of {policy.name} by cell, {part.title}"
            yield Chart(drawing.heat(size, counts, label), policy.name)


def _by_cell(part: TaskTrials, policy: PolicyEntry) -> dict[drawing.GridCell, tuple[int, int]]:
    counts: dict[drawing.GridCell, tuple[int, int]] = {}
    for trial in part.of(policy):
        if trial.record.cell:
            successes, trials = counts.get(trial.record.cell, (0, 0))
            counts[trial.record.cell] = successes + trial.record.success, trials + 1
    return counts


def failures(block: VariantAnalysis, part: TaskTrials) -> Chart:
    """What became of each policy's trials."""
    kinds = kinds_in(part)
    rows = []
    for policy in block.policies:
        trials = part.of(policy)
        there = failure_kinds(trials)
        counts = {"success": len(trials) - sum(there.values()), **{k: there[k] for k in kinds}}
        shares = [
            drawing.Share(kind_name(kind), number, *_shade(kind))
            for kind, number in counts.items()
            if number
        ]
        if trials:
            rows.append((policy.name, shares))
    swatch = Markup("<i style='background:{}'></i>")
    return Chart(
        drawing.stacked(rows, f"successes and failure types, {part.title}"),
        "What became of the trials",
        legend=tuple((swatch.format(_shade(k)[0]), kind_name(k)) for k in ("success", *kinds)),
    )


def _shade(kind: str) -> tuple[str, str]:
    """The colours of a piece and of the text on it."""
    return _SHADES[kind] if kind in _SHADES else FAILURE_TYPES.get(kind).colours


def traces(found: Sequence[SequentialTrace]) -> Chart:
    """The sequential tests of a session in one chart."""
    test, task_spec = found[0].test.boundary, found[0].source.session.task_spec
    title = f"{task_title(task_spec.task)} ({task_spec.variant})"
    number = Markup("<b style='background:{}'>{}</b>")
    return Chart(
        drawing.boundary(
            test.early, test.last, [trace.outcomes for trace in found], f"sequential test, {title}"
        ),
        title,
        found[0].source.name,
        tuple(
            (
                number.format(drawing.policy_colour(n), n + 1),
                f"{trace.first.name} (up) and {trace.second.name}: {trace.text}",
            )
            for n, trace in enumerate(found)
        ),
    )


MOST_BYTES = 400_000
"""Of all images of a page together."""

_FRAMES, _SIZE, _QUALITY = 4, (132, 99), 68
_TYPICAL_BYTES = 3500  # of one frame
_TILE = 4 / 3  # width by height of one camera's image in a video


def film_strips(trials: Sequence[TrialEntry]) -> dict[tuple[str, int, int], bytes]:
    """A strip of frames, as JPEG, of each trial that has a readable video, by `trial_key`.

    The more trials, the fewer frames of each; the last ones have none where all would be too much.
    """
    filmed = [trial for trial in trials if trial.video]
    room = MOST_BYTES // (_TYPICAL_BYTES * max(len(filmed), 1))
    found: dict[tuple[str, int, int], bytes] = {}
    left = MOST_BYTES
    for trial in filmed:
        assert trial.video is not None
        strip = _strip(trial.video, min(max(room, 1), _FRAMES))
        if strip and len(strip) <= left:
            left -= len(strip)
            found[trial_key(trial)] = strip
    return found


def trial_key(trial: TrialEntry) -> tuple[str, int, int]:
    """Which attempt of which session."""
    return trial.record.session, trial.record.trial, trial.record.attempt


def _strip(video: Path, frames: int) -> bytes:
    tiles = list(_tiles(video, frames))
    if not tiles:
        return b""
    done, data = cv2.imencode(
        ".jpg", np.concatenate(tiles, axis=1), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return bytes(data) if done else b""


def _tiles(video: Path, frames: int) -> Iterator[NDArray[np.uint8]]:
    """The first camera at moments spread over the video; the last one is its end."""
    try:
        with av.open(str(video)) as file:
            stamps = sorted(p.pts for p in file.demux(video=0) if p.pts is not None)
        wanted = {stamps[_at(n, frames, len(stamps))] for n in range(frames)}
        with av.open(str(video)) as file:
            for frame in file.decode(video=0):
                if frame.pts in wanted:
                    yield _first_camera(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    except (av.FFmpegError, OSError, IndexError, ValueError):
        # A video that a crash cut off has no images to show; the page says so.
        return


def _at(number: int, frames: int, images: int) -> int:
    last = images - 1
    return last if frames == 1 else round(number * last / (frames - 1))


def _first_camera(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = min(round(image.shape[0] * _TILE), image.shape[1])
    small = cv2.resize(image[:, :width], _SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
