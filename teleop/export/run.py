"""How an export goes: check everything first, then write beside the output, then rename."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av.error

from teleop.errors import TeleopError
from teleop.export import provenance
from teleop.export.demonstration import Demonstration, ExportError, Layout, Prepared, Refused
from teleop.export.formats import FORMATS, ExportFormat, ExportPlan
from teleop.export.workers import Workers
from teleop.session.progress import format_duration
from vega_core import files

Report = Callable[[str], None]
Compare = Callable[[Sequence[Prepared]], Mapping[int, str]]
_REPORT_EVERY_S = 5.0


@dataclass(frozen=True)
class ExportJob:
    """A demonstration to come: `open` reads all but its images, in any process."""

    name: str
    open: Callable[[], Prepared]


class ExportSummary(NamedTuple):
    """What was written.

    Attributes:
        episodes: How many.
        steps: Of all episodes.
        recorded_s: Length of all episodes.
        took_s: From the first file opened to the last byte.
        bytes: Of all files.
        skipped: What was wrong with those left out, a sentence each.
    """

    episodes: int
    steps: int
    recorded_s: float
    took_s: float
    bytes: int
    skipped: list[str]

    @property
    def speed(self) -> float:
        """As a multiple of real time."""
        return self.recorded_s / self.took_s


def _nothing(_: Sequence[Prepared]) -> dict[int, str]:
    return {}


def run(
    jobs: Sequence[ExportJob],
    plan: ExportPlan,
    report: Report,
    damaged: Sequence[str] = (),
    compare: Compare = _nothing,
) -> ExportSummary:
    """Exports.

    Args:
        jobs: In the order of the output.
        plan: What is to be written.
        report: Gets lines of progress.
        damaged: What is already known to be wrong, a sentence each.
        compare: Says what is wrong with some of them beside the others, by place.

    Raises:
        Refused: Something is damaged or mixed; the output was not made.
        ExportError: The format is unknown, or the output exists or cannot be written; it was not
            made.
    """
    began = time.monotonic()
    form = FORMATS.get(plan.format)
    if plan.out.exists():
        raise ExportError(f"{plan.out} exists already: choose another output")
    with Workers(min(plan.workers, len(jobs))) as workers, _beside(plan.out) as folder:
        report(f"checking {len(jobs)} episodes")
        prepared, wrong = _prepare(workers, jobs)
        wrong = [*damaged, *wrong]
        for beside_others in (_copies, compare):
            found = beside_others(prepared)
            prepared = [each for place, each in enumerate(prepared) if place not in found]
            wrong += found.values()
        if wrong and not (plan.skip_damaged and prepared):
            raise _refusal(wrong, len(jobs) + len(damaged), plan)
        for text, count in Counter(note for each in prepared for note in each.notes).items():
            report(f"note: {text}" + (f" (in {count} episodes)" if count > 1 else ""))
        layout = _common(prepared, form)
        demonstrations = [each.demonstration for each in prepared]
        steps = sum(each.steps for each in demonstrations)
        _check_space(folder, form, layout, steps, plan)
        report(f"writing {steps} steps")
        progress = _Progress(demonstrations, layout.fps, report)
        written = []
        with closing(form.write(folder, layout, demonstrations, plan, workers)) as results:
            for text, each in zip(results, demonstrations):
                progress.one_more()
                if not text:
                    written.append(each)
                    continue
                wrong.append(text)
                if not plan.skip_damaged:
                    raise _refusal(wrong, len(jobs) + len(damaged), plan)
        if not written:
            raise _refusal(wrong, len(jobs) + len(damaged), plan)
        provenance.write(folder, layout, written, plan, wrong)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        os.rename(folder, plan.out)
    took, steps = time.monotonic() - began, sum(each.steps for each in written)
    return ExportSummary(len(written), steps, steps / layout.fps, took, size, wrong)


def _refusal(wrong: Sequence[str], episodes: int, plan: ExportPlan) -> Refused:
    what = f"{len(wrong)} of {episodes} episodes" if len(wrong) < episodes else "no episode"
    can = "cannot be exported" if len(wrong) < episodes else "can be exported"
    text = f"{what} {can}:\n  " + "\n  ".join(wrong)
    return Refused(text if plan.skip_damaged else f"{text}\n{plan.remedy}")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside the output that is gone in the end, unless it was renamed."""
    folder = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True)
        yield folder
    except (OSError, av.error.FFmpegError) as error:
        text = files.why(error) if isinstance(error, OSError) else str(error)
        raise ExportError(f"{out} cannot be written ({text})") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(workers: Workers, jobs: Sequence[ExportJob]) -> tuple[list[Prepared], list[str]]:
    prepared, wrong = [], []
    for result in workers.each(_open, jobs):
        if isinstance(result, str):
            wrong.append(result)
        else:
            prepared.append(result)
    return prepared, wrong


def _open(job: ExportJob) -> Prepared | str:
    try:
        return job.open()
    except TeleopError as error:
        return str(error)


def _common(prepared: Sequence[Prepared], form: ExportFormat) -> Layout:
    """What all share.

    Raises:
        Refused: They differ; it says in what.
    """
    first = prepared[0]
    for other in prepared[1:]:
        for name in ("joint_names", "cameras", "height", "width", "fps", "robot_type"):
            _same(name, first, other, *(getattr(each.layout, name) for each in (first, other)))
        robots = [each.demonstration.facts.get("robot") for each in (first, other)]
        _same("robot", first, other, *robots)
        if not form.many_tasks:
            tasks = [each.demonstration.task for each in (first, other)]
            what = f"task ({form.title} has no place for it: choose one with --task)"
            _same(what, first, other, *tasks)
    return first.layout


def _copies(prepared: Sequence[Prepared]) -> dict[int, str]:
    """Of each group of equal demonstrations, all but the first."""
    seen: dict[str, str] = {}
    found = {}
    for place, each in enumerate(prepared):
        name, digest = each.demonstration.name, each.demonstration.digest
        if digest in seen:
            found[place] = f"{name} is a copy of {seen[digest]}"
        seen.setdefault(digest, name)
    return found


def _same(what: str, first: Prepared, other: Prepared, value: object, other_value: object) -> None:
    if value != other_value:
        raise Refused(
            f"episodes differ in {what}: {value} in {first.demonstration.name}, "
            f"{other_value} in {other.demonstration.name}; export them separately"
        )


def _check_space(
    folder: Path, form: ExportFormat, layout: Layout, steps: int, plan: ExportPlan
) -> None:
    needed = form.bytes_needed(layout, steps, plan)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ExportError(
            f"{plan.out} needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free: "
            "free some space, or add --compress"
        )


class _Progress:
    def __init__(self, demonstrations: Sequence[Demonstration], fps: int, report: Report) -> None:
        self._left = [each.steps / fps for each in demonstrations]
        self._total = len(self._left)
        self._report = report
        self._began = self._reported = time.monotonic()
        self._done_s = 0.0

    def one_more(self) -> None:
        self._done_s += self._left.pop(0)
        now = time.monotonic()
        if now - self._reported < _REPORT_EVERY_S or not self._left:
            return
        self._reported = now
        speed = self._done_s / (now - self._began)
        done = self._total - len(self._left)
        left = format_duration(sum(self._left) / speed)
        self._report(f"{done}/{self._total} episodes, {speed:.1f}x real time, {left} left")
