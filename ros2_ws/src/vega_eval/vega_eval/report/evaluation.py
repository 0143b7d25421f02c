"""What a report is about: policies, tasks and the trials that count, from one session or several.

Sessions are put together only where that means something. Those of one report have the same robot
kind, judge, hw_config and simulated timing; those of the same task and variant the same task spec.
A name stands for one checkpoint. On a simulated robot a policy plays a scene once: the same scene
again would count one trial twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import hw_config
from hw_config import ConfigError
from vega_eval.errors import MixError
from vega_eval.paper_results import paper_table
from vega_eval.report.reading import Source, short
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.trials.record import TrialRecord
from vega_eval.trials.session_spec import TaskSpec

SINGLE, BIMANUAL, OTHER = "Single-Arm", "Bimanual", "Other"
_GROUPS = (SINGLE, BIMANUAL, OTHER)
SceneId = tuple[str, int]


@dataclass(frozen=True)
class PolicyEntry:
    """A policy, or the letter behind which it hides.

    Attributes:
        policy_id: See `Source.policy_id`.
        name: For people.
        checkpoint: What is known of it; None while it is hidden.
    """

    policy_id: str
    name: str
    checkpoint: PolicyIdentity | None


@dataclass(frozen=True)
class TrialEntry:
    """One attempt, with where it comes from.

    Attributes:
        source: Its session.
        record: How it went.
        policy_id: Identity of its policy.
        scene: The same for all trials that began with the same placement.
    """

    source: Source
    record: TrialRecord
    policy_id: str
    scene: SceneId

    @property
    def label(self) -> str:
        """Which one it is, for people."""
        again = f", attempt {self.record.attempt}" if self.record.attempt > 1 else ""
        return f"trial {self.record.trial}{again}"

    @property
    def title(self) -> str:
        """Its task and its placement."""
        task_spec = self.source.session.task_spec
        return f"{task_spec.task} ({task_spec.variant}), placement {self.record.placement + 1}"

    @property
    def video(self) -> Path | None:
        """Its video, if it is there."""
        return self._file(self.record.files.video)

    @property
    def recording(self) -> Path | None:
        """Its recording, if it is there."""
        return self._file(self.record.files.recording)

    def _file(self, name: str) -> Path | None:
        path = self.source.folder / name
        return path if name and path.exists() else None


@dataclass(frozen=True)
class TaskTrials:
    """A task in one variant: one column of a table.

    Attributes:
        task_spec: What was asked for.
        group: Single-Arm or Bimanual, as hw_config says.
        sources: Its sessions.
        trials: Those that count, in the order in which they were played.
        invalid: Attempts that do not.
    """

    task_spec: TaskSpec
    group: str
    sources: tuple[Source, ...]
    trials: tuple[TrialEntry, ...]
    invalid: tuple[TrialEntry, ...]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.task_spec.task} ({self.task_spec.variant})"

    def of(self, policy: PolicyEntry) -> tuple[TrialEntry, ...]:
        """The trials of a policy that count."""
        return tuple(trial for trial in self.trials if trial.policy_id == policy.policy_id)

    def scenes(self) -> tuple[SceneId, ...]:
        """All that were played, in order."""
        return tuple(dict.fromkeys(trial.scene for trial in self.trials))

    def at(self, policy: PolicyEntry) -> dict[SceneId, TrialEntry]:
        """A policy's trials by scene."""
        return {trial.scene: trial for trial in self.of(policy)}


@dataclass(frozen=True)
class Evaluation:
    """Everything that one report tells of.

    Attributes:
        sources: Sessions, oldest first.
        policies: Policies by name.
        parts: Tasks: easy before hard, single-arm before bimanual, then as the paper has them.
        blinded: Whether policies hide behind letters.
    """

    sources: tuple[Source, ...]
    policies: tuple[PolicyEntry, ...]
    parts: tuple[TaskTrials, ...]
    blinded: bool

    @property
    def robot(self) -> str:
        """What stood behind the topics; the same for all."""
        return self.sources[0].session.robot

    @property
    def variants(self) -> tuple[str, ...]:
        """Those that were played, in order."""
        return tuple(dict.fromkeys(part.task_spec.variant for part in self.parts))

    def block(self, variant: str) -> tuple[TaskTrials, ...]:
        """The tasks of a variant."""
        return tuple(part for part in self.parts if part.task_spec.variant == variant)

    @property
    def trials(self) -> tuple[TrialEntry, ...]:
        """All that count."""
        return tuple(trial for part in self.parts for trial in part.trials)

    @property
    def invalid(self) -> tuple[TrialEntry, ...]:
        """All attempts that do not."""
        return tuple(trial for part in self.parts for trial in part.invalid)

    def name(self, policy_id: str) -> str:
        """A policy's name."""
        return next(policy.name for policy in self.policies if policy.policy_id == policy_id)


