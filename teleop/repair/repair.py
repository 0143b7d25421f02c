"""Repairs a dataset: recovers unsealed and damaged episodes, puts away what cannot be saved."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from teleop.dataset.episode import (
    EPISODE_FILE,
    LAYOUT_METADATA,
    MCAP_FILE,
    TAKE_METADATA,
    DatasetLayout,
    EpisodeInfo,
    Recovered,
    as_json,
    as_metadata,
    folder_name,
)
from teleop.dataset.journal import JournalWriter, read_journal
from teleop.dataset.layout import (
    DATASET_FILE,
    EPISODES,
    QUARANTINE,
    RECORDING,
    create_parts,
    episode_folders,
    layout_text,
    misnamed,
    read_layout,
    unsealed_folders,
)
from teleop.dataset.lock import DatasetLock
from teleop.dataset.reader import open_episode
from teleop.dataset.sealing import (
    complete_seal,
    journalled_info,
    reconcile,
    seal,
    sealed_info,
    stream_infos,
)
from teleop.dataset.store import Store
from teleop.errors import DatasetError, EpisodeDamaged
from teleop.repair.evidence import (
    end_of,
    info_of,
    is_complete,
    known_take,
    take_in_file,
    what_happened,
)
from teleop.repair.names import restore_names, restore_take_name, said_index
from teleop.repair.report import Quarantined, RecoveredEpisode, RepairReport
from teleop.repair.salvage import salvage
from teleop.repair.unpacking import unpack
from teleop.writing import not_written, why
from vega_core.files import move, sha256_of, sync_folder, write_atomically
from vega_core.stamps import iso_utc

_REPAIRED = "repaired.mcap"


def repair(dataset: Path, now: Callable[[], int] = time.time_ns) -> RepairReport:
    """Repairs a dataset that nobody records into.

    Raises:
        DatasetBusy: Somebody does.
        DatasetError: The folder is no dataset, or cannot be written.
    """
    dataset = Path(dataset).absolute()
    if not any((dataset / part).exists() for part in (DATASET_FILE, EPISODES, RECORDING)):
        read_layout(dataset)
    lock = DatasetLock(dataset, purpose="repaired")
    try:
        journal = JournalWriter(dataset, now)
        return _repair(dataset, journal, lambda: unsealed_folders(dataset))
    finally:
        lock.release()


def repair_store(store: Store) -> RepairReport:
    """Repairs the dataset that this process records into, but for a take that runs.

    Raises:
        DatasetError: It cannot be written.
    """
    with store.exclusive:
        return _repair(store.folder, store.journal, store.unsealed)


def _repair(
    dataset: Path, journal: JournalWriter, unsealed: Callable[[], list[Path]]
) -> RepairReport:
    report = RepairReport(str(dataset))
    try:
        create_parts(dataset)
        layout = _layout(dataset, report)
        repairer = _Repairer(dataset, layout, journal, report)
        repairer.restore_names()
        for folder in episode_folders(dataset):
            repairer.guarded(repairer.check_sealed, folder)
        for folder in unsealed():
            repairer.guarded(repairer.recover, folder)
        reconcile(dataset, journal)
    except OSError as error:
        raise not_written(dataset, error) from None
    report.unreadable_lines = list(read_journal(dataset).unreadable)
    report.sealed = len(episode_folders(dataset))
    return report


def _layout(dataset: Path, report: RepairReport) -> DatasetLayout:
    try:
        return read_layout(dataset)
    except DatasetError as error:
        for folder in episode_folders(dataset):
            with contextlib.suppress(EpisodeDamaged), open_episode(folder, verify=True) as episode:
                text = layout_text(episode.layout, episode.info.started)
                write_atomically(dataset / DATASET_FILE, text)
                report.mended.append(f"{DATASET_FILE} is restored from an episode: {error}")
                return episode.layout
        raise


class _Repairer:
    """Puts right one folder after the other; each step may be cut off and done again."""

    def __init__(
        self, dataset: Path, layout: DatasetLayout, journal: JournalWriter, report: RepairReport
    ) -> None:
        self._dataset = dataset
        self._layout = layout
        self._journal = journal
        self._said = read_journal(dataset)
        self._report = report
        self._failed: set[Path] = set()

    def guarded(self, work: Callable[[Path], None], folder: Path) -> None:
        """Does work on a folder; what the disk refuses is reported, and the rest goes on."""
        if folder in self._failed:
            return
        try:
            work(folder)
        except OSError as error:
            self._fail(folder, error)

    def _fail(self, folder: Path, error: OSError) -> None:
        self._failed.add(folder)
        where = folder.relative_to(self._dataset)
        self._report.failed.append(f"{where}: could not be repaired ({why(error)})")

    def restore_names(self) -> None:
        """Brings every episode to the folder of its number; what cannot be, is reported."""
        done = restore_names(self._dataset, self._said, self._quarantine, self._fail)
        for text in done:
            self._journal.log("renamed", data={"text": text})
        self._report.mended += done
        self._report.noticed += [
            f"{EPISODES}/{name} has not the name of an episode and is left as it is"
            for name in misnamed(self._dataset)
            if self._dataset / EPISODES / name not in self._failed
        ]

    def check_sealed(self, folder: Path) -> None:
        """Leaves an episode that is what was sealed; else it is to be recovered."""
        self._unpack(folder)
        info = info_of(folder)
        told = journalled_info(self._said, int(folder.name))
        path = folder / MCAP_FILE
        digest = sha256_of(path) if path.is_file() else ""
        if info is not None and info.mcap.sha256 == digest:
            self._notice(info, told)
        elif told is not None and told.mcap.sha256 == digest:
            write_atomically(folder / EPISODE_FILE, as_json(told))
            text = f"episode {told.index}: {EPISODE_FILE} was damaged; restored from the journal"
            self._report.mended.append(text)
        else:
            move(folder, self._dataset / RECORDING / folder.name)

    def _notice(self, info: EpisodeInfo, told: EpisodeInfo | None) -> None:
        """Says once what was changed in episode.json by other means than the recorder's."""
        if told is None or told.mcap != info.mcap:
            return
        names = [n for n in EpisodeInfo.model_fields if getattr(info, n) != getattr(told, n)]
        if not {*names} <= {"outcome", "notes"}:
            text = f"episode {info.index}: {EPISODE_FILE} was changed after it was sealed"
            self._report.noticed.append(f"{text} ({', '.join(names)}); it is used as it is now")

    def _unpack(self, folder: Path) -> None:
        with contextlib.suppress(EpisodeDamaged):  # it is told where it cannot be recovered
            if unpack(folder):
                text = f"episode {int(folder.name)}: its file was compressed as a whole (zstd)"
                self._report.mended.append(f"{text}; it is unpacked")

    def recover(self, folder: Path) -> None:
        """Makes an episode of a take, or puts it into quarantine."""
        folder = restore_take_name(folder)
        index = int(folder.name)
        said = said_index(folder)
        taken = index if said is None else said
        if taken != index or (self._dataset / EPISODES / folder.name).exists():
            self._quarantine(folder, taken, f"episode {taken} is there already")
            return
        self._unpack(folder)
        info = info_of(folder)
        if info is not None and self._was_being_sealed(folder, info):
            self._journal.log("repaired", index, {"info": info.model_dump(mode="json")})
            reason = (
                info.recovered.reason if info.recovered else "it was sealed but for the last step"
            )
            self._note_recovered(info, reason)
            return
        path, target = folder / MCAP_FILE, folder / _REPAIRED
        target.unlink(missing_ok=True)
        if not path.is_file():
            self._quarantine(folder, index, _without_recording(folder))
            return
        sealed = info or journalled_info(self._said, index)
        take = known_take(folder, sealed)
        texts = {LAYOUT_METADATA: as_metadata(self._layout)}
        if take is not None:
            texts[TAKE_METADATA] = as_metadata(take)
        prefix, file = salvage(path, target, texts)
        own = take_in_file(prefix, index)
        if info is None and sealed and own and own.start.start_ns != sealed.start_ns:
            # The journal's episode of this number is another one.
            sealed, take, texts[TAKE_METADATA] = None, own, as_metadata(own)
            target.unlink()
            prefix, file = salvage(path, target, texts)
        take = take or own
        if prefix.messages == 0 or take is None:
            target.unlink()
            missing = "no message of it reached the disk" if take else "what it was is not known"
            self._quarantine(folder, index, f"{missing} ({prefix.ended or 'the file is whole'})")
            return
        complete = is_complete(prefix, sealed)
        reason, lost_s = what_happened(prefix, sealed, complete)
        end = end_of(take, prefix, complete, lost_s)
        ended = sealed.ended if sealed else iso_utc(path.stat().st_mtime_ns)
        info = sealed_info(
            take,
            end,
            ended,
            stream_infos(prefix.figures, end.expected),
            file,
            Recovered(reason=reason, lost_s=round(lost_s, 3)),
        )
        if sealed is not None:
            self._keep_original(folder, reason)
        write_atomically(folder / EPISODE_FILE, as_json(info))
        os.replace(target, path)
        sync_folder(folder)
        complete_seal(self._dataset, folder, index)
        self._journal.log("repaired", index, {"info": info.model_dump(mode="json")})
        self._note_recovered(info, reason)

    def _was_being_sealed(self, folder: Path, info: EpisodeInfo) -> bool:
        """Completes a seal, or an earlier repair, that was cut off after episode.json."""
        for path in (folder / MCAP_FILE, folder / _REPAIRED):
            if path.is_file() and sha256_of(path) == info.mcap.sha256:
                os.replace(path, folder / MCAP_FILE)
                (folder / _REPAIRED).unlink(missing_ok=True)
                seal(self._dataset, folder, info)
                return True
        return False

    def _note_recovered(self, info: EpisodeInfo, reason: str) -> None:
        lost_s = info.recovered.lost_s if info.recovered else 0.0
        self._report.recovered.append(
            RecoveredEpisode(info.index, info.task, info.duration_s, lost_s, info.outcome, reason)
        )

    def _keep_original(self, folder: Path, reason: str) -> None:
        """Copies a damaged episode that was sealed once: somebody may want to look at it."""
        kept = self._dataset / QUARANTINE / f"{folder.name}-damaged"
        if kept.exists():
            return
        staging = kept.with_name(kept.name + ".new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            for name in (MCAP_FILE, EPISODE_FILE):
                if (folder / name).is_file():
                    shutil.copy2(folder / name, staging / name)
            text = f"{reason}. What is valid of it is episode {int(folder.name)} now.\n"
            write_atomically(staging / "why.txt", text)
            move(staging, kept)
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            raise

    def _quarantine(self, folder: Path, index: int, reason: str) -> None:
        target = self._dataset / QUARANTINE / folder_name(index)
        number = 2
        while target.exists():
            target = target.with_name(f"{folder_name(index)}-{number}")
            number += 1
        write_atomically(folder / "why.txt", reason + "\n")
        move(folder, target)
        self._journal.log("quarantined", index, {"reason": reason})
        where = str(target.relative_to(self._dataset))
        self._report.quarantined.append(Quarantined(where, reason))


def _without_recording(folder: Path) -> str:
    others = sorted(path.name for path in folder.iterdir() if path.suffix != ".json")
    if not others:
        return f"{MCAP_FILE} is missing: nothing had been recorded"
    return f"{MCAP_FILE} is missing; there is {', '.join(others)}, which cannot be read"
