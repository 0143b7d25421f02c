"""report.md: the tables, and in words what the figures show."""

from __future__ import annotations

from collections.abc import Iterator

from vega_eval.paper_results import PAPER
from vega_eval.report import details, provenance, results
from vega_eval.report.analysis import Block
from vega_eval.report.evaluation import Evaluation
from vega_eval.report.layout import Table, plain
from vega_eval.report.page import Report
from vega_eval.report.story import facts, problems, resolution, title
from vega_eval.report.verdicts import verdicts


def markdown(report: Report) -> str:
    """The whole file."""
    return "\n".join(_parts(report)).rstrip() + "\n"


def _parts(report: Report) -> Iterator[str]:
    evaluation = report.evaluation
    yield f"# {plain(title(evaluation))}\n"
    yield plain("; ".join(facts(evaluation))) + "\n"
    said = [str(v) for block in report.blocks for v in verdicts(block, report.walks)]
    yield _list(said)
    for block in report.blocks:
        yield f"## Success ({plain(block.variant)})\n"
        yield results.success_table(block).markdown()
    yield from _section("To know before trusting it", _list(list(problems(evaluation))))
    yield "## What was evaluated\n"
    yield provenance.card_table(evaluation).markdown()
    yield provenance.policy_table(evaluation).markdown()
    yield provenance.session_table(evaluation).markdown()
    yield from _section(
        "What this number of trials can resolve", _list(list(resolution(evaluation)))
    )
    for block in report.blocks:
        yield from _block(block)
    walks = [
        f"{walk.source.name}, {walk.first.name} and {walk.second.name}: {walk.words}"
        for walk in report.walks
    ]
    yield from _section("Sequential test", _list(walks))
    yield from _tables(evaluation)
    yield f"The paper's figures: [VEGA, arXiv 2605.10485]({PAPER}), Table 3."


def _block(block: Block) -> Iterator[str]:
    if block.single:
        yield f"## Comparisons ({plain(block.variant)})\n"
        yield results.comparison_table(block.single).markdown()
    if block.pooled:
        yield "### Over tasks, each a stratum of its own\n"
        yield results.comparison_table(block.pooled).markdown()
    for part in block.parts:
        if part.trials:
            yield f"## {plain(results.words(part.card.task))} ({plain(block.variant)})\n"
            yield details.course_table(block, part).markdown()


def _tables(evaluation: Evaluation) -> Iterator[str]:
    tables: tuple[tuple[str, Table], ...] = (
        ("Timing and safety", details.timing_table(evaluation)),
        ("Invalid attempts, not counted", details.invalid_table(evaluation)),
        ("Judged anew", details.amended_table(evaluation)),
        ("Notes", details.notes_table(evaluation)),
    )
    for name, table in tables:
        if table.rows:
            yield from _section(name, table.markdown())


def _section(name: str, content: str) -> Iterator[str]:
    if content:
        yield f"## {name}\n"
        yield content


def _list(sentences: list[str]) -> str:
    return "".join(f"- {plain(sentence)}\n" for sentence in sentences)
