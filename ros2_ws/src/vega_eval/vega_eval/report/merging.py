"""Puts sessions together, and refuses to mix what may not be mixed.

Sessions of one report have the same robot kind, judge, hw_config and simulated timing. Those of the
same task and variant have the same card. A name stands for one checkpoint. On a simulated robot a
policy plays a scene once: the same scene again would count one trial twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vega_eval.errors import MixError
from vega_eval.report.evaluation import Evaluation, Part, Played, Player, Scene, group_of, rank
from vega_eval.report.reading import Source, short
from vega_eval.trials.card import TaskCard
from vega_eval.trials.record import TrialRecord


def merge(sources: Sequence[Source]) -> Evaluation:
    """One evaluation of sessions that may be mixed.

    Raises:
        MixError: They may not; says which and what to do.
    """
    ordered = sorted(sources, key=lambda source: source.session.created)
    for first, second in itertools.combinations(ordered, 2):
        _refuse_pair(first, second)
    players = _players(ordered)
    cards = {(s.session.card.task, s.session.card.variant): s.session.card for s in ordered}
    parts = [_part(card, ordered) for card in cards.values()]
    return Evaluation(
        sources=tuple(ordered),
        players=players,
        parts=tuple(sorted(parts, key=lambda part: rank(part.card, part.group))),
        blinded=any(source.key is None for source in ordered),
    )


@dataclass(frozen=True)
class _Rule:
    """Something that must be the same.

    Attributes:
        what: It, for people.
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
        lambda s: s.session.card.success,
        lambda s: repr(s.session.card.success),
        "report them apart",
    ),
    _Rule(
        "the time limit",
        lambda s: s.session.card.time_limit_s,
        lambda s: f"{s.session.card.time_limit_s:g} s",
        "report them apart",
    ),
    _Rule(
        "the instruction",
        lambda s: s.session.card.instruction,
        lambda s: repr(s.session.card.instruction),
        "report them apart",
    ),
    _Rule(
        "the milestones",
        lambda s: s.session.card.milestones,
        lambda s: ", ".join(s.session.card.milestones),
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
    twice = {(t.player, t.scene) for t in _valid(first)} & {
        (t.player, t.scene) for t in _valid(second)
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
    return source.session.card.task, source.session.card.variant


def _players(sources: Sequence[Source]) -> tuple[Player, ...]:
    found: dict[str, Player] = {}
    for source in sources:
        for letter in source.session.policies:
            identity = source.player(letter)
            found.setdefault(identity, _player(source, letter, identity))
    return tuple(sorted(found.values(), key=lambda player: (player.name, player.identity)))


def _player(source: Source, letter: str, identity: str) -> Player:
    if source.key is None:
        return Player(identity, f"policy {letter}", None)
    policy = source.key.policies[letter]
    name = policy.name if identity == policy.sha256 else f"{policy.name} [{letter}]"
    return Player(identity, name, policy)


def _part(card: TaskCard, sources: Sequence[Source]) -> Part:
    ours = [source for source in sources if _task(source) == (card.task, card.variant)]
    invalid = [
        _played(source, record)
        for source in ours
        for record in source.standing.attempts
        if not record.valid
    ]
    return Part(
        card=card,
        group=group_of(card.task),
        sources=tuple(ours),
        trials=tuple(trial for source in ours for trial in _valid(source)),
        invalid=tuple(invalid),
    )


def _valid(source: Source) -> list[Played]:
    return [_played(source, record) for record in source.standing.valid]


def _played(source: Source, record: TrialRecord) -> Played:
    return Played(source, record, source.player(record.policy), _scene(source, record.placement))


def _scene(source: Source, placement: int) -> Scene:
    """A simulated scene is the same wherever its seed is; a real one is laid anew every time."""
    session = source.session
    seeds = [place.seed for place in session.placements]
    seed = seeds[placement]
    if session.robot == "real" or seed is None or len(set(seeds)) < len(seeds):
        return session.id, placement
    return "seed", seed
