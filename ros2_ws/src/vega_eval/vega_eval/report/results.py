"""The tables that an evaluation is made for, and those of tasks, checkpoints and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from math import floor

from vega_eval.paper_results import paper_table
from vega_eval.report.analysis import Comparison, VariantAnalysis, count, estimate, summed
from vega_eval.report.evaluation import Evaluation, PolicyEntry
from vega_eval.report.reading import short
from vega_eval.report.table import Table, TableRow
from vega_eval.statistics import Count, Estimate

NONE = "–"
_TINY = 1e-9  # far below what is shown: 0.475 counts as a half although no float is
PAPER_STYLE = "paper"
_PAPER = paper_table("3")


def paper_cells(block: VariantAnalysis) -> Iterator[tuple[str, list[Count | None]]]:
    """The paper's figures of a block's tasks, by method.

    Its real tasks have no harder variant: they stand beside the easy one only.
    """
    if block.variant != "easy":
        return
    for row in _PAPER.rows:
        cells = [_PAPER.cell(row.method, part.task_spec.task) for part in block.parts]
        if any(cells):
            yield row.method, [Count(*cell) if cell else None for cell in cells]


def success_table(block: VariantAnalysis) -> Table:
    """Success rates in the form of the paper's Table 3, and the paper's own below."""
    several = len(block.parts) > 1
    rows = [TableRow((p.name, *_cells(block, p))) for p in block.policies]
    paper = list(paper_cells(block))
    for method, counts in paper:
        cells = [_rate(counted) if counted else NONE for counted in counts]
        known = [counted for counted in counts if counted]
        if several:
            cells.append(_rate(summed(known), over=_over(len(known), block)))
        rows.append(TableRow((f"{method}\nthe paper's, n = {_PAPER.trials}", *cells), PAPER_STYLE))
    groups = [("", 1), *_groups(block), *([("", 1)] if several else [])]
    return Table(
        head=(
            "Method",
            *(task_title(part.task_spec.task) for part in block.parts),
            *["AVG"] * several,
        ),
        rows=tuple(rows),
        groups=tuple(groups),
        note=_how_to_read(block, bool(paper)),
    )


def task_title(task: str) -> str:
    """A task's name for people."""
    return task.replace("_", " ").capitalize()


def _groups(block: VariantAnalysis) -> Iterator[tuple[str, int]]:
    for group, parts in groupby(block.parts, key=lambda part: part.group):
        yield f"{group} Tasks", len(list(parts))


def _how_to_read(block: VariantAnalysis, paper: bool) -> str:
    notes = [
        "Success rate; below, successes of valid trials and the 95 % Clopper-Pearson interval.",
    ]
    if len(block.parts) > 1:
        notes.append("AVG is over all trials: the mean over tasks where each has as many of them.")
    if len(block.policies) > 2:
        notes.append(
            "Policies of a column that share a letter cannot be told apart (Holm over all "
            "comparisons of the table below)."
        )
    if paper:
        notes.append(
            "The paper's rows were measured on another robot, with other placements and by other "
            "judges: to be read beside, not to be tested against."
        )
        notes += [note.text for note in _PAPER.notes if not note.methods]
    return " ".join(notes)


def _cells(block: VariantAnalysis, policy: PolicyEntry) -> Iterator[str]:
    for part in block.parts:
        counted = count(part, policy)
        mark = block.letters(block.at(part)).get(policy.policy_id, "")
        yield _rate(counted, mark) if counted.trials else NONE
    if len(block.parts) > 1:
        total = block.total(policy)
        mark = block.letters(block.pooled).get(policy.policy_id, "") if _whole(block) else ""
        over = _over(sum(1 for part in block.parts if part.of(policy)), block)
        yield _rate(total, mark, over) if total.trials else NONE


def _over(played: int, block: VariantAnalysis) -> str:
    tasks = len(block.parts)
    return f"over {played} of {tasks} tasks" if played < tasks else ""


def _whole(block: VariantAnalysis) -> bool:
    """Whether all pooled comparisons are over all tasks, so that their letters go together."""
    return all(found.parts == block.parts for found in block.pooled)


def _rate(counted: Count, mark: str = "", over: str = "") -> str:
    found = estimate(counted)
    first = f"{rate(found.value)} {mark}".rstrip()
    return "\n".join(filter(None, (first, f"{ratio(counted)} {interval(found)}", over)))


def rate(value: float, signed: bool = False) -> str:
    """A rate, or with its sign a difference, for people; halves are rounded up as in print."""
    hundredths = floor(abs(value) * 100 + 0.5 + _TINY)
    minus = "−" if value < 0 and hundredths else "+" if signed and hundredths else ""
    return f"{minus}{hundredths / 100:.2f}"


def interval(found: Estimate, signed: bool = False) -> str:
    """The limits for people."""
    return f"[{rate(found.interval.low, signed)}, {rate(found.interval.high, signed)}]"


def ratio(counted: Count) -> str:
    """Successes of trials."""
    return f"{counted.successes}/{counted.trials}"


