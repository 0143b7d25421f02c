"""The figures of the page, from what was analysed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from vega_eval.failure_types import FAILURE_TYPES
from vega_eval.report.analysis import Block, count, estimate, summed
from vega_eval.report.details import UNKNOWN, failure_kinds, kind_name, kinds_in
from vega_eval.report.drawing.bars import Bar, Share, bars, stacked
from vega_eval.report.drawing.boundary import boundary
from vega_eval.report.drawing.canvas import colour
from vega_eval.report.drawing.outcomes import Cell, Mark, grid, heat, key
from vega_eval.report.evaluation import Part, Played, Player
from vega_eval.report.results import paper_cells, told, words
from vega_eval.report.walks import Walk
from vega_eval.statistics import Estimate

_SHADES = {"success": ("#1a7f4b", "#fff"), UNKNOWN: ("#20262e", "#fff")}


def _shade(kind: str) -> tuple[str, str]:
    """The colours of a piece and of the text on it."""
    return _SHADES[kind] if kind in _SHADES else FAILURE_TYPES.get(kind).colours


def figure(drawing: str, caption: str = "", title: str = "") -> str:
    """A drawing with its words; kept whole in print."""
    head = f"<h3>{escape(title)}</h3>" if title else ""
    foot = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{head}{drawing}{foot}</figure>"


def intervals(block: Block) -> Iterator[str]:
    """Bars of each task, and of the mean over tasks."""
    paper = list(paper_cells(block))
    for number, part in enumerate(block.parts):
        rows = [
            _bar(player.name, estimate(counted), told(counted), place)
            for place, player in enumerate(block.players)
            if (counted := count(part, player)).trials
        ]
        for method, counts in paper:
            cell = counts[number]
            if cell:
                rows.append(_bar(f"{method} (paper)", estimate(cell), told(cell), None))
        if rows:
            yield figure(bars(rows, f"success rates, {part.title}"), title=words(part.card.task))
    if len(block.parts) > 1:
        rows = [
            _bar(player.name, estimate(total), told(total), place)
            for place, player in enumerate(block.players)
            if (total := block.total(player)).trials
        ]
        for method, counts in paper:
            known = summed(counted for counted in counts if counted)
            if all(counts):
                rows.append(_bar(f"{method} (paper)", estimate(known), told(known), None))
        title = f"All {len(block.parts)} tasks"
        yield figure(bars(rows, f"success rates, {title}"), title=title)


def _bar(name: str, found: Estimate, shown: str, place: int | None) -> Bar:
    return Bar(
        name=name,
        rate=found.value,
        low=found.interval.low,
        high=found.interval.high,
        told=shown,
        colour=colour(place or 0),
        paper=place is None,
    )


def outcome_grid(block: Block, part: Part) -> str:
    """Policies by placements."""
    scenes = part.scenes()
    rows = []
    for player in block.players:
        played = part.at(player)
        if played:
            rows.append((player.name, [_mark(played.get(scene)) for scene in scenes]))
    columns = [str(number) for number in range(1, len(scenes) + 1)]
    return grid(columns, rows)


def _mark(played: Played | None) -> Mark | None:
    if played is None:
        return None
    record = played.record
    verdict = record.verdict
    place = played.source.session.placements[record.placement].description
    failed = f", {kind_name(verdict.failure_type.value)}" if verdict.failure_type else ""
    return Mark(
        verdict.outcome,
        f"{played.source.name}, {played.label}: {verdict.outcome.value}{failed}; {place}",
    )


def marks() -> str:
    """The key of the grid."""
    shown = "".join(f"<span>{drawing}{word}</span>" for drawing, word in key())
    return f"<p class='marks'>{shown}</p>"


def maps(block: Block, part: Part) -> Iterator[str]:
    """Successes over the table, policy by policy; none where the task has no grid."""
    cells = [place.cell for s in part.sources for place in s.session.placements if place.cell]
    if not cells:
        return
    size = max(cell[0] for cell in cells), max(cell[1] for cell in cells)
    for player in block.players:
        counts = _by_cell(part, player)
        if counts:
            drawing = heat(size, counts, f"successes of {player.name} by cell, {part.title}")
            yield figure(drawing, title=player.name)


def _by_cell(part: Part, player: Player) -> dict[Cell, tuple[int, int]]:
    counts: dict[Cell, tuple[int, int]] = {}
    for trial in part.of(player):
        if trial.record.cell:
            successes, trials = counts.get(trial.record.cell, (0, 0))
            counts[trial.record.cell] = successes + trial.record.success, trials + 1
    return counts


def failures(block: Block, part: Part) -> str:
    """What became of each policy's trials."""
    kinds = kinds_in(part)
    rows = []
    for player in block.players:
        trials = part.of(player)
        there = failure_kinds(trials)
        counts = {"success": len(trials) - sum(there.values()), **{k: there[k] for k in kinds}}
        shares = [
            Share(kind_name(kind), number, *_shade(kind))
            for kind, number in counts.items()
            if number
        ]
        if trials:
            rows.append((player.name, shares))
    drawing = stacked(rows, f"successes and failure types, {part.title}")
    swatches = "".join(
        f"<span><i style='background:{_shade(kind)[0]}'></i>{escape(kind_name(kind))}</span>"
        for kind in ("success", *kinds)
    )
    return f"{drawing}<p class='marks'>{swatches}</p>"


def walks(found: Sequence[Walk]) -> str:
    """The sequential tests of a session in one picture."""
    test, card = found[0].test.boundary, found[0].source.session.card
    title = f"{words(card.task)} ({card.variant})"
    drawing = boundary(
        test.early, test.last, [walk.outcomes for walk in found], f"sequential test, {title}"
    )
    legend = "".join(
        f"<span><b style='background:{colour(number)}'>{number + 1}</b>"
        f"{escape(f'{walk.first.name} (up) and {walk.second.name}: {walk.words}')}</span>"
        for number, walk in enumerate(found)
    )
    return figure(f"{drawing}<p class='marks'>{legend}</p>", found[0].source.name, title)
