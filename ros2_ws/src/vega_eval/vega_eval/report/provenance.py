"""Tables of what was evaluated: tasks, checkpoints, sessions."""

from __future__ import annotations

from vega_eval.report.evaluation import Evaluation
from vega_eval.report.layout import Row, Table
from vega_eval.report.reading import short
from vega_eval.report.results import NONE, words


def card_table(evaluation: Evaluation) -> Table:
    """What was asked for."""
    rows = [
        Row(
            (
                f"{words(part.card.task)}\n{part.title}",
                part.card.instruction,
                part.card.success,
                f"{part.card.time_limit_s:g} s",
            )
        )
        for part in evaluation.parts
    ]
    return Table(("Task", "Instruction", "Success", "Time limit"), tuple(rows), figures=3)


def policy_table(evaluation: Evaluation) -> Table:
    """Which checkpoints were played."""
    rows = []
    for player in evaluation.players:
        known = player.policy
        trials = sum(trial.player == player.identity for trial in evaluation.trials)
        facts = (known.recipe, known.sha256, known.commit) if known else ("hidden", "", "")
        recipe, sha256, commit = facts
        rows.append(
            Row(
                (
                    player.name,
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
        valid = source.standing.valid
        ended = valid[-1].ended if valid else session.created
        people = {session.operator, *(r.operator for r in valid)} - {""}
        light = {session.lighting, *(r.lighting for r in valid)} - {""}
        rows.append(
            Row(
                (
                    f"{source.name}\n{short(session.id)}",
                    f"{session.card.task} ({session.card.variant})",
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