def group_of(task: str) -> str:
    """How many arms a task takes, as hw_config has it; a task that it lacks is `Other`."""
    try:
        return SINGLE if len(hw_config.load_task(task).arms) == 1 else BIMANUAL
    except ConfigError:
        return OTHER


def rank(task_spec: TaskSpec, group: str) -> tuple[bool, str, int, int, str]:
    """Sorts tasks as the paper does."""
    known = [column.task for column in paper_table("3").columns]
    place = known.index(task_spec.task) if task_spec.task in known else len(known)
    return (
        task_spec.variant != "easy",
        task_spec.variant,
        _GROUPS.index(group),
        place,
        task_spec.task,
    )


def merge(sources: Sequence[Source]) -> Evaluation:
    """One evaluation of sessions that may be mixed.

    Raises:
        MixError: They may not; says which and what to do.
    """
    ordered = sorted(sources, key=lambda source: source.session.created)
    for first, second in itertools.combinations(ordered, 2):
        _refuse_pair(first, second)
    policies = _policies(ordered)
    specs = {
        (s.session.task_spec.task, s.session.task_spec.variant): s.session.task_spec
        for s in ordered
    }
    parts = [_part(task_spec, ordered) for task_spec in specs.values()]
    return Evaluation(
        sources=tuple(ordered),
        policies=policies,
        parts=tuple(sorted(parts, key=lambda part: rank(part.task_spec, part.group))),
        blinded=any(source.key is None for source in ordered),
    )


@dataclass(frozen=True)
class _Rule:
    """Something that must be the same.

    Attributes:
        what: For people.
        of: Its value.
        shown: How the value is told.
        remedy: What to do when it differs.
    """

    what: str
    of: Callable[[Source], object]
    shown: Callable[[Source], str]
    remedy: str


_ALWAYS = (
    _Rule(
        "the robot",
        lambda s: s.session.robot,
        lambda s: s.session.robot,
        "a robot, its emulation and a simulation are no samples of the same thing: "
        "report them apart",
    ),
    _Rule(
        "who judged",
        lambda s: s.session.judge,
        lambda s: s.session.judge,
        "report them apart",
    ),
    _Rule(
        "hw_config",
        lambda s: s.session.config_sha256,
        lambda s: short(s.session.config_sha256),
        "report them apart, or evaluate again with one configuration",
    ),
    _Rule(
        "the timing of chunks",
        lambda s: s.session.timing,
        lambda s: ", ".join(f"{k} {v}" for k, v in s.session.timing.items()) or "not simulated",
        "report them apart, or evaluate again with one timing",
    ),
)
_SAME_TASK = (
    _Rule(
        "what counts as success",
        lambda s: s.session.task_spec.success,
        lambda s: repr(s.session.task_spec.success),
        "report them apart",
    ),
    _Rule(
        "the time limit",
        lambda s: s.session.task_spec.time_limit_s,
        lambda s: f"{s.session.task_spec.time_limit_s:g} s",
        "report them apart",
    ),
    _Rule(
        "the instruction",
        lambda s: s.session.task_spec.instruction,
        lambda s: repr(s.session.task_spec.instruction),
        "report them apart",
    ),
    _Rule(
        "the milestones",
        lambda s: s.session.task_spec.milestones,
        lambda s: ", ".join(s.session.task_spec.milestones),
        "report them apart",
    ),
)


