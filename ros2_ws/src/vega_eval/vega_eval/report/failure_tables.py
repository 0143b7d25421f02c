"""Tables of what stands behind the figures: how trials went, one by one and together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from urllib.parse import quote

from vega_eval.failure_types import FAILURE_TYPES, in_order
from vega_eval.report.analysis import VariantAnalysis
from vega_eval.report.evaluation import Evaluation, TaskTrials, TrialEntry
from vega_eval.report.results import NONE, minute
from vega_eval.report.table import Table, TableRow
from vega_eval.trials.record import Figures, Percentiles

UNKNOWN = "not said"


def failure_kinds(trials: Iterable[TrialEntry]) -> Counter[str]:
    """How many failed of which type."""
    failed = (trial.record.verdict for trial in trials if not trial.record.success)
    return Counter(v.failure_type.value if v.failure_type else UNKNOWN for v in failed)


def kinds_in(part: TaskTrials) -> list[str]:
    """The failure types that a task has, in their order."""
    there = failure_kinds(part.trials)
    return [kind for kind in (*(kind.value for kind in in_order()), UNKNOWN) if there[kind]]


def outcome_table(block: VariantAnalysis, part: TaskTrials) -> Table:
    """How trials ended, and how far they came."""
    kinds, milestones = kinds_in(part), part.task_spec.milestones
    rows = []
    for policy in block.policies:
        trials = part.of(policy)
        counts = failure_kinds(trials)
        cells = [str(sum(counts.values())), *(str(counts[kind]) for kind in kinds)]
        cells += [_reached(trials, milestone) for milestone in milestones]
        progress = [trial.record.verdict.progress for trial in trials]
        cells.append(f"{sum(progress) / len(progress):.2f}" if progress else NONE)
        rows.append(TableRow((policy.name, *cells)))
    return Table(
        head=("Policy", "all", *map(kind_name, kinds), *milestones, "mean progress"),
        rows=tuple(rows),
        groups=(("", 1), ("Failed", 1 + len(kinds)), ("Reached", 1 + len(milestones))),
    )


def kind_name(kind: str) -> str:
    """A failure type as people say it."""
    return FAILURE_TYPES.get(kind).title if kind in FAILURE_TYPES else kind


def kind_meanings(kinds: Collection[str]) -> Iterator[tuple[str, str]]:
    """What each failure type means, in their order."""
    for kind in in_order():
        if kind.value in kinds:
            yield kind.title, kind.meaning


def _reached(trials: Sequence[TrialEntry], milestone: str) -> str:
    said = [t.record.verdict.milestones.get(milestone) for t in trials]
    known = [reached for reached in said if reached is not None]
    return f"{sum(known)}/{len(known)}" if known else NONE


def figures_of(trials: Iterable[TrialEntry]) -> list[Figures]:
    """Those that were measured."""
    return [trial.record.figures for trial in trials if trial.record.figures]


def timing_table(evaluation: Evaluation) -> Table:
    """Time, latency and what the gate had to do, by task and policy."""
    rows = []
    for part in evaluation.parts:
        for policy in evaluation.policies:
            trials = part.of(policy)
            if trials:
                rows.append(TableRow((f"{policy.name}\n{part.title}", *_timing(trials))))
    return Table(
        head=(
            "Policy",
            "success after s",
            "inference ms\np50 / p95",
            "observation ms\np50 / p95",
            "chunks",
            *_COUNTED,
        ),
        rows=tuple(rows),
        note=(
            "Times are medians over trials, below the worst trial's p95. Observation: from the "
            "oldest capture used to the start of inference. Refused: chunks; clamped, braked: "
            "commands; all summed over trials."
        ),
    )


_COUNTED: dict[str, Callable[[Figures], int]] = {
    "refused": lambda f: f.refused,
    "clamped": lambda f: f.clamped,
    "braked": lambda f: f.blocked,
    "holds": lambda f: f.holds,
    "e-stops": lambda f: f.estops,
    "interventions": lambda f: f.interventions,
    "frames lost": lambda f: sum(f.dropped_frames.values()),
}


def _timing(trials: Sequence[TrialEntry]) -> Iterator[str]:
    figures = figures_of(trials)
    times = [f.duration_s for f in figures_of(t for t in trials if t.record.success)]
    yield f"{median(times):.1f}" if times else NONE
    yield _percentiles([f.inference_ms for f in figures])
    yield _percentiles([f.observation_age_ms for f in figures])
    yield str(sum(f.chunks for f in figures)) if figures else NONE
    for of in _COUNTED.values():
        yield str(sum(map(of, figures))) if figures else NONE


def _percentiles(values: Sequence[Percentiles]) -> str:
    middle = [v.p50 for v in values if v.p50 is not None]
    high = [v.p95 for v in values if v.p95 is not None]
    if not middle or not high:
        return NONE
    return f"{median(middle):.0f} / {median(high):.0f}\nworst {max(high):.0f}"


def invalid_table(evaluation: Evaluation) -> Table:
    """Attempts that do not count, and why."""
    rows = [
        TableRow(
            (
                trial.source.name,
                trial.label,
                evaluation.name(trial.policy_id),
                trial.record.verdict.reason or UNKNOWN,
                minute(trial.record.started),
            )
        )
        for trial in evaluation.invalid
    ]
    return Table(("Session", "Attempt", "Policy", "Why", "When, UTC"), tuple(rows), figures=5)


def amended_table(evaluation: Evaluation) -> Table:
    """Attempts that were judged anew."""
    rows = [
        TableRow(
            (
                source.name,
                f"trial {amended.record.trial}, attempt {amended.record.attempt}",
                evaluation.name(source.policy_id(amended.record.policy)),
                f"{amended.before.outcome.value} → {amended.record.verdict.outcome.value}",
                amended.by,
                minute(amended.at),
                amended.record.verdict.note,
            )
        )
        for source in evaluation.sources
        for amended in source.amended
    ]
    head = ("Session", "Attempt", "Policy", "Judgement", "By", "When, UTC", "Note")
    return Table(head, tuple(rows), figures=len(head))


def notes_table(evaluation: Evaluation) -> Table:
    """What was written down during trials that count."""
    rows = [
        TableRow(
            (
                trial.source.name,
                trial.label,
                evaluation.name(trial.policy_id),
                trial.record.verdict.outcome.value,
                trial.record.verdict.note,
            )
        )
        for trial in evaluation.trials
        if trial.record.verdict.note
    ]
    return Table(("Session", "Trial", "Policy", "Outcome", "Note"), tuple(rows), figures=5)


def failed_table(evaluation: Evaluation, trials: Iterable[TrialEntry], folder: Path) -> Table:
    """Failed trials with links."""
    rows = [
        TableRow(
            (
                trial.source.name,
                trial.label,
                evaluation.name(trial.policy_id),
                trial.title,
                how_failed(trial),
                remarks(trial),
                "",
            ),
            links=links(trial, folder),
        )
        for trial in trials
    ]
    return Table(
        ("Session", "Trial", "Policy", "Placement", "Outcome", "Why", ""), tuple(rows), figures=7
    )


def how_failed(trial: TrialEntry) -> str:
    """Outcome, type and progress of a trial."""
    verdict = trial.record.verdict
    kind = kind_name(verdict.failure_type.value) if verdict.failure_type else ""
    far = f"progress {verdict.progress:.2f}" if verdict.progress else ""
    return ", ".join(filter(None, (verdict.outcome.value, kind, far)))


def remarks(trial: TrialEntry) -> str:
    """What was said of a trial."""
    verdict = trial.record.verdict
    return "; ".join(filter(None, (verdict.reason, verdict.note)))


def links(trial: TrialEntry, folder: Path) -> tuple[tuple[str, str], ...]:
    """The files of a trial that are there, as words and addresses relative to a folder."""
    files = (("video", trial.video), ("recording", trial.recording))
    return tuple(
        (word, quote(os.path.relpath(path.resolve(), folder.resolve())))
        for word, path in files
        if path
    )
