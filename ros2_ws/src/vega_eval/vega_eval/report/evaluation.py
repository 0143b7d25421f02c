"""What a report is about: policies, tasks, and the trials that count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hw_config
from hw_config import ConfigError
from vega_eval.paper_results import paper_table
from vega_eval.report.reading import Source
from vega_eval.trials.card import TaskCard
from vega_eval.trials.identity import Policy
from vega_eval.trials.record import TrialRecord

SINGLE, BIMANUAL, OTHER = "Single-Arm", "Bimanual", "Other"
_GROUPS = (SINGLE, BIMANUAL, OTHER)
Scene = tuple[str, int]


@dataclass(frozen=True)
class Player:
    """A policy, or the letter behind which it hides.

    Attributes:
        identity: See `Source.player`.
        name: For people.
        policy: What is known of it; None while it is hidden.
    """

    identity: str
    name: str
    policy: Policy | None


@dataclass(frozen=True)
class Played:
    """One attempt, with where it comes from.

    Attributes:
        source: Its session.
        record: It.
        player: Identity of its policy.
        scene: The same for all trials that began with things lying alike.
    """

    source: Source
    record: TrialRecord
    player: str
    scene: Scene

    @property
    def label(self) -> str:
        """Which one it is, for people."""
        again = f", attempt {self.record.attempt}" if self.record.attempt > 1 else ""
        return f"trial {self.record.trial}{again}"

    @property
    def title(self) -> str:
        """Its task and where things lay."""
        card = self.source.session.card
        return f"{card.task} ({card.variant}), placement {self.record.placement + 1}"

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
class Part:
    """A task in one variant: one column of a table.

    Attributes:
        card: What was asked for.
        group: Single-Arm or Bimanual, as hw_config says.
        sources: Its sessions.
        trials: Those that count, in the order in which they were played.
        invalid: Attempts that do not.
    """

    card: TaskCard
    group: str
    sources: tuple[Source, ...]
    trials: tuple[Played, ...]
    invalid: tuple[Played, ...]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.card.task} ({self.card.variant})"

    def of(self, player: Player) -> tuple[Played, ...]:
        """The trials of a policy that count."""
        return tuple(trial for trial in self.trials if trial.player == player.identity)

    def scenes(self) -> tuple[Scene, ...]:
        """All that were played, in order."""
        return tuple(dict.fromkeys(trial.scene for trial in self.trials))

    def at(self, player: Player) -> dict[Scene, Played]:
        """A policy's trials by scene."""
        return {trial.scene: trial for trial in self.of(player)}


@dataclass(frozen=True)
class Evaluation:
    """Everything that one report tells of.

    Attributes:
        sources: Sessions, oldest first.
        players: Policies by name.
        parts: Tasks: easy before hard, single-arm before bimanual, then as the paper has them.
        blinded: Whether policies hide behind letters.
    """

    sources: tuple[Source, ...]
    players: tuple[Player, ...]
    parts: tuple[Part, ...]
    blinded: bool

    @property
    def robot(self) -> str:
        """What stood behind the topics; the same for all."""
        return self.sources[0].session.robot

    @property
    def variants(self) -> tuple[str, ...]:
        """Those that were played, in order."""
        return tuple(dict.fromkeys(part.card.variant for part in self.parts))

    def block(self, variant: str) -> tuple[Part, ...]:
        """The tasks of a variant."""
        return tuple(part for part in self.parts if part.card.variant == variant)

    @property
    def trials(self) -> tuple[Played, ...]:
        """All that count."""
        return tuple(trial for part in self.parts for trial in part.trials)

    @property
    def invalid(self) -> tuple[Played, ...]:
        """All attempts that do not."""
        return tuple(trial for part in self.parts for trial in part.invalid)

    def name(self, identity: str) -> str:
        """A policy's name."""
        return next(player.name for player in self.players if player.identity == identity)


def group_of(task: str) -> str:
    """How many arms a task takes, as hw_config has it; a task that it lacks is `Other`."""
    try:
        return SINGLE if len(hw_config.load_task(task).arms) == 1 else BIMANUAL
    except ConfigError:
        return OTHER


def rank(card: TaskCard, group: str) -> tuple[bool, str, int, int, str]:
    """Sorts tasks as the paper does."""
    known = [column.task for column in paper_table("3").columns]
    place = known.index(card.task) if card.task in known else len(known)
    return card.variant != "easy", card.variant, _GROUPS.index(group), place, card.task
