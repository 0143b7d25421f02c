"""What is known of a take that has to be repaired: its files, its seal, what it says itself."""

from __future__ import annotations

import contextlib
from pathlib import Path

from teleop.dataset.episode import (
    TAKE_METADATA,
    EpisodeInfo,
    TakeEnd,
    TakeRecord,
    TakeStart,
    of_metadata,
    read_info,
    read_take,
)
from teleop.dataset.mcap_writer import CHUNK_SECONDS
from teleop.errors import EpisodeDamaged
from teleop.repair.salvage import Prefix


def info_of(folder: Path) -> EpisodeInfo | None:
    """What a folder's episode.json says, or None."""
    try:
        return read_info(folder)
    except EpisodeDamaged:
        return None


def known_take(folder: Path, sealed: EpisodeInfo | None) -> TakeRecord | None:
    """What is known of a take, from take.json or from when it was sealed."""
    with contextlib.suppress(EpisodeDamaged):
        take = read_take(folder)
        if take.index == int(folder.name):
            return take
    if sealed is None:
        return None
    start = {name: getattr(sealed, name) for name in TakeStart.model_fields}
    expected = {t: s.expected for t, s in sealed.streams.items() if s.expected is not None}
    end = TakeEnd(
        end_ns=sealed.end_ns,
        outcome=sealed.outcome,
        notes=sealed.notes,
        problems=sealed.problems,
        expected=expected,
    )
    return TakeRecord(
        index=int(folder.name),
        started=sealed.started,
        start=TakeStart.model_validate(start),
        end=end,
    )


def take_in_file(prefix: Prefix, index: int) -> TakeRecord | None:
    """What the file itself says of the take, which has this number now."""
    with contextlib.suppress(ValueError):
        text = of_metadata(prefix.metadata.get(TAKE_METADATA, {}))
        return TakeRecord.model_validate_json(text).model_copy(update={"index": index})
    return None


def is_complete(prefix: Prefix, sealed: EpisodeInfo | None) -> bool:
    """Whether no message is missing."""
    if sealed is not None:
        return prefix.messages == sum(s.count for s in sealed.streams.values())
    return not prefix.ended


def what_happened(prefix: Prefix, sealed: EpisodeInfo | None, complete: bool) -> tuple[str, float]:
    """A sentence, and how much is lost at most (s)."""
    parts = [f"{part} was damaged and is left out" for part in prefix.dropped]
    lost_s = 0.0
    if sealed is not None:
        what = "it had changed since it was sealed"
        if not complete:
            lost_s = max(0.0, (sealed.end_ns - prefix.last_ns) / 1e9)
    elif complete:
        what = "it was recorded whole but not sealed"
    else:
        what = "its recording was cut off"
        lost_s = prefix.lost_s() + CHUNK_SECONDS
    if prefix.ended and not complete:
        parts.append(prefix.ended)
    if prefix.unvouched:
        parts.append("another program wrote it without checksums")
    parts.append(f"at most {lost_s:.1f} s of its end are lost" if lost_s else "no message is lost")
    return f"{what}: {'; '.join(parts)}", lost_s


def end_of(take: TakeRecord, prefix: Prefix, complete: bool, lost_s: float) -> TakeEnd:
    """How a recovered take ended: as was said of it if it is whole, otherwise unjudged."""
    said = take.end
    if complete and said is not None:
        return said
    problem = f"recovered: at most {lost_s:.1f} s of its end are lost, and nobody judged the rest"
    return TakeEnd(
        end_ns=prefix.last_ns,
        outcome="unjudged",
        notes=said.notes if said else (),
        problems=(*(said.problems if said else ()), problem),
    )
