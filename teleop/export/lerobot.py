"""Writes LeRobot datasets, format v3.0.

    meta/info.json            shapes, rates, where files are
    meta/stats.json           statistics over everything
    meta/tasks.parquet        instructions
    meta/episodes/...         one row an episode: its rows, its part of each video, its statistics
    data/chunk-000/...        one row a step: observation.state, action, timestamp, indices
    videos/<key>/chunk-000/.. images of many episodes, one after another
    meta/provenance.json      what the format has no place for (written by the caller)

Written from the documented layout with pyarrow and PyAV; the public library is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from teleop.export import video
from teleop.export.demonstration import Demonstration, ExportError, Layout, Refused
from teleop.export.formats import Exported, ExportPlan, attempt
from teleop.export.statistics import ColourCounts, Statistics, flat, merged, of_values
from teleop.export.video import JoinedVideo
from teleop.export.workers import Workers

VERSION = "v3.0"
FILES_PER_CHUNK = 1000
DATA_FILE_MB = 100
VIDEO_FILE_MB = 200
_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{_FILE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{_FILE}.mp4"
_EPISODES_PATH = f"meta/episodes/{_FILE}.parquet".format(chunk_index=0, file_index=0)
_MB = 1 << 20
_INDICES = ("frame_index", "episode_index", "index", "task_index")


def video_key(camera: str) -> str:
    """Name of a camera's feature."""
    return f"observation.images.{camera}"


class LeRobotFormat:
    """A dataset of the format's version 3.0."""

    title = "LeRobot"
    provenance = "meta/provenance.json"
    leader_ahead = 0
    many_tasks = True

    def colour(self, plan: ExportPlan) -> str:
        return "H.264, yuv420p, BT.601 matrix, limited range, marked as such; decoders give RGB"

    def bytes_needed(self, layout: Layout, steps: int, plan: ExportPlan) -> int:
        return 0

    def write(
        self,
        folder: Path,
        layout: Layout,
        demonstrations: Sequence[Demonstration],
        plan: ExportPlan,
        workers: Workers,
    ) -> Generator[str]:
        if layout.height % 2 or layout.width % 2:
            remedy = "export to hdf5, or crop them" if plan.other_formats else "crop them"
            raise Refused(
                f"{demonstrations[0].name}: images have {layout.width}x{layout.height} pixels, "
                f"expected an even width and height, as H.264 needs: {remedy}"
            )
        parts = folder / "parts"
        parts.mkdir()
        tasks = [_Encoding(n, each, layout, parts) for n, each in enumerate(demonstrations)]
        writer = LeRobotWriter(folder, layout)
        try:
            for task, colours in zip(tasks, workers.each(_encode, tasks)):
                if not isinstance(colours, str):
                    writer.add(task.demonstration, task.paths, colours)
                for path in task.paths.values():
                    path.unlink(missing_ok=True)
                yield colours if isinstance(colours, str) else ""
            writer.finish()
        finally:
            writer.close()
        parts.rmdir()

    def read_back(self, out: Path, cameras: Sequence[str]) -> Iterator[Exported]:
        fps = json.loads((out / "meta/info.json").read_text(encoding="utf-8"))["fps"]
        for row in pq.read_table(out / _EPISODES_PATH).to_pylist():
            place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
            wanted = [("episode_index", "=", row["episode_index"])]
            table = pq.read_table(out / DATA_PATH.format(**place), filters=wanted)
            yield Exported(
                np.stack(table["observation.state"].to_numpy()),
                np.stack(table["action"].to_numpy()),
                {camera: _frames(out, row, video_key(camera), fps) for camera in cameras},
            )


FORMAT = LeRobotFormat()


class _Encoding(NamedTuple):
    """The videos to make of one demonstration."""

    number: int
    demonstration: Demonstration
    layout: Layout
    folder: Path

    @property
    def paths(self) -> dict[str, Path]:
        return {c: self.folder / f"{self.number}-{c}.mp4" for c in self.layout.cameras}


