"""The parquet tables of a LeRobot v3.0 dataset: episodes, tasks, steps."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_policy.data.lerobot_layout import ACTION, STATE, Info
from vega_policy.errors import DatasetError

TASKS = Path("meta") / "tasks.parquet"
EPISODES = Path("meta") / "episodes"
PROVENANCE = Path("meta") / "provenance.json"
_PLACE = ("chunk_index", "file_index")
_SPAN = ("from_timestamp", "to_timestamp")
_STEP_COLUMNS = ("timestamp", "frame_index", "episode_index", "task_index")
_SUCCESS = "next.success"
_TOLERANCE = 0.25
"""By how much of a step a time may be off."""


class VideoPart(NamedTuple):
    """Where the images of an episode are: a file, and from when to when in it (s)."""

    path: Path
    start_s: float
    end_s: float


class Row(NamedTuple):
    """An episode in the table of episodes.

    Attributes:
        number: Of the episode.
        length: Steps.
        data: File of its steps.
        videos: Its part of each camera's videos, by feature.
        success: What the table says of it, or None.
    """

    number: int
    length: int
    data: Path
    videos: dict[str, VideoPart]
    success: bool | None


class Steps(NamedTuple):
    """The steps of one episode.

    Attributes:
        state: [T, D] float32.
        action: [T, D] float32.
        task: [T] int64, numbers of tasks.
        success: What the last step says, or None.
    """

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    task: NDArray[np.int64]
    success: bool | None


def read_rows(directory: Path, info: Info, videos: Sequence[str]) -> list[Row]:
    """The table of episodes, by number.

    Raises:
        DatasetError: A file is missing or damaged, or there are not as many as info.json says.
    """
    files = sorted((directory / EPISODES).rglob("*.parquet"))
    if not files:
        raise DatasetError(
            f"{directory / EPISODES} holds no parquet file: the dataset was not copied or written "
            "to its end"
        )
    video_columns = [f"videos/{key}/{name}" for key in videos for name in (*_PLACE, *_SPAN)]
    columns = ["episode_index", "length", *(f"data/{name}" for name in _PLACE), *video_columns]
    entries = [entry for file in files for entry in _table(file, columns, ("success",)).to_pylist()]
    if len(entries) != info.total_episodes:
        raise DatasetError(
            f"{directory / EPISODES} lists {len(entries)} episodes, info.json says "
            f"{info.total_episodes}: a file is missing, or recording was cut short"
        )
    try:
        rows = [_row(directory, info, videos, entry) for entry in entries]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"{directory / EPISODES} is malformed ({error!r})") from None
    for row in rows:
        _check_spans(row, info.fps)
    return sorted(rows, key=lambda row: row.number)


def _check_spans(row: Row, fps: float) -> None:
    """Refuses parts of videos that have not an image a step: each would be another step's."""
    for path, start_s, end_s in row.videos.values():
        images = (end_s - start_s) * fps
        if abs(images - row.length) > _TOLERANCE:
            raise DatasetError(
                f"{path}: episode {row.number} goes from {start_s:.3f} s to {end_s:.3f} s, "
                f"{images:.2f} images at {fps:g} a second for {row.length} steps: write the "
                "dataset again, or its episode table"
            )


def read_tasks(directory: Path) -> dict[int, str]:
    """Instructions by number.

    Raises:
        DatasetError: The file is missing or damaged.
    """
    path = directory / TASKS
    table = _table(path, ["task_index"], ("task", "__index_level_0__"))
    texts = [name for name in table.column_names if name != "task_index"]
    if len(texts) != 1:
        raise DatasetError(f"{path} has no column of instructions (task)")
    numbers, instructions = (table.column(name).to_pylist() for name in ("task_index", texts[0]))
    return {int(number): text for number, text in zip(numbers, instructions)}


