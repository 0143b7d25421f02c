"""Recording into a dataset: takes begin, are sealed, discarded, deleted, brought back.

An episode exists exactly when its folder lies in `episodes/`. Sealing, deleting and discarding are
each one rename, so that a crash at any moment leaves a take either as it was or as it should be.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teleop.dataset.episode import (
    EPISODE_FILE,
    HARDWARE_PREFIX,
    LAYOUT_METADATA,
    MCAP_FILE,
    TAKE_FILE,
    TAKE_METADATA,
    DatasetLayout,
    EpisodeInfo,
    FileInfo,
    Outcome,
    TakeEnd,
    TakeRecord,
    TakeStart,
    as_json,
    as_metadata,
    folder_name,
    read_info,
)
from teleop.dataset.journal import JournalWriter, read_journal
from teleop.dataset.layout import (
    DATASET_FILE,
    EPISODES,
    RECORDING,
    TRASH,
    create_or_check,
    next_index,
    numbered,
    read_infos,
    read_layout,
    refuse_foreign,
    unsealed_folders,
)
from teleop.dataset.lock import DatasetLock
from teleop.dataset.mcap_writer import EpisodeWriter
from teleop.dataset.sealing import (
    NEW,
    discard_folder,
    reconcile,
    seal,
    sealed_info,
    stream_infos,
    throw_away,
)
from teleop.errors import RecordingFailed, RefusedByStore
from teleop.writing import not_written
from vega_core.files import OutputFile, move, sync_folder, write_atomically
from vega_core.stamps import iso_utc

__all__ = ["Store", "Take", "next_index", "read_infos", "read_layout"]


class Take:
    """A take: it is recorded until it is saved, discarded, or cannot be written.

    Attributes:
        index: Index of the episode that it will be.
        folder: Where it is.
        writer: Takes its messages.
        start: What was known at the beginning.
    """

    def __init__(
        self, index: int, folder: Path, writer: EpisodeWriter, start: TakeStart, started: str
    ) -> None:
        self.index = index
        self.folder = folder
        self.writer = writer
        self.start = start
        self.started = started
        self.recording = True


class Store:
    """The one writer of a dataset. Use `Store.open`; `close` it, or use it in a `with`.

    Its methods may be called from any thread.

    Attributes:
        folder: Of the dataset.
        layout: What all its episodes share.
        exclusive: Held while something changes.
    """

    def __init__(
        self,
        folder: Path,
        layout: DatasetLayout,
        lock: DatasetLock,
        now: Callable[[], int],
        open_file: Callable[[Path], OutputFile],
    ) -> None:
        self.folder = folder
        self.layout = layout
        self._lock = lock
        self._now = now
        self._open_file = open_file
        self._journal = JournalWriter(folder, now)
        self._take: Take | None = None
        self.exclusive = threading.RLock()

    @classmethod
    def open(
        cls,
        folder: Path,
        layout: DatasetLayout,
        now: Callable[[], int] = time.time_ns,
        open_file: Callable[[Path], OutputFile] = OutputFile,
    ) -> Store:
        """Opens a dataset for recording, or makes one in a new or empty folder.

        Args:
            folder: Of the dataset.
            layout: What will be recorded; an existing dataset must have the same.
            now: The time of day (ns since the epoch), for journal and episodes.
            open_file: Makes the files of takes; tests put failing ones here.

        Raises:
            DatasetBusy: Somebody else records into it.
            DatasetError: It cannot be written, is no dataset, or has another layout.
        """
        folder = Path(folder).absolute()
        try:
            if folder.is_dir() and not (folder / DATASET_FILE).exists():
                refuse_foreign(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(folder, error) from None
        lock = DatasetLock(folder)
        try:
            create_or_check(folder, layout, now)
            store = cls(folder, layout, lock, now, open_file)
            reconcile(folder, store._journal)
        except OSError as error:
            lock.release()
            raise not_written(folder, error) from None
        except BaseException:
            lock.release()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets others write. A take that runs stays unsealed; a repair makes an episode of it."""
        with self.exclusive:
            if self._take is not None and self._take.recording:
                self._take.recording = False
                with contextlib.suppress(RecordingFailed):
                    self._take.writer.flush()
                self._take.writer.abandon()
            self._lock.release()

    @property
    def journal(self) -> JournalWriter:
        """For lines about what happens to the dataset."""
        return self._journal

    def begin(self, take: TakeStart, hardware_files: dict[str, str] | None = None) -> Take:
        """Begins a take: its folder, its index and its file exist from here on.

        Args:
            take: What is known of it.
            hardware_files: Text of each file of hw_config, by its path within; embedded.

        Raises:
            RefusedByStore: A take runs already.
            DatasetError: It cannot be written; nothing has begun.
            RecordingFailed: As before.
        """
        with self.exclusive:
            if self._take is not None and self._take.recording:
                raise RefusedByStore(
                    f"take {self._take.index} is being recorded: save or discard it first"
                )
            index = next_index(self.folder)
            record = TakeRecord(index=index, started=iso_utc(self._now()), start=take)
            folder = self.folder / RECORDING / folder_name(index)
            staging = folder.with_name(folder.name + NEW)
            try:
                staging.mkdir()
                write_atomically(staging / TAKE_FILE, as_json(record))
                self._journal.add("begun", index, {"task": take.task, "operator": take.operator})
                move(staging, folder)
                writer = self._open_writer(folder, record, hardware_files or {})
            except BaseException as error:
                for left in (staging, folder):
                    throw_away(left)
                if isinstance(error, OSError):
                    raise not_written(folder, error) from None
                raise
            self._take = Take(index, folder, writer, take, record.started)
            return self._take

    def _open_writer(
        self, folder: Path, record: TakeRecord, hardware_files: dict[str, str]
    ) -> EpisodeWriter:
        writer = EpisodeWriter(folder / MCAP_FILE, self._open_file)
        try:
            writer.add_metadata(LAYOUT_METADATA, as_metadata(self.layout))
            writer.add_metadata(TAKE_METADATA, as_metadata(record))
            for name, text in hardware_files.items():
                writer.attach(
                    HARDWARE_PREFIX + name, "application/yaml", text.encode(), record.start.start_ns
                )
            writer.flush()
            sync_folder(folder)
        except BaseException:
            writer.abandon()
            raise
        return writer

    def save(self, take: Take, end: TakeEnd) -> EpisodeInfo:
        """Seals a take: when this returns, the episode is complete and on the disk.

        Raises:
            RecordingFailed: Its file cannot be finished. The take stays unsealed: it can be
                repaired, or discarded.
            DatasetError: The folder cannot be written; as above.
        """
        with self.exclusive:
            self._require_present(take)
            if not take.recording:
                raise RefusedByStore(
                    f"take {take.index} could not be written: repair the dataset, or discard it"
                )
            take.recording = False
            record = TakeRecord(index=take.index, started=take.started, start=take.start, end=end)
            try:
                # A crash from here on loses nothing of what the operator said.
                with contextlib.suppress(OSError):
                    write_atomically(take.folder / TAKE_FILE, as_json(record))
                take.writer.finish()
                info = sealed_info(
                    record,
                    end,
                    iso_utc(self._now()),
                    stream_infos(take.writer.figures(), end.expected),
                    FileInfo(bytes=take.writer.bytes_written, sha256=take.writer.sha256),
                )
                seal(self.folder, take.folder, info)
            except OSError as error:
                raise not_written(take.folder, error) from None
            finally:
                take.writer.abandon()
            self._take = None
            self._journal.log("saved", take.index, {"info": info.model_dump(mode="json")})
            return info

    def discard(self, take: Take) -> None:
        """Throws a take away for good.

        Raises:
            DatasetError: The folder cannot be written; the take is still there.
        """
        with self.exclusive:
            self._require_present(take)
            take.recording = False
            take.writer.abandon()
            try:
                discard_folder(take.folder, lambda: self._journal.log("discarded", take.index))
            except OSError as error:
                raise not_written(take.folder, error) from None
            self._take = None

    def delete_last(self, task: str) -> EpisodeInfo:
        """Moves the last episode of a task to the trash.

        Raises:
            RefusedByStore: The task has no episode.
            DatasetError: The folder cannot be written.
        """
        with self.exclusive:
            infos = self.episodes(task)
            if not infos:
                raise RefusedByStore(f"there is no saved episode of {task} to delete")
            info = infos[-1]
            self._rename(info.index, EPISODES, TRASH)
            self._journal.log("deleted", info.index, {"task": task})
            return info

    def undo_delete(self, task: str | None = None) -> EpisodeInfo:
        """Brings back what was deleted last (of a task, if one is given).

        Raises:
            RefusedByStore: Nothing that was deleted is left.
            DatasetError: The folder cannot be written.
        """
        with self.exclusive:
            for index in self._deleted():
                info = read_info(self.folder / TRASH / folder_name(index))
                if task in (None, info.task):
                    self._rename(index, TRASH, EPISODES)
                    self._journal.log("restored", index, {"task": info.task})
                    return info
            of_task = f" of {task}" if task else ""
            raise RefusedByStore(f"nothing was deleted{of_task}, so nothing can be undone")

    def _deleted(self) -> list[int]:
        """Episodes in the trash, the last deleted first."""
        there = {int(path.name) for path in numbered(self.folder / TRASH)}
        order: dict[int, None] = {}
        for entry in reversed(read_journal(self.folder).entries):
            if entry.event == "deleted" and entry.index in there:
                order.setdefault(entry.index)
        return [*order, *sorted(there - order.keys(), reverse=True)]

    def amend(
        self, index: int, *, outcome: Outcome | None = None, note: str | None = None
    ) -> EpisodeInfo:
        """Changes what is said of a sealed episode; a note is added to those it has.

        Raises:
            RefusedByStore: There is no such episode.
            DatasetError: The folder cannot be written; nothing has changed.
        """
        with self.exclusive:
            folder = self.folder / EPISODES / folder_name(index)
            if not folder.is_dir():
                raise RefusedByStore(f"there is no saved episode {index}")
            info = read_info(folder)
            changes: dict[str, Any] = {}
            if outcome is not None:
                changes["outcome"] = outcome
            if note is not None:
                changes["notes"] = (*info.notes, note)
            info = EpisodeInfo.model_validate({**info.model_dump(), **changes})
            try:
                write_atomically(folder / EPISODE_FILE, as_json(info))
            except OSError as error:
                raise not_written(folder / EPISODE_FILE, error) from None
            self._journal.log("amended", index, {"info": info.model_dump(mode="json")})
            return info

    def episodes(self, task: str | None = None) -> list[EpisodeInfo]:
        """Sealed episodes by index, of one task or of all.

        Raises:
            EpisodeDamaged: One cannot be read; a repair puts it right or aside.
        """
        return [info for info in read_infos(self.folder) if task in (None, info.task)]

    def unsealed(self) -> list[Path]:
        """Folders of takes that were neither saved nor discarded, but for the one that runs."""
        running = self._take.folder if self._take and self._take.recording else None
        return [path for path in unsealed_folders(self.folder) if path != running]

    def log(self, event: str, **data: object) -> None:
        """Writes a line of one's own into the journal; a full disk delays it."""
        self._journal.log(event, data=data)

    def _require_present(self, take: Take) -> None:
        if take is not self._take:
            raise RefusedByStore(f"take {take.index} has ended already")

    def _rename(self, index: int, source: str, target: str) -> None:
        name = folder_name(index)
        try:
            move(self.folder / source / name, self.folder / target / name)
        except OSError as error:
            raise not_written(self.folder / source / name, error) from None
