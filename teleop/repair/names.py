"""Gives episodes their names back after somebody renamed, swapped or copied their folders.

An episode says itself which one it is, whatever its folder is called; the journal knows it by the
digest of its file where that cannot be read. Of several folders that say the same, the whole one in
its place is the episode. A copy goes into quarantine. Another episode of the same number, such as
one of another dataset, gets the number of its folder, or the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from teleop.dataset.episode import (
    EPISODE_FILE,
    MCAP_FILE,
    EpisodeInfo,
    as_json,
    folder_name,
    read_take,
    sealed_as,
)
from teleop.dataset.journal import Journal
from teleop.dataset.layout import EPISODES, RECORDING, next_index
from teleop.dataset.sealing import journalled_info
from teleop.errors import EpisodeDamaged
from vega_core.files import move, sha256_of, write_atomically

_MOVING = ".renamed"
"""Ending of a folder that is on its way to its name; a crash may leave it."""

Quarantine = Callable[[Path, int, str], None]
Failed = Callable[[Path, OSError], None]


class _Claim(NamedTuple):
    """A folder and which episode it says it is; `info` is what is known of that."""

    folder: Path
    number: int
    info: EpisodeInfo | None

    @property
    def digest(self) -> str:
        path = self.folder / MCAP_FILE
        return sha256_of(path) if path.is_file() else ""

    @property
    def whole(self) -> bool:
        return self.info is not None and self.info.mcap.sha256 == self.digest

    @property
    def in_place(self) -> bool:
        return self.folder.name == folder_name(self.number)


def restore_names(
    dataset: Path, said: Journal, quarantine: Quarantine, failed: Failed
) -> list[str]:
    """Brings every episode to the folder of its number; returns what was done, a sentence each.

    Args:
        dataset: Its folder, under its lock.
        said: Its journal.
        quarantine: Puts a folder away: for which episode it took itself, and why.
        failed: Gets each folder that cannot be read or moved; it can be done again.
    """
    claimed: dict[int, list[_Claim]] = defaultdict(list)
    for claim in _claims(dataset, said, failed):
        claimed[claim.number].append(claim)
    done: list[str] = []
    moving = []
    for claims in claimed.values():
        keeper = claims[0]
        if len(claims) > 1:
            try:
                keeper, *others = sorted(
                    claims, key=lambda each: (not each.whole, not each.in_place, each.folder.name)
                )
                for other in others:
                    done += _put_aside(dataset, keeper, other, claimed, said, quarantine)
            except OSError as error:
                for each in claims:
                    failed(each.folder, error)
                continue
        if not keeper.in_place:
            moving.append(keeper)
    return done + _moved(moving, failed)


def _put_aside(
    dataset: Path,
    keeper: _Claim,
    other: _Claim,
    claimed: dict[int, list[_Claim]],
    said: Journal,
    quarantine: Quarantine,
) -> list[str]:
    """Gives one that says the same as another a number of its own, or puts it away."""
    if other.whole and other.digest != keeper.digest:
        return [_renumbered(dataset, other, claimed, said)]
    what = "a copy of it" if other.digest == keeper.digest else "not what was sealed"
    where = f"{EPISODES}/{other.folder.name}"
    reason = f"episode {keeper.number} is there, and {where}, which says so too, is {what}"
    quarantine(other.folder, keeper.number, reason)
    return []


def _moved(claims: list[_Claim], failed: Failed) -> list[str]:
    """Brings folders to their names in two steps: two may have changed places."""
    under_way, done = [], []
    for each in claims:
        between = each.folder.with_name(folder_name(each.number) + _MOVING)
        try:
            if each.folder != between:
                move(each.folder, between)
            under_way.append((each, between))
        except OSError as error:
            failed(each.folder, error)
    for each, between in under_way:
        try:
            move(between, between.with_suffix(""))
        except OSError as error:
            failed(between, error)
            continue
        name = each.folder.name.removesuffix(_MOVING)
        done.append(f"episode {each.number} was in {EPISODES}/{name}: it has its name back")
    return done


def restore_take_name(folder: Path) -> Path:
    """Brings an unsealed take to the folder of its number where that is free; where it is then.

    Raises:
        OSError: It cannot be moved.
    """
    index = said_index(folder)
    if index is None or index == int(folder.name):
        return folder
    dataset, name = folder.parent.parent, folder_name(index)
    if any((dataset / part / name).exists() for part in (EPISODES, RECORDING)):
        return folder
    move(folder, folder.with_name(name))
    return folder.with_name(name)


def said_index(folder: Path) -> int | None:
    """Which episode or take a folder says it is, if it can be read."""
    for read in (sealed_as, read_take):
        try:
            return int(read(folder).index)
        except EpisodeDamaged:
            continue
    return None


def _claims(dataset: Path, said: Journal, failed: Failed) -> Iterator[_Claim]:
    for folder in sorted(path for path in (dataset / EPISODES).iterdir() if path.is_dir()):
        try:
            claim = _claim(folder, said)
        except OSError as error:
            failed(folder, error)
            continue
        if claim is not None:
            yield claim


def _claim(folder: Path, said: Journal) -> _Claim | None:
    """Which episode a folder is; None for one that is no episode's."""
    name = folder.name.removesuffix(_MOVING)
    index = int(name) if name.isdecimal() else None
    try:
        info = sealed_as(folder)
    except EpisodeDamaged:
        known = _by_digest(folder, index, said)
    else:
        if info.index != index:
            return _renamed_or_damaged(folder, index, info, said)
        return _Claim(folder, info.index, info)
    number = known.index if known else index
    return None if number is None else _Claim(folder, number, known)


def _renamed_or_damaged(
    folder: Path, index: int | None, info: EpisodeInfo, said: Journal
) -> _Claim:
    """One that says another number than its folder's: which of the two the journal knows it by."""
    known = None if index is None else journalled_info(said, index)
    if known is not None:
        claim = _Claim(folder, known.index, known)
        if claim.whole:  # its description is what is damaged
            return claim
    return _Claim(folder, info.index, info)


def _by_digest(folder: Path, index: int | None, said: Journal) -> EpisodeInfo | None:
    """What the journal says of the episode that has this folder's file."""
    path = folder / MCAP_FILE
    digest = sha256_of(path) if path.is_file() else ""
    known = {entry.index for entry in said.entries if entry.index is not None} - {index}
    own = [] if index is None else [index]
    infos = (journalled_info(said, each) for each in (*own, *sorted(known)))
    return next((info for info in infos if info and info.mcap.sha256 == digest), None)


def _renumbered(
    dataset: Path, claim: _Claim, claimed: dict[int, list[_Claim]], said: Journal
) -> str:
    """Gives an episode of a number that another one has the number of its folder, or a new one."""
    assert claim.info is not None
    name = claim.folder.name.removesuffix(_MOVING)
    index = int(name) if name.isdecimal() else claim.number
    if index in claimed or any(entry.index == index for entry in said.entries):
        index = max(next_index(dataset), max(claimed) + 1)
    info = claim.info.model_copy(update={"index": index})
    write_atomically(claim.folder / EPISODE_FILE, as_json(info))
    target = dataset / EPISODES / folder_name(index)
    if claim.folder != target:
        move(claim.folder, target)
    return (
        f"{EPISODES}/{claim.folder.name} says that it is episode {claim.number}, which another one "
        f"is: it is episode {index} now"
    )
