"""What a report says in words before any table."""

from __future__ import annotations

from collections.abc import Iterator

from vega_eval.report.evaluation import Evaluation
from vega_eval.report.provenance import minute
from vega_eval.report.reading import short
from vega_eval.report.results import words
from vega_eval.statistics import resolution_sentences

_ROBOTS = {
    "real": "the real robot",
    "emulated": "emulated arms and cameras",
    "sim": "the digital twin, through ROS",
    "twin": "the digital twin, without ROS",
}
_MOST_NAMED = 4


def title(evaluation: Evaluation) -> str:
    """Who was evaluated at what."""
    names = [player.name for player in evaluation.players]
    shown = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} policies"
    tasks = list(dict.fromkeys(words(part.card.task) for part in evaluation.parts))
    where = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
    return f"{where}: {shown}"


def facts(evaluation: Evaluation) -> Iterator[str]:
    """Where, when and by whom."""
    sessions = [source.session for source in evaluation.sources]
    ends = [trial.record.ended for trial in evaluation.trials]
    first = sessions[0]
    yield f"on {_ROBOTS[first.robot]}"
    yield f"{minute(first.created)} to {minute(max([first.created, *ends]))} UTC"
    operators = {t.record.operator for t in evaluation.trials} | {s.operator for s in sessions}
    if named := ", ".join(sorted(operators - {""})):
        yield f"operator {named}"
    yield "judged by rules" if first.judge == "rules" else "judged by the operator"
    yield f"hw_config {short(first.config_sha256)}"
    yield f"code {', '.join(sorted({short(session.commit) for session in sessions}))}"
    if first.timing:
        yield ", ".join(f"{name} {steps}" for name, steps in first.timing.items())
    if evaluation.blinded:
        yield "policies are hidden behind letters"


def tiles(evaluation: Evaluation) -> Iterator[tuple[int, str]]:
    """The numbers of things."""
    tasks = {part.card.task for part in evaluation.parts}
    scenes = {(part.title, scene) for part in evaluation.parts for scene in part.scenes()}
    for number, one, many in (
        (len(evaluation.trials), "valid trial", "valid trials"),
        (len(evaluation.players), "policy", "policies"),
        (len(tasks), "task", "tasks"),
        (len(scenes), "placement", "placements"),
        (len(evaluation.sources), "session", "sessions"),
        (len(evaluation.invalid), "invalid attempt", "invalid attempts"),
    ):
        yield number, one if number == 1 else many


def resolution(evaluation: Evaluation) -> Iterator[str]:
    """What this number of trials of each policy and task can resolve."""
    counts = [len(part.of(player)) for part in evaluation.parts for player in evaluation.players]
    if max(counts, default=0):
        yield from resolution_sentences(max(counts), len(evaluation.players))


def problems(evaluation: Evaluation) -> Iterator[str]:
    """What readers must know before they trust the figures."""
    for source in evaluation.sources:
        for problem in source.problems:
            yield f"{source.name}: {problem}"
    helped = [
        trial
        for trial in evaluation.trials
        if trial.record.success and trial.record.figures and trial.record.figures.interventions
    ]
    if helped:
        where = ", ".join(f"{trial.source.name} {trial.label}" for trial in helped)
        yield f"successes in which a person took over or helped: {where}"
    for part in evaluation.parts:
        sizes = {len(part.of(player)) for player in evaluation.players} - {0}
        if len(sizes) > 1:
            yield (
                f"{part.title}: policies have played {min(sizes)} to {max(sizes)} trials; pairs "
                "are formed from the placements that two policies share"
            )