def p_value(p: float) -> str:
    """A p-value for people."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def comparison_table(comparisons: tuple[Comparison, ...]) -> Table:
    """Every comparison with its test."""
    return Table(
        head=("Task", "A", "B", "Outcomes", "Test", "A − B", "p", "p, Holm", "P(A > B)"),
        rows=tuple(_compared(found) for found in comparisons),
        figures=5,
        note=_how_compared(comparisons),
    )


def _compared(found: Comparison) -> TableRow:
    many = len(found.parts)
    task = f"{many} tasks" if many > 1 else task_title(found.parts[0].task_spec.task)
    first, second = totals(found)
    return TableRow(
        (
            task,
            f"{found.first.name}\n{ratio(first)}",
            f"{found.second.name}\n{ratio(second)}",
            _outcomes(found),
            found.test,
            f"{rate(found.difference.value, signed=True)}\n{interval(found.difference, True)}",
            p_value(found.p),
            p_value(found.adjusted),
            NONE if found.better is None else _belief(found.better),
        ),
        "told" if found.significant else "",
    )


def _belief(probability: float) -> str:
    if probability < 0.005:
        return "< 0.01"
    return "> 0.99" if probability > 0.995 else rate(probability)


def totals(found: Comparison) -> tuple[Count, Count]:
    """What was compared: successes and trials of each over all its tasks."""
    counts = [(s.pairs.a, s.pairs.b) if s.pairs else (s.first, s.second) for s in found.sides]
    first, second = zip(*counts)
    return summed(first), summed(second)


def _outcomes(found: Comparison) -> str:
    pairs = [side.pairs for side in found.sides if side.pairs]
    if not pairs:
        return "placements of their own"
    both, a, b, neither = (
        sum(getattr(pair, field) for pair in pairs)
        for field in ("both", "only_a", "only_b", "neither")
    )
    return f"only A {a}, only B {b}\nboth {both}, neither {neither}"


def _how_compared(comparisons: tuple[Comparison, ...]) -> str:
    tests = {found.test for found in comparisons}
    notes = []
    if any(test.startswith("McNemar") for test in tests):
        notes.append("Paired on shared placements: exact McNemar test, Newcombe's interval.")
    if tests & {"Barnard", "Mantel-Haenszel"}:
        notes.append(
            "On placements of their own: Barnard's exact test (over several tasks the exact "
            "Mantel-Haenszel test), Newcombe's interval."
        )
    notes.append("All p are two-sided; Holm is over all rows of this table.")
    if any(found.better is not None for found in comparisons):
        notes.append("P(A > B) is from uniform priors on both rates.")
    return " ".join(notes)


def card_table(evaluation: Evaluation) -> Table:
    """What was asked for."""
    rows = [
        TableRow(
            (
                f"{task_title(part.task_spec.task)}\n{part.title}",
                part.task_spec.instruction,
                part.task_spec.success,
                f"{part.task_spec.time_limit_s:g} s",
            )
        )
        for part in evaluation.parts
    ]
    return Table(("Task", "Instruction", "Success", "Time limit"), tuple(rows), figures=3)


def policy_table(evaluation: Evaluation) -> Table:
    """Which checkpoints were played."""
    rows = []
    for policy in evaluation.policies:
        known = policy.checkpoint
        trials = sum(trial.policy_id == policy.policy_id for trial in evaluation.trials)
        facts = (known.recipe, known.sha256, known.commit) if known else ("hidden", "", "")
        recipe, sha256, commit = facts
        rows.append(
            TableRow(
                (
                    policy.name,
                    recipe or NONE,
                    f"{sha256[:32]}\n{sha256[32:]}" if sha256 else NONE,
                    short(commit) if commit else NONE,
                    str(trials),
                )
            )
        )
    head = ("Policy", "Recipe", "Checkpoint SHA-256", "Trained by commit", "Trials")
    return Table(head, tuple(rows), figures=4)


def session_table(evaluation: Evaluation) -> Table:
    """Which sessions were read."""
    rows = []
    for source in evaluation.sources:
        session = source.session
        valid = source.status.valid
        ended = valid[-1].ended if valid else session.created
        people = {session.operator, *(r.operator for r in valid)} - {""}
        light = {session.lighting, *(r.lighting for r in valid)} - {""}
        rows.append(
            TableRow(
                (
                    f"{source.name}\n{short(session.id)}",
                    f"{session.task_spec.task} ({session.task_spec.variant})",
                    f"{minute(session.created)}\nto {minute(ended)}",
                    ", ".join(sorted(people)) or NONE,
                    "; ".join(sorted(light)) or NONE,
                    short(session.commit),
                    str(session.seed),
                    f"{len(valid)} of {len(session.schedule)}",
                    source.closing or "open",
                )
            )
        )
    return Table(
        (
            "Session",
            "Task",
            "UTC",
            "Operator",
            "Light",
            "Commit",
            "Seed",
            "Trials",
            "Closed because",
        ),
        tuple(rows),
        figures=9,
    )


def minute(iso: str) -> str:
    """A time of day for people."""
    return iso[:16].replace("T", " ")