class StepTables:
    """Files of steps; of one after the other, the last is kept.

    Args:
        dimension: Values of state and action.
        fps: Steps a second.
    """

    def __init__(self, dimension: int, fps: float) -> None:
        self._dimension = dimension
        self._fps = fps
        self._path: Path | None = None
        self._columns: dict[str, NDArray] = {}

    def steps(self, row: Row) -> Steps:
        """The steps of an episode.

        Raises:
            DatasetError: Its file is missing or damaged, or steps are missing.
        """
        if row.data != self._path:
            self._columns = self._read(row.data)
            self._path = row.data
        mine = self._columns["episode_index"] == row.number
        columns = {name: values[mine] for name, values in self._columns.items()}
        what = f"{row.data}: episode {row.number}"
        number = columns["frame_index"]
        if not np.array_equal(number, np.arange(row.length)) or row.length == 0:
            raise DatasetError(f"{what} has {len(number)} steps, expected 0 to {row.length - 1}")
        late = np.abs(columns["timestamp"] * self._fps - number) > _TOLERANCE
        if late.any():
            at = int(late.argmax())
            raise DatasetError(
                f"{what}: step {at} has the time {columns['timestamp'][at]:.3f} s, expected "
                f"{at / self._fps:.3f} s at {self._fps:g} steps a second"
            )
        success = columns.get(_SUCCESS)
        return Steps(
            columns[STATE],
            columns[ACTION],
            columns["task_index"],
            None if success is None else bool(success.any()),
        )

    def _read(self, path: Path) -> dict[str, NDArray]:
        table = _table(path, [STATE, ACTION, *_STEP_COLUMNS], (_SUCCESS,))
        try:
            columns = {name: table.column(name).to_numpy() for name in _STEP_COLUMNS}
            for name in (STATE, ACTION):
                columns[name] = self._vectors(table.column(name))
            if _SUCCESS in table.column_names:
                columns[_SUCCESS] = np.array(
                    [bool(np.any(value)) for value in table.column(_SUCCESS).to_pylist()]
                )
        except (ValueError, TypeError) as error:
            raise DatasetError(f"{path}: damaged ({error})") from None
        return columns

    def _vectors(self, column: Any) -> NDArray[np.float32]:
        """A column of lists as [T, D]."""
        parts = [np.asarray(chunk.flatten(), np.float32) for chunk in column.chunks]
        values = np.concatenate(parts) if parts else np.empty(0, np.float32)
        if len(values) != len(column) * self._dimension:
            raise ValueError(f"{len(values)} numbers in {len(column)} steps of {self._dimension}")
        return values.reshape(-1, self._dimension)


def read_provenance(directory: Path) -> dict[int, dict[str, Any]]:
    """What an export of ours says of each episode; nothing for other datasets.

    Raises:
        DatasetError: The file is damaged.
    """
    path = directory / PROVENANCE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}): export the dataset again") from None
    entries = content.get("episodes") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return {}
    return {
        int(entry["episode_index"]): entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("episode_index"), int)
    }


def _row(directory: Path, info: Info, videos: Sequence[str], entry: dict[str, Any]) -> Row:
    def path(template: str, prefix: str, **more: str) -> Path:
        numbers = {name: int(entry[f"{prefix}/{name}"]) for name in _PLACE}
        return directory / template.format(**numbers, **more)

    template = info.video_path or ""
    return Row(
        number=int(entry["episode_index"]),
        length=int(entry["length"]),
        data=path(info.data_path, "data"),
        videos={
            key: VideoPart(
                path(template, f"videos/{key}", video_key=key),
                *(float(entry[f"videos/{key}/{name}"]) for name in _SPAN),
            )
            for key in videos
        },
        success=None if entry.get("success") is None else bool(entry["success"]),
    )


def _table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Any:
    """Columns of a parquet file; optional ones if they are there."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DatasetError(
            "reading a LeRobot dataset needs pyarrow: pip install 'pyarrow>=17'"
        ) from None
    if not path.is_file():
        raise DatasetError(f"{path} is missing: the dataset was not copied or written to its end")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            missing = [name for name in columns if name not in there]
            if not missing:
                return file.read([*columns, *(name for name in optional if name in there)])
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DatasetError(f"{path} is damaged ({error}): fetch the dataset again") from None
    raise DatasetError(f"{path} lacks {', '.join(missing)}: it is not of LeRobot's format v3.0")
