"""report.md, tables and in words what charts show, and report.csv, with a row for a valid trial."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from vega_eval.paper_results import PAPER
from vega_eval.report import failure_tables, results
from vega_eval.report.analysis import VariantAnalysis
from vega_eval.report.evaluation import Evaluation, TrialEntry
from vega_eval.report.page import Report, lists
from vega_eval.report.summary import conclusions, facts, problems, resolution, title
from vega_eval.report.table import plain
from vega_eval.trials.record import Figures


def markdown(report: Report) -> str:
    """The whole file."""
    return "\n".join(_parts(report)).rstrip() + "\n"


def _parts(report: Report) -> Iterator[str]:
    evaluation = report.evaluation
    yield f"# {plain(title(evaluation))}\n"
    yield plain("; ".join(facts(evaluation))) + "\n"
    said = [str(v) for block in report.blocks for v in conclusions(block, report.traces)]
    yield _list(said)
    for block in report.blocks:
        yield f"## Success ({plain(block.variant)})\n"
        yield results.success_table(block).markdown()
    yield from _section("To know before trusting it", _list(list(problems(evaluation))))
    yield "## What was evaluated\n"
    yield results.card_table(evaluation).markdown()
    yield results.policy_table(evaluation).markdown()
    yield results.session_table(evaluation).markdown()
    yield from _section(
        "What this number of trials can resolve", _list(list(resolution(evaluation)))
    )
    for block in report.blocks:
        yield from _block(block)
    traces = [
        f"{trace.source.name}, {trace.first.name} and {trace.second.name}: {trace.text}"
        for trace in report.traces
    ]
    yield from _section("Sequential test", _list(traces))
    yield from _tables(evaluation)
    yield f"The paper's figures: [VEGA, arXiv 2605.10485]({PAPER}), Table 3."


def _block(block: VariantAnalysis) -> Iterator[str]:
    if block.single:
        yield f"## Comparisons ({plain(block.variant)})\n"
        yield results.comparison_table(block.single).markdown()
    if block.pooled:
        yield "### Over tasks, each a stratum of its own\n"
        yield results.comparison_table(block.pooled).markdown()
    for part in block.parts:
        if part.trials:
            yield f"## {plain(results.task_title(part.task_spec.task))} ({plain(block.variant)})\n"
            yield failure_tables.outcome_table(block, part).markdown()


def _tables(evaluation: Evaluation) -> Iterator[str]:
    timing = ("Timing and safety", failure_tables.timing_table(evaluation))
    for name, table in (timing, *lists(evaluation)):
        if table.rows:
            yield from _section(name, table.markdown())


def _section(name: str, content: str) -> Iterator[str]:
    if content:
        yield f"## {name}\n"
        yield content


def _list(sentences: list[str]) -> str:
    return "".join(f"- {plain(sentence)}\n" for sentence in sentences)


_Value = str | int | float | bool | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet(evaluation: Evaluation) -> str:
    """The whole file."""
    milestones = list(dict.fromkeys(m for p in evaluation.parts for m in p.task_spec.milestones))
    cameras = sorted({c for t in evaluation.trials for c in _figures(t).camera_hz})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "policy",
            *_COLUMNS,
            *(f"milestone_{name}" for name in milestones),
            *(f"camera_hz_{name}" for name in cameras),
            *(f"dropped_frames_{name}" for name in cameras),
        ]
    )
    for trial in evaluation.trials:
        figures = _figures(trial)
        reached = trial.record.verdict.milestones
        values = [
            evaluation.name(trial.policy_id),
            *(of(trial) for of in _COLUMNS.values()),
            *(reached.get(name) for name in milestones),
            *(figures.camera_hz.get(name) for name in cameras),
            *(figures.dropped_frames.get(name) for name in cameras),
        ]
        writer.writerow([_shown(value) for value in values])
    return text.getvalue()


def _shown(value: _Value) -> _Value:
    """A spreadsheet would run a note that begins like a formula."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _figures(trial: TrialEntry) -> Figures:
    return trial.record.figures or _NOTHING


_NOTHING = Figures(duration_s=0.0, policy_steps=0)


def _measured(of: Callable[[Figures], _Value]) -> Callable[[TrialEntry], _Value]:
    return lambda trial: None if trial.record.figures is None else of(trial.record.figures)


def _policy_field(field: str) -> Callable[[TrialEntry], _Value]:
    def of(trial: TrialEntry) -> _Value:
        key = trial.source.key
        return getattr(key.policies[trial.record.policy], field) if key else None

    return of


def _cell(axis: int) -> Callable[[TrialEntry], _Value]:
    return lambda trial: None if trial.record.cell is None else trial.record.cell[axis]


_COLUMNS: dict[str, Callable[[TrialEntry], _Value]] = {
    "task": lambda t: t.source.session.task_spec.task,
    "variant": lambda t: t.source.session.task_spec.variant,
    "robot": lambda t: t.source.session.robot,
    "session": lambda t: t.record.session,
    "folder": lambda t: t.source.name,
    "trial": lambda t: t.record.trial,
    "attempt": lambda t: t.record.attempt,
    "letter": lambda t: t.record.policy,
    "placement": lambda t: t.record.placement + 1,
    "seed": lambda t: t.record.seed,
    "cell_row": _cell(0),
    "cell_column": _cell(1),
    "started": lambda t: t.record.started,
    "ended": lambda t: t.record.ended,
    "success": lambda t: int(t.record.success),
    "outcome": lambda t: t.record.verdict.outcome.value,
    "progress": lambda t: t.record.verdict.progress,
    "failure_type": lambda t: kind.value if (kind := t.record.verdict.failure_type) else None,
    "reason": lambda t: t.record.verdict.reason,
    "note": lambda t: t.record.verdict.note,
    "judged_by": lambda t: t.record.verdict.judged_by,
    "duration_s": _measured(lambda f: f.duration_s),
    "wall_s": _measured(lambda f: f.wall_s),
    "policy_steps": _measured(lambda f: f.policy_steps),
    "moved_rad": _measured(lambda f: f.moved_rad),
    "inference_ms_p50": _measured(lambda f: f.inference_ms.p50),
    "inference_ms_p95": _measured(lambda f: f.inference_ms.p95),
    "observation_age_ms_p50": _measured(lambda f: f.observation_age_ms.p50),
    "observation_age_ms_p95": _measured(lambda f: f.observation_age_ms.p95),
    "chunks": _measured(lambda f: f.chunks),
    "refused": _measured(lambda f: f.refused),
    "clamped": _measured(lambda f: f.clamped),
    "blocked": _measured(lambda f: f.blocked),
    "holds": _measured(lambda f: f.holds),
    "estops": _measured(lambda f: f.estops),
    "interventions": _measured(lambda f: f.interventions),
    "reset_difference": lambda t: t.record.reset_difference,
    "operator": lambda t: t.record.operator,
    "lighting": lambda t: t.record.lighting,
    "checkpoint_sha256": _policy_field("sha256"),
    "recipe": _policy_field("recipe"),
    "config_sha256": lambda t: t.record.config_sha256,
    "video": lambda t: t.record.files.video,
    "recording": lambda t: t.record.files.recording,
}