def _refuse_pair(first: Source, second: Source) -> None:
    if first.session.id == second.session.id:
        raise MixError(
            f"{first.folder} and {second.folder} are the same session "
            f"({short(first.session.id)}): give it once"
        )
    if first.key is None or second.key is None:
        raise MixError(
            f"{first.folder} and {second.folder}: letters mean other policies in every session; "
            "give one session with --blinded, or close them all"
        )
    for rule in _ALWAYS:
        _refuse_difference(rule, first, second)
    if _task(first) == _task(second):
        for rule in _SAME_TASK:
            _refuse_difference(rule, first, second)
        _refuse_scenes(first, second)
    _refuse_names(first, second)


def _refuse_difference(rule: _Rule, first: Source, second: Source) -> None:
    if rule.of(first) != rule.of(second):
        raise MixError(
            f"{first.folder} and {second.folder} may not be mixed: {rule.what} differs, "
            f"{rule.shown(first)} in the first and {rule.shown(second)} in the second; "
            f"{rule.remedy}"
        )


def _refuse_scenes(first: Source, second: Source) -> None:
    """A simulated scene shows a policy's answer to it; played again it is the same sample."""
    twice = {(t.policy_id, t.scene) for t in _valid(first)} & {
        (t.policy_id, t.scene) for t in _valid(second)
    }
    if twice:
        some = sorted(scene[1] for _, scene in twice)
        raise MixError(
            f"{first.folder} and {second.folder} may not be mixed: the same policy has played "
            f"the same {len(some)} simulated scenes in both (seeds {', '.join(map(str, some[:3]))}"
            f"{', ...' * (len(some) > 3)}), which would count one trial twice; give one of them, "
            "or evaluate again with another seed"
        )


def _refuse_names(first: Source, second: Source) -> None:
    assert first.key is not None
    assert second.key is not None
    for mine, other in itertools.product(first.key.policies.values(), second.key.policies.values()):
        if mine.name == other.name and mine.sha256 != other.sha256:
            raise MixError(
                f"{first.folder} and {second.folder} may not be mixed: {mine.name!r} is checkpoint "
                f"{short(mine.sha256)} in the first and {short(other.sha256)} in the second; "
                "report them apart, or evaluate again from folders with names of their own"
            )


def _task(source: Source) -> tuple[str, str]:
    return source.session.task_spec.task, source.session.task_spec.variant


def _policies(sources: Sequence[Source]) -> tuple[PolicyEntry, ...]:
    found: dict[str, PolicyEntry] = {}
    for source in sources:
        for letter in source.session.policies:
            policy_id = source.policy_id(letter)
            found.setdefault(policy_id, _policy(source, letter, policy_id))
    return tuple(sorted(found.values(), key=lambda policy: (policy.name, policy.policy_id)))


def _policy(source: Source, letter: str, policy_id: str) -> PolicyEntry:
    if source.key is None:
        return PolicyEntry(policy_id, f"policy {letter}", None)
    policy = source.key.policies[letter]
    name = policy.name if policy_id == policy.sha256 else f"{policy.name} [{letter}]"
    return PolicyEntry(policy_id, name, policy)


def _part(task_spec: TaskSpec, sources: Sequence[Source]) -> TaskTrials:
    ours = [source for source in sources if _task(source) == (task_spec.task, task_spec.variant)]
    invalid = [
        _entry(source, record)
        for source in ours
        for record in source.status.attempts
        if not record.valid
    ]
    return TaskTrials(
        task_spec=task_spec,
        group=group_of(task_spec.task),
        sources=tuple(ours),
        trials=tuple(trial for source in ours for trial in _valid(source)),
        invalid=tuple(invalid),
    )


def _valid(source: Source) -> list[TrialEntry]:
    return [_entry(source, record) for record in source.status.valid]


def _entry(source: Source, record: TrialRecord) -> TrialEntry:
    return TrialEntry(
        source, record, source.policy_id(record.policy), _scene(source, record.placement)
    )


def _scene(source: Source, placement: int) -> SceneId:
    """A simulated scene is the same wherever its seed is; a real one is set anew every time."""
    session = source.session
    seeds = [place.seed for place in session.placements]
    seed = seeds[placement]
    if session.robot == "real" or seed is None or len(set(seeds)) < len(seeds):
        return session.id, placement
    return "seed", seed