def _encode(task: _Encoding) -> dict[str, ColourCounts] | str:
    """The colours of each camera's images, or what is wrong with the demonstration."""
    make = partial(video.encode, task.paths, task.layout, task.demonstration)
    return attempt(task.demonstration, make)


def _frames(
    out: Path, row: dict[str, Any], key: str, fps: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Images of an episode, with their steps."""
    of = f"videos/{key}"
    place = {"chunk_index": row[f"{of}/chunk_index"], "file_index": row[f"{of}/file_index"]}
    begin = round(row[f"{of}/from_timestamp"] * fps)
    with av.open(str(out / VIDEO_PATH.format(video_key=key, **place))) as container:
        frames = container.decode(container.streams.video[0])
        for step, frame in enumerate(islice(frames, begin, begin + row["length"])):
            yield step, np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


class LeRobotWriter:
    """Takes demonstrations one after another.

    Args:
        folder: An empty folder.
        layout: What all of them share.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._layout = layout
        self._data = _DataFiles(folder, len(layout.joint_names))
        self._videos = {c: _VideoFiles(folder, video_key(c), layout.fps) for c in layout.cameras}
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._values: dict[str, list[NDArray[Any]]] = {}
        self._colours: dict[str, list[ColourCounts]] = {c: [] for c in layout.cameras}
        self._frames = 0

    def add(
        self,
        demonstration: Demonstration,
        videos: Mapping[str, Path],
        colours: Mapping[str, ColourCounts],
    ) -> None:
        """Appends a demonstration, its images already encoded, one video a camera."""
        steps = demonstration.steps
        episode = len(self._rows)
        task = self._tasks.setdefault(demonstration.instruction, len(self._tasks))
        columns = _columns(demonstration, episode, task, self._frames, self._layout.fps)
        place = self._data.write(columns)
        statistics: dict[str, Statistics] = {}
        for name, values in columns.items():
            statistics[name] = of_values(values)
            self._values.setdefault(name, []).append(values)
        row: dict[str, Any] = {
            "episode_index": episode,
            "tasks": [demonstration.instruction],
            "length": steps,
            "data/chunk_index": place[0],
            "data/file_index": place[1],
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + steps,
        }
        for camera, files in self._videos.items():
            row |= files.append(videos[camera], steps)
            statistics[video_key(camera)] = colours[camera].statistics()
            self._colours[camera].append(colours[camera])
        row |= flat(statistics)
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        self._rows.append(row)
        self._frames += steps

    def finish(self) -> None:
        """Writes what describes the whole; nothing of nothing."""
        self.close()
        if not self._rows:
            return
        meta = self._folder / "meta"
        (self._folder / _EPISODES_PATH).parent.mkdir(parents=True)
        pq.write_table(
            pa.Table.from_pylist(self._rows), self._folder / _EPISODES_PATH, compression="snappy"
        )
        pq.write_table(_tasks_table(self._tasks), meta / "tasks.parquet")
        whole = {name: of_values(np.concatenate(parts)) for name, parts in self._values.items()}
        for camera, parts in self._colours.items():
            whole[video_key(camera)] = merged(parts).statistics()
        _write_json(meta / "stats.json", whole)
        _write_json(meta / "info.json", self._info())

    def close(self) -> None:
        """Closes the files of steps and images."""
        self._data.close()
        for files in self._videos.values():
            files.close()

    def _info(self) -> dict[str, Any]:
        layout = self._layout
        names = list(layout.joint_names)
        vector = {"dtype": "float32", "shape": [len(names)], "names": names}
        image = {
            "dtype": "video",
            "shape": [layout.height, layout.width, 3],
            "names": ["height", "width", "channels"],
            "info": video.description(layout),
        }
        features: dict[str, Any] = {"observation.state": vector, "action": dict(vector)}
        features |= {video_key(camera): dict(image) for camera in layout.cameras}
        scalar = {"shape": [1], "names": None}
        features["timestamp"] = {"dtype": "float32", **scalar}
        features |= {name: {"dtype": "int64", **scalar} for name in _INDICES}
        return {
            "codebase_version": VERSION,
            "robot_type": layout.robot_type,
            "total_episodes": len(self._rows),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": DATA_FILE_MB,
            "video_files_size_in_mb": VIDEO_FILE_MB,
            "fps": layout.fps,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features,
        }


def _columns(
    demonstration: Demonstration, episode: int, task: int, first: int, fps: int
) -> dict[str, NDArray[Any]]:
    steps = np.arange(demonstration.steps, dtype=np.int64)
    return {
        "observation.state": demonstration.state,
        "action": demonstration.action,
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full_like(steps, episode),
        "index": first + steps,
        "task_index": np.full_like(steps, task),
    }


class _Numbering:
    """Numbers of the current file; files fill a chunk, then the next begins."""

    def __init__(self) -> None:
        self.chunk = 0
        self.file = -1

    def next(self) -> None:
        self.file += 1
        if self.file == FILES_PER_CHUNK:
            self.chunk, self.file = self.chunk + 1, 0


class _DataFiles:
    """Parquet files of steps, one row group an episode."""

    def __init__(self, folder: Path, dimension: int) -> None:
        self._folder = folder
        vector = pa.list_(pa.float32(), dimension)
        fields = [("observation.state", vector), ("action", vector), ("timestamp", pa.float32())]
        self._schema = pa.schema([*fields, *((name, pa.int64()) for name in _INDICES)])
        self._number = _Numbering()
        self._writer: pq.ParquetWriter | None = None
        self._bytes = 0

    def write(self, columns: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """Appends an episode; returns chunk and file that it is in."""
        size = sum(values.nbytes for values in columns.values())
        if self._writer is None or self._bytes + size > DATA_FILE_MB * _MB:
            self.close()
            self._number.next()
            path = self._folder / DATA_PATH.format(
                chunk_index=self._number.chunk, file_index=self._number.file
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, self._schema, compression="snappy")
            self._bytes = 0
        arrays = [_array(columns[field.name], field.type) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._bytes += size
        return self._number.chunk, self._number.file

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values, kind)
    flat_values = pa.array(np.ascontiguousarray(values).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat_values, values.shape[1])


class _VideoFiles:
    """MP4 files of one camera."""

    def __init__(self, folder: Path, key: str, fps: int) -> None:
        self._folder = folder
        self._key = key
        self._fps = fps
        self._number = _Numbering()
        self._video: JoinedVideo | None = None

    def append(self, path: Path, steps: int) -> dict[str, Any]:
        """Moves a video's frames to the end; returns columns that say where they are."""
        current = self._video
        full = current is not None and (
            current.bytes + path.stat().st_size > VIDEO_FILE_MB * _MB or not current.takes(path)
        )
        if current is None or full:
            self.close()
            self._number.next()
            target = self._folder / VIDEO_PATH.format(
                video_key=self._key, chunk_index=self._number.chunk, file_index=self._number.file
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            current = self._video = JoinedVideo(target, self._fps)
        first = current.images
        current.append(path)
        if current.images - first != steps:
            raise ExportError(
                f"{self._key}: {current.images - first} images were encoded for {steps} steps"
            )
        prefix = f"videos/{self._key}"
        return {
            f"{prefix}/chunk_index": self._number.chunk,
            f"{prefix}/file_index": self._number.file,
            f"{prefix}/from_timestamp": first / self._fps,
            f"{prefix}/to_timestamp": current.images / self._fps,
        }

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None


def _tasks_table(tasks: Mapping[str, int]) -> pa.Table:
    """Instructions by number. Readers open it with pandas and expect the text as the index."""
    table = pa.table({"task_index": pa.array(tasks.values(), pa.int64()), "task": list(tasks)})

    def column(name: str, kind: str, stored: str) -> dict[str, Any]:
        described = {"name": name, "field_name": name, "metadata": None}
        return described | {"pandas_type": kind, "numpy_type": stored}

    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [column("task_index", "int64", "int64"), column("task", "unicode", "object")],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    return table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()})


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
