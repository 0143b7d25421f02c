"""The HTML page; everything is in it but the videos, and nothing comes from the network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from vega_core.page import environment
from vega_eval.paper_results import PAPER
from vega_eval.report import charts, failure_tables, results, summary
from vega_eval.report.analysis import SequentialTrace, VariantAnalysis
from vega_eval.report.evaluation import Evaluation, TaskTrials, TrialEntry
from vega_eval.report.table import Table


@dataclass(frozen=True)
class Report:
    """All that goes into a report.

    Attributes:
        evaluation: What it is about.
        blocks: What it says.
        traces: Sequential tests.
        strips: Frames of failed trials as JPEG, by `charts.trial_key`.
        folder: Where it is written: links start there.
    """

    evaluation: Evaluation
    blocks: tuple[VariantAnalysis, ...]
    traces: tuple[SequentialTrace, ...]
    strips: Mapping[tuple[str, int, int], bytes]
    folder: Path


def page(report: Report) -> str:
    """The whole HTML document."""
    evaluation = report.evaluation
    return (
        environment("vega_eval.report")
        .get_template("report.html")
        .render(
            title=summary.title(evaluation),
            facts=list(summary.facts(evaluation)),
            conclusions=[
                said for b in report.blocks for said in summary.conclusions(b, report.traces)
            ],
            tiles=list(summary.tiles(evaluation)),
            blocks=[_block(block) for block in report.blocks],
            problems=list(summary.problems(evaluation)),
            evaluated=[
                results.card_table(evaluation),
                results.policy_table(evaluation),
                results.session_table(evaluation),
            ],
            resolution=list(summary.resolution(evaluation)),
            traces=_traces(report.traces),
            kinds=_kinds(evaluation),
            timing=_timing(evaluation),
            lists=[(name, table) for name, table in lists(evaluation) if table.rows],
            paper=PAPER,
            **_failed(report),
        )
    )


def lists(evaluation: Evaluation) -> tuple[tuple[str, Table], ...]:
    """What was noted beside the trials that count; some may be empty."""
    return (
        ("Invalid attempts, not counted", failure_tables.invalid_table(evaluation)),
        ("Judged anew", failure_tables.amended_table(evaluation)),
        ("Notes", failure_tables.notes_table(evaluation)),
    )


def _block(block: VariantAnalysis) -> dict[str, Any]:
    return {
        "variant": block.variant,
        "success": results.success_table(block),
        "rates": list(charts.intervals(block)),
        "single": results.comparison_table(block.single) if block.single else None,
        "pooled": results.comparison_table(block.pooled) if block.pooled else None,
        "tasks": [_task(block, part) for part in block.parts],
    }


def _task(block: VariantAnalysis, part: TaskTrials) -> dict[str, Any]:
    title = results.task_title(part.task_spec.task)
    if not part.trials:
        return {"title": title, "outcomes": None}
    return {
        "title": title,
        "outcomes": [charts.outcome_grid(block, part), charts.failures(block, part)],
        "maps": list(charts.maps(block, part)),
        "table": failure_tables.outcome_table(block, part),
    }


def _traces(traces: Iterable[SequentialTrace]) -> list[charts.Chart]:
    by_session = groupby(traces, key=lambda trace: trace.source.session.id)
    return [charts.traces(list(found)) for _, found in by_session]


def _kinds(evaluation: Evaluation) -> list[tuple[str, str]]:
    there = {kind for part in evaluation.parts for kind in failure_tables.kinds_in(part)}
    return [
        (kind, meaning.removeprefix(f"{kind}: "))
        for kind, meaning in failure_tables.kind_meanings(there)
    ]


def _timing(evaluation: Evaluation) -> Table | None:
    measured = any(trial.record.figures for trial in evaluation.trials)
    return failure_tables.timing_table(evaluation) if measured else None


def _failed(report: Report) -> dict[str, Any]:
    failed = [trial for trial in report.evaluation.trials if not trial.record.success]
    rest = [trial for trial in failed if charts.trial_key(trial) not in report.strips]
    table = failure_tables.failed_table(report.evaluation, rest, report.folder)
    return {
        "failed": len(failed),
        "stills": [
            _still(report, trial) for trial in failed if charts.trial_key(trial) in report.strips
        ],
        "not_filmed": table if rest else None,
    }


def _still(report: Report, trial: TrialEntry) -> dict[str, Any]:
    return {
        "policy": report.evaluation.name(trial.policy_id),
        "how": failure_tables.how_failed(trial),
        "jpeg": base64.b64encode(report.strips[charts.trial_key(trial)]).decode(),
        "where": f"{trial.title}; {trial.source.name}, {trial.label}",
        "remarks": failure_tables.remarks(trial),
        "links": failure_tables.links(trial, report.folder),
    }
