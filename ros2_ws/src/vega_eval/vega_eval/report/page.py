"""The HTML page; everything is in it but the videos, and nothing comes from the network."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from pathlib import Path

from vega_eval.paper_results import PAPER
from vega_eval.report import details, figures, provenance, results
from vega_eval.report.analysis import Block
from vega_eval.report.evaluation import Evaluation, Part, Played
from vega_eval.report.layout import Table, linked
from vega_eval.report.stills import place
from vega_eval.report.story import facts, problems, resolution, tiles, title
from vega_eval.report.style import CSS
from vega_eval.report.verdicts import Verdict, verdicts
from vega_eval.report.walks import Walk


@dataclass(frozen=True)
class Report:
    """All that goes into a report.

    Attributes:
        evaluation: What it is about.
        blocks: What it says.
        walks: Sequential tests.
        strips: Pictures of failed trials, by `stills.place`.
        folder: Where it is written: links start there.
    """

    evaluation: Evaluation
    blocks: tuple[Block, ...]
    walks: tuple[Walk, ...]
    strips: Mapping[tuple[str, int, int], bytes]
    folder: Path


def page(report: Report) -> str:
    """The whole HTML document."""
    evaluation = report.evaluation
    shown = escape(title(evaluation))
    body = "\n".join(
        [
            f"<h1>{shown}</h1>",
            f"<p class='faint'>{' &middot; '.join(map(escape, facts(evaluation)))}</p>",
            *_verdicts(report),
            _tiles(evaluation),
            *(part for block in report.blocks for part in _results(block)),
            *_problems(evaluation),
            *_what(evaluation),
            *(part for block in report.blocks for part in _comparisons(block)),
            *_walks(report),
            *(p for block in report.blocks for part in block.parts for p in _task(block, part)),
            *_kinds(evaluation),
            *_timing(evaluation),
            *_failed(report),
            *_lists(evaluation),
            _footer(),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{shown}</title>\n<style>{CSS}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _verdicts(report: Report) -> Iterator[str]:
    said = [verdict for block in report.blocks for verdict in verdicts(block, report.walks)]
    if said:
        style = "verdict found" if any(verdict.found for verdict in said) else "verdict"
        yield f"<div class='{style}'>{''.join(map(_verdict, said))}</div>"


def _verdict(said: Verdict) -> str:
    words = f"{escape(said.words)} <span class='less'>({escape(said.figures)})</span>"
    return f"<p>{words}</p>" if said.found else f"<p class='less'>{words}</p>"


def _tiles(evaluation: Evaluation) -> str:
    shown = "".join(
        f"<div class='tile'><b>{number}</b><span>{escape(what)}</span></div>"
        for number, what in tiles(evaluation)
    )
    return f"<div class='tiles'>{shown}</div>"


def _results(block: Block) -> Iterator[str]:
    yield f"<h2>Success ({escape(block.variant)})</h2>"
    table, bars = results.success_table(block), "".join(figures.intervals(block))
    if len(block.parts) > 1:
        yield f"<div class='success-table'>{table.html()}</div><div class='figures'>{bars}</div>"
    else:
        note = f"<p class='faint'>{escape(table.note)}</p>"
        shown = f"<div class='success-table narrow'>{replace(table, note='').html()}</div>"
        yield f"<div class='side'>{shown}{bars}</div>{note}"


def _problems(evaluation: Evaluation) -> Iterator[str]:
    found = list(problems(evaluation))
    if found:
        rows = "".join(f"<li>{escape(problem)}</li>" for problem in found)
        yield f"<div class='problems'><b>To know before trusting it</b><ul>{rows}</ul></div>"


def _what(evaluation: Evaluation) -> Iterator[str]:
    yield "<h2>What was evaluated</h2>"
    yield provenance.card_table(evaluation).html()
    yield provenance.policy_table(evaluation).html()
    yield provenance.session_table(evaluation).html()
    sentences = list(resolution(evaluation))
    if sentences:
        rows = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        yield "<h3>What this number of trials can resolve</h3>"
        yield f"<ul class='plain'>{rows}</ul>"


def _comparisons(block: Block) -> Iterator[str]:
    if block.single:
        yield f"<h2>Comparisons ({escape(block.variant)})</h2>"
        yield results.comparison_table(block.single).html()
    if block.pooled:
        yield "<h3>Over tasks, each a stratum of its own</h3>"
        yield results.comparison_table(block.pooled).html()


def _walks(report: Report) -> Iterator[str]:
    if not report.walks:
        return
    yield "<h2>Sequential test</h2>"
    yield (
        "<p class='lead'>It may be looked at after every pair: whoever stops where a walk crosses "
        "the solid line errs at most once in twenty sessions of equally good policies. After the "
        "last pair the dashed line decides. Each two policies are tested by themselves.</p>"
    )
    by_session = groupby(report.walks, key=lambda walk: walk.source.session.id)
    drawn = (figures.walks(list(found)) for _, found in by_session)
    yield f"<div class='figures'>{''.join(drawn)}</div>"


def _task(block: Block, part: Part) -> Iterator[str]:
    head = f"<h2>{escape(results.words(part.card.task))} ({escape(block.variant)})</h2>"
    if not part.trials:
        yield f"{head}<p>No trial counts yet.</p>"
        return
    caption = "One column a placement: policies in it began with things lying alike."
    drawing = figures.outcome_grid(block, part) + figures.marks()
    yield f"<div class='keep'>{head}<div class='maps'>"
    yield figures.figure(drawing, caption, "Trial by trial")
    yield figures.figure(figures.failures(block, part), title="What became of the trials")
    yield "</div></div>"
    maps = list(figures.maps(block, part))
    if maps:
        yield "<div class='keep'><h3>Over the table</h3><p class='faint'>Successes of trials by "
        yield "cell of the task's grid, seen from above, the robot below; darker is better.</p>"
        yield f"<div class='maps'>{''.join(maps)}</div></div>"
    yield details.course_table(block, part).html()


def _kinds(evaluation: Evaluation) -> Iterator[str]:
    there = {kind for part in evaluation.parts for kind in details.kinds_in(part)}
    if there:
        told = "; ".join(
            f"<b>{escape(kind)}</b>: {escape(meaning.removeprefix(f'{kind}: '))}"
            for kind, meaning in details.kind_meanings(there)
        )
        yield f"<p class='faint'>Types of failure. {told}.</p>"


def _timing(evaluation: Evaluation) -> Iterator[str]:
    if any(trial.record.figures for trial in evaluation.trials):
        yield "<h2>Timing and safety</h2>"
        yield details.timing_table(evaluation).html()


def _failed(report: Report) -> Iterator[str]:
    failed = [trial for trial in report.evaluation.trials if not trial.record.success]
    if not failed:
        return
    yield f"<h2>Failed trials ({len(failed)})</h2>"
    shown = [trial for trial in failed if place(trial) in report.strips]
    if shown:
        yield f"<div class='stills'>{''.join(_still(report, trial) for trial in shown)}</div>"
    rest = [trial for trial in failed if place(trial) not in report.strips]
    if rest:
        table = details.failed_table(report.evaluation, rest, report.folder)
        yield f"<div class='dense'>{table.html()}</div>"


def _still(report: Report, trial: Played) -> str:
    data = base64.b64encode(report.strips[place(trial)]).decode()
    return (
        f"<div class='still'><b>{escape(report.evaluation.name(trial.player))}</b> "
        f"{escape(details.how_failed(trial))}"
        f"<img alt='frames of the trial' src='data:image/jpeg;base64,{data}'>"
        f"<small>{escape(trial.title)}; {escape(trial.source.name)}, {trial.label}</small>"
        f"<small>{escape(details.remarks(trial))} {linked(details.links(trial, report.folder))}"
        "</small></div>"
    )


def _lists(evaluation: Evaluation) -> Iterator[str]:
    lists: tuple[tuple[str, Table], ...] = (
        ("Invalid attempts, not counted", details.invalid_table(evaluation)),
        ("Judged anew", details.amended_table(evaluation)),
        ("Notes", details.notes_table(evaluation)),
    )
    for name, table in lists:
        if table.rows:
            yield f"<h2>{name} ({len(table.rows)})</h2>{table.html()}"


def _footer() -> str:
    return (
        "<footer>Every figure comes from the sessions' trials.jsonl; report.csv has them trial by "
        f"trial. The paper's figures: <a href='{PAPER}'>VEGA, arXiv 2605.10485</a>, Table 3."
        "</footer>"
    )
