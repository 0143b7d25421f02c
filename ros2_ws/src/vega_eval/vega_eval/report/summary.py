"""What a report says in words before any table: what it is about, and who is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vega_eval.report.analysis import Comparison, SequentialTrace, VariantAnalysis
from vega_eval.report.evaluation import Evaluation
from vega_eval.report.reading import short
from vega_eval.report.results import minute, p_value, ratio, task_title, totals
from vega_eval.statistics import SequentialState, resolution_sentences

_ROBOTS = {
    "real": "the real robot",
    "emulated": "emulated arms and cameras",
    "sim": "the digital twin, through ROS",
    "twin": "the digital twin, without ROS",
}
_MOST_NAMED = 4


def title(evaluation: Evaluation) -> str:
    """Who was evaluated at what."""
    names = [policy.name for policy in evaluation.policies]
    shown = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} policies"
    tasks = list(dict.fromkeys(task_title(part.task_spec.task) for part in evaluation.parts))
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
    yield from _against_itself(evaluation)


def _against_itself(evaluation: Evaluation) -> Iterator[str]:
    """Which policies are the same checkpoint: what differs between them is chance."""
    known = [policy for policy in evaluation.policies if policy.checkpoint is not None]
    names: dict[str, list[str]] = {}
    for policy in known:
        assert policy.checkpoint is not None
        names.setdefault(policy.checkpoint.sha256, []).append(policy.name)
    for same in names.values():
        if len(same) > 1:
            yield f"A/A: {' and '.join(same)} are the same checkpoint, what differs is chance"


def tiles(evaluation: Evaluation) -> Iterator[tuple[int, str]]:
    """The numbers of things."""
    tasks = {part.task_spec.task for part in evaluation.parts}
    scenes = {(part.title, scene) for part in evaluation.parts for scene in part.scenes()}
    for number, one, many in (
        (len(evaluation.trials), "valid trial", "valid trials"),
        (len(evaluation.policies), "policy", "policies"),
        (len(tasks), "task", "tasks"),
        (len(scenes), "placement", "placements"),
        (len(evaluation.sources), "session", "sessions"),
        (len(evaluation.invalid), "invalid attempt", "invalid attempts"),
    ):
        yield number, one if number == 1 else many


def resolution(evaluation: Evaluation) -> Iterator[str]:
    """What this number of trials of each policy and task can resolve."""
    counts = [len(part.of(policy)) for part in evaluation.parts for policy in evaluation.policies]
    if max(counts, default=0):
        yield from resolution_sentences(max(counts), len(evaluation.policies))


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
        sizes = {len(part.of(policy)) for policy in evaluation.policies} - {0}
        if len(sizes) > 1:
            yield (
                f"{part.title}: policies have played {min(sizes)} to {max(sizes)} trials; pairs "
                "are formed from the placements that two policies share"
            )


class Conclusion(NamedTuple):
    """What a comparison comes to.

    Attributes:
        found: Whether one policy is better.
        text: Which, or that they cannot be told apart.
        evidence: By which figures.
    """

    found: bool
    text: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.text} ({self.evidence})"


def conclusions(block: VariantAnalysis, traces: Sequence[SequentialTrace]) -> Iterator[Conclusion]:
    """One for each two policies: over all tasks, or at the one task that there is.

    Of a session that ended, or stands, before its last pair the sequential test decides: the others
    hold only for a number of trials that was fixed before.
    """
    for found in block.pooled or block.single:
        trace = _to_go_by(found, traces)
        yield _conclusion(found, block, *(_by_trace(trace) if trace else _by_test(found)))


def _to_go_by(found: Comparison, traces: Sequence[SequentialTrace]) -> SequentialTrace | None:
    sources = [source for part in found.parts for source in part.sources]
    if len(sources) != 1 or not sources[0].status.missing:
        return None
    both = {found.first.policy_id, found.second.policy_id}
    mine = (trace for trace in traces if trace.source.session.id == sources[0].session.id)
    return next((w for w in mine if {w.first.policy_id, w.second.policy_id} == both), None)


def _by_trace(trace: SequentialTrace) -> tuple[str, str]:
    decision = trace.decision
    better = {
        SequentialState.A_BETTER: trace.first.name,
        SequentialState.B_BETTER: trace.second.name,
    }
    pairs = f"sequential test after {decision.pairs} of {trace.test.max_pairs} pairs"
    known = "" if decision.p_value is None else f", {_equals(decision.p_value)}"
    return better.get(decision.state, ""), pairs + known


def _by_test(found: Comparison) -> tuple[str, str]:
    ahead = found.first if found.difference.value > 0 else found.second
    return ahead.name if found.significant else "", _equals(found.adjusted)


def _conclusion(found: Comparison, block: VariantAnalysis, better: str, how: str) -> Conclusion:
    first, second = totals(found)
    ahead, behind = (found.first.name, first), (found.second.name, second)
    if better == behind[0] or (not better and found.difference.value < 0):
        ahead, behind = behind, ahead
    where = _where(found, block)
    text = (
        f"{ahead[0]} is better than {behind[0]} {where}"
        if better
        else f"{ahead[0]} and {behind[0]} cannot be told apart {where}"
    )
    return Conclusion(bool(better), text, f"{ratio(ahead[1])} against {ratio(behind[1])}, {how}")


def _equals(p: float) -> str:
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def _where(found: Comparison, block: VariantAnalysis) -> str:
    if len(found.parts) == 1:
        return f"at {found.parts[0].title}"
    return f"over {len(found.parts)} tasks ({block.variant})"
