"""A LeRobot dataset of format v2.0, v2.1 or v3.0 as a folder: episodes, tables, tasks, videos.

v2.x has a table and a video of each camera for every episode, and lists episodes and tasks in JSON
lines. v3.0 has many episodes in a file, and tables that say where each one is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from teleop.export.demonstration import ExportError

INFO = Path("meta") / "info.json"
_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_PLACE = ("chunk_index", "file_index")


class VideoPart(NamedTuple):
    """Where the images of an episode are: from when to when in a file (s); None: all of it."""

    path: Path
    start_s: float
    end_s: float | None


class Entry(NamedTuple):
    """An episode.

    Attributes:
        number: Its index.
        length: Steps.
        table: File of its steps.
        videos: Of each camera that has videos, by feature.
        success: What the dataset says of it, or None.
    """

    number: int
    length: int
    table: Path
    videos: Mapping[str, VideoPart]
    success: bool | None


class LeRobotFolder:
    """A dataset.

    Args:
        folder: With ``meta/info.json``.

    Raises:
        ExportError: It is no such dataset, of another version, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._info = _info(folder)
        self._many_in_a_file = str(self._info["codebase_version"]).startswith("v3.")

    @property
    def fps(self) -> Any:
        """Steps a second, as the dataset says."""
        return self._info.get("fps")

    @property
    def version(self) -> str:
        """Of the format, such as v2.1."""
        return str(self._info["codebase_version"])

    @property
    def robot(self) -> str:
        """What the dataset says that it was recorded with."""
        return str(self._info.get("robot_type") or "unknown")

    @property
    def features(self) -> Mapping[str, Mapping[str, Any]]:
        """Columns and cameras by key: dtype, shape, names."""
        return self._info["features"]

    def cameras(self) -> list[str]:
        """Keys of what has images."""
        return [key for key, each in self.features.items() if each["dtype"] in ("video", "image")]

    def names(self, key: str) -> list[str] | None:
        """Names of a vector's values; some writers put them into a group or a list of their own."""
        names = self.features[key].get("names")
        if isinstance(names, dict) and len(names) == 1:
            names = next(iter(names.values()))
        if isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
            names = names[0]
        return [str(name) for name in names] if isinstance(names, list) else None

    @cached_property
    def entries(self) -> dict[int, Entry]:
        """Episodes by index.

        Raises:
            ExportError: A list of episodes is missing or damaged, or not as long as said.
        """
        listed = self._rows("episodes")
        total = self._info.get("total_episodes")
        if total is not None and len(listed) != total:
            raise ExportError(
                f"{self.folder} lists {len(listed)} episodes, {INFO} says {total}: a file is "
                "missing, or recording was cut short"
            )
        try:
            entries = [self._entry(row) for row in listed]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ExportError(f"{self.folder}: its episodes are malformed ({error!r})") from None
        return {entry.number: entry for entry in sorted(entries)}

    @cached_property
    def tasks(self) -> dict[int, str]:
        """What operators were told, by number."""
        found = {}
        for row in self._rows("tasks"):
            texts = [value for key, value in row.items() if key != "task_index"]
            if "task_index" in row and len(texts) == 1 and isinstance(texts[0], str):
                found[int(row["task_index"])] = texts[0]
        return found

    def steps(self, entry: Entry, columns: Sequence[str]) -> pa.Table:
        """Columns of an episode's steps; those that are not there are left out.

        Raises:
            ExportError: The file is missing or damaged, or has not as many steps as said.
        """
        table = _table(entry.table, columns, entry.number)
        if len(table) != entry.length:
            raise ExportError(
                f"{entry.table}: episode {entry.number} has {len(table)} steps, expected "
                f"{entry.length}"
            )
        return table

    def _rows(self, what: str) -> list[dict[str, Any]]:
        if not self._many_in_a_file:
            return _json_lines(self.folder / "meta" / f"{what}.jsonl")
        place = self.folder / "meta" / (what if what == "episodes" else f"{what}.parquet")
        files = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
        if not files:
            raise ExportError(f"{place} has no parquet file: the dataset was not copied wholly")
        # Statistics of every episode stand in the same tables, in hundreds of columns.
        return [
            row for file in files for row in _table(file, None, None, skip="stats/").to_pylist()
        ]

    def _entry(self, row: Mapping[str, Any]) -> Entry:
        number, length = int(row["episode_index"]), int(row["length"])
        videos = [key for key, each in self.features.items() if each["dtype"] == "video"]
        success = None if row.get("success") is None else bool(row["success"])
        if self._many_in_a_file:
            template = str(self._info["data_path"])
            table = template.format(**{name: row[f"data/{name}"] for name in _PLACE})
            parts = {key: self._part(row, key) for key in videos}
        else:
            at = {
                "episode_chunk": number // int(self._info.get("chunks_size") or 1000),
                "episode_index": number,
            }
            table = str(self._info.get("data_path") or _DATA).format(**at)
            template = str(self._info.get("video_path") or _VIDEO)
            parts = {
                key: VideoPart(self.folder / template.format(**at, video_key=key), 0.0, None)
                for key in videos
            }
        return Entry(number, length, self.folder / table, parts, success)

    def _part(self, row: Mapping[str, Any], key: str) -> VideoPart:
        numbers = {name: row[f"videos/{key}/{name}"] for name in _PLACE}
        path = str(self._info["video_path"]).format(video_key=key, **numbers)
        span = [float(row[f"videos/{key}/{name}_timestamp"]) for name in ("from", "to")]
        return VideoPart(self.folder / path, *span)


def _info(folder: Path) -> dict[str, Any]:
    path = folder / INFO
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: give the folder of a LeRobot dataset") from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} is damaged ({error}): fetch the dataset again") from None
    version = str(content.get("codebase_version")) if isinstance(content, dict) else "unknown"
    if not version.startswith(("v2.", "v3.")):
        raise ExportError(f"{folder} is a LeRobot dataset of format {version}, expected v2 or v3")
    features = content.get("features")
    if not isinstance(features, dict) or not all(
        isinstance(each, dict) and isinstance(each.get("dtype"), str) for each in features.values()
    ):
        raise ExportError(f"{path} is malformed: it lists no features")
    return content


def _json_lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: the dataset was not copied wholly") from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} is damaged ({error}): fetch the dataset again") from None
    if not all(isinstance(row, dict) for row in rows):
        raise ExportError(f"{path} is malformed: expected an object on each line")
    return rows


def _table(
    path: Path, columns: Sequence[str] | None, episode: int | None, skip: str = ""
) -> pa.Table:
    if not path.is_file():
        raise ExportError(f"{path} is missing: the dataset was not copied wholly")
    try:
        there = pq.read_schema(path).names
        if columns is None:
            wanted = [name for name in there if not name.startswith(skip)]
        else:
            wanted = [name for name in columns if name in there]
        if episode is None:
            return pq.read_table(path, columns=wanted)
        return pq.read_table(path, columns=wanted, filters=[("episode_index", "=", episode)])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ExportError(f"{path} is damaged ({error}): fetch the dataset again") from None
