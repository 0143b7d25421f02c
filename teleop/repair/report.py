"""What a repair of a dataset found and did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RecoveredEpisode:
    """An episode that was put right.

    Attributes:
        index: Its index.
        task: Its task.
        duration_s: What there is of it (s).
        lost_s: What is lost of its end at most (s).
        outcome: How it went, as far as that is known.
        reason: What was wrong.
    """

    index: int
    task: str
    duration_s: float
    lost_s: float
    outcome: str
    reason: str


@dataclass(frozen=True)
class Quarantined:
    """What could not be saved: its folder within the dataset, and why."""

    folder: str
    reason: str


@dataclass
class RepairReport:
    """What a repair found and did.

    Attributes:
        dataset: Folder.
        sealed: Episodes that are whole now.
        recovered: Those of them that were put right.
        quarantined: What could not be saved, this time.
        mended: Other things that were put right, a sentence each.
        noticed: What was found and left as it is, a sentence each.
        failed: What could not be repaired now, with what to do.
        unreadable_lines: Lines of the journal that a crash tore; nothing is lost by them.
    """

    dataset: str
    sealed: int = 0
    recovered: list[RecoveredEpisode] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreadable_lines: list[int] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing was lost but what recovered episodes say."""
        return not self.quarantined and not self.failed

    def lines(self) -> list[str]:
        """The report for people."""
        rows = [
            f"episode {r.index} ({r.task}): recovered, {r.duration_s:.1f} s, {r.outcome}: "
            f"{r.reason}"
            for r in self.recovered
        ]
        rows += self.mended
        rows += [f"{q.folder}: put away: {q.reason}" for q in self.quarantined]
        rows += [*self.failed, *self.noticed]
        if self.unreadable_lines:
            numbers = ", ".join(map(str, self.unreadable_lines))
            rows.append(f"journal.jsonl: line {numbers} is torn; nothing is lost by it")
        if not (self.recovered or self.mended or self.quarantined or self.failed):
            rows.append("nothing to repair")
        return [*rows, f"{self.sealed} episodes are whole"]
