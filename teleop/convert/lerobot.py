"""Reads LeRobot datasets that others recorded, of format v2.0, v2.1 and v3.0."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from teleop.convert.formats import ImportOptions, positive_rate
from teleop.convert.lerobot_folder import Entry, LeRobotFolder, VideoPart
from teleop.convert.names import find_cameras, joint_places
from teleop.convert.streams import Series, SourceEpisode
from teleop.convert.units import check_grippers, check_joints, in_robot_units, outside_limits
from teleop.export.demonstration import ActionSource, ExportError, Image, StepImage
from teleop.export.images import at_step, is_encoded, kept_if_jpeg
from vega_core.stamps import NS

_STATES = ("observation.state", "observation.qpos", "observation.states", "state", "qpos")
_ACTIONS = ("action", "actions")
_STEP_COLUMNS = ("timestamp", "frame_index", "task_index", "next.success")
_TOLERANCE = 0.25
"""By how much of a step a time or an image may be off."""
_RATE_REMEDY = "write the rate of the timestamps into meta/info.json"


class LeRobot:
    """Datasets of any version since 2.0."""

    actions: tuple[ActionSource, ...] = ("leader", "follower")
    gripper_scale: float | None = 1.0
    options = frozenset({"map"})

    def episodes(self, folder: Path, options: ImportOptions) -> list[tuple[int, Path]]:
        dataset = _opened(folder)
        _chosen(dataset, options)
        if not dataset.entries:
            raise ExportError(f"{folder} has no episodes")
        return [(number, folder) for number in dataset.entries]

    def without_leader(self, folder: Path, options: ImportOptions) -> str:
        known = "action" in options.keys or not _opened(folder).features.keys().isdisjoint(_ACTIONS)
        return "" if known else f"it has no {_ACTIONS[0]}"

    def read(self, number: int, path: Path, options: ImportOptions) -> SourceEpisode:
        dataset = _opened(path)
        try:
            return _episode(dataset, dataset.entries[number], options)
        except ExportError as error:
            raise ExportError(f"{path}, episode {number}: {error}") from None


FORMAT = LeRobot()


@lru_cache(maxsize=2)
def _opened(folder: Path) -> LeRobotFolder:
    return LeRobotFolder(folder)


@dataclass(frozen=True)
class _Part:
    """Some values of a column: those from `first` to `last`."""

    key: str
    first: int
    last: int


@dataclass(frozen=True)
class _Vector:
    """Joint vectors out of columns: their parts side by side, then these places of them."""

    parts: tuple[_Part, ...]
    places: tuple[int, ...]
    note: str


@dataclass(frozen=True)
class _Chosen:
    """What of a dataset is what. `action` is None where the next state is the action."""

    cameras: Mapping[str, str]
    state: _Vector
    action: _Vector | None


def _chosen(dataset: LeRobotFolder, options: ImportOptions) -> _Chosen:
    cameras = find_cameras(dataset.cameras(), options.keys)
    state = _vector(dataset, "state", options.keys.get("state"), _STATES)
    action = None
    if options.action == "leader":
        action = _vector(dataset, "action", options.keys.get("action"), _ACTIONS)
    return _Chosen(cameras, state, action)


def _vector(
    dataset: LeRobotFolder, what: str, given: str | None, usual: tuple[str, ...]
) -> _Vector:
    vectors = [
        key for key in dataset.features if dataset.features[key]["dtype"].startswith("float")
    ]
    text = given or next((key for key in usual if key in vectors), None)
    if text is None:
        hint = "" if what == "state" else ", or give --action follower"
        raise ExportError(
            f"has no {usual[0]}: name it with --map {what}=KEY, of {', '.join(vectors)}{hint}"
        )
    parts = tuple(_part(dataset, each, vectors) for each in text.split("+"))
    names: list[str] | None = []
    for part in parts:
        said = dataset.names(part.key)
        whole = int(dataset.features[part.key]["shape"][0])
        if said is None or len(said) != whole or names is None:
            names = None
        else:
            names += said[part.first : part.last]
    count = sum(part.last - part.first for part in parts)
    try:
        places, note = joint_places(names, count)
    except ExportError as error:
        raise ExportError(f"{text} {error}") from None
    return _Vector(parts, tuple(places), f"{text}: {note}" if note else "")


def _part(dataset: LeRobotFolder, text: str, vectors: list[str]) -> _Part:
    match = re.fullmatch(r"\s*([^\[\]]+?)\s*(?:\[(\d+):(\d+)\])?\s*", text)
    key = match[1] if match else text
    if match is None or key not in vectors:
        raise ExportError(f"has no vector {key}: it has {', '.join(vectors)}")
    shape = dataset.features[key].get("shape") or [1]
    count = int(shape[0])
    first, last = (int(match[2]), int(match[3])) if match[2] else (0, count)
    if not first < last <= count:
        raise ExportError(f"{text}: {key} has {count} values")
    return _Part(key, first, last)


def _episode(dataset: LeRobotFolder, entry: Entry, options: ImportOptions) -> SourceEpisode:
    chosen = _chosen(dataset, options)
    fps = positive_rate(dataset.fps, "fps of meta/info.json", _RATE_REMEDY)
    vectors = [chosen.state] if chosen.action is None else [chosen.state, chosen.action]
    keys = {part.key for vector in vectors for part in vector.parts}
    table = dataset.steps(entry, [*keys, *_STEP_COLUMNS])
    stamps = _stamps(table, fps)
    state, *actions = (_joints(table, vector, options) for vector in vectors)
    images = _images(dataset, entry, chosen, stamps, fps)
    notes = [vector.note for vector in vectors]
    notes += [outside_limits(state, "states"), *(outside_limits(a, "actions") for a in actions)]
    return SourceEpisode(
        name=f"{dataset.folder}, episode {entry.number}",
        digest=_digest(entry, [state, *actions]),
        task=options.task,
        instruction=options.instruction or _instruction(dataset, table),
        fps=fps,
        state=Series(stamps, state),
        leader=Series(stamps, actions[0]) if actions else None,
        rate_remedy=_RATE_REMEDY,
        images=images,
        facts={
            "robot": dataset.robot,
            "layout": dataset.version,
            "episode": entry.number,
            "source_fps": fps,
            "gripper_scale": options.gripper_scale,
            "cameras_from": dict(chosen.cameras),
            **_outcome(entry, table),
        },
        notes=tuple(note for note in notes if note),
    )


def _stamps(table: pa.Table, fps: float) -> NDArray[np.int64]:
    """Times of an episode's steps (ns), from the first; they must be those of its rate."""
    if len(table) == 0 or "timestamp" not in table.column_names:
        raise ExportError("has no steps with timestamps")
    at_s = table.column("timestamp").to_numpy().astype(np.float64).reshape(-1)
    steps = np.arange(len(at_s))
    off = np.abs((at_s - at_s[0]) * fps - steps) > _TOLERANCE
    if off.any() or not np.isfinite(at_s).all():
        at = int(off.argmax())
        raise ExportError(
            f"step {at} has the time {at_s[at] - at_s[0]:.3f} s, expected {at / fps:.3f} s at "
            f"{fps:g} steps a second"
        )
    return np.rint(steps * (NS / fps)).astype(np.int64)


def _joints(table: pa.Table, vector: _Vector, options: ImportOptions) -> NDArray[np.float32]:
    pieces = []
    for part in vector.parts:
        if part.key not in table.column_names:
            raise ExportError(f"has no column {part.key}")
        column = table.column(part.key).to_pylist()
        try:
            values = np.asarray(column, np.float64).reshape(len(table), -1)
        except (TypeError, ValueError):
            raise ExportError(f"{part.key} has steps of several lengths, or without") from None
        if values.shape[1] < part.last:
            raise ExportError(f"{part.key} has {values.shape[1]} values, expected {part.last}")
        pieces.append(values[:, part.first : part.last])
    joined = np.concatenate(pieces, axis=1)[:, list(vector.places)]
    made = in_robot_units(joined, options.gripper_scale, options.degrees)
    check_grippers(made)
    check_joints(made)
    return made


def _instruction(dataset: LeRobotFolder, table: pa.Table) -> str:
    numbers = set()
    if "task_index" in table.column_names:
        numbers = {int(each) for each in np.ravel(table.column("task_index").to_pylist())}
    texts = {dataset.tasks.get(number, "") for number in numbers} or {""}
    if len(texts) > 1:
        said = ", ".join(map(repr, sorted(texts)))
        raise ExportError(f"has several instructions ({said}): choose one with --instruction")
    text = texts.pop()
    if not text.strip():
        raise ExportError("does not say what the operator was told: give --instruction")
    return text


def _outcome(entry: Entry, table: pa.Table) -> dict[str, str]:
    said = entry.success
    if "next.success" in table.column_names:
        ended = bool(np.any(table.column("next.success").to_pylist()))
        said = ended if said is None else said and ended
    return {} if said is None else {"outcome": "success" if said else "failure"}


def _digest(entry: Entry, values: list[NDArray[np.float32]]) -> str:
    digest = hashlib.sha256()
    for each in values:
        digest.update(each.tobytes())
    for key, part in entry.videos.items():
        if part.path.is_file():
            digest.update(f"{key} {part.path.stat().st_size} {part.start_s!r}".encode())
    return digest.hexdigest()


def _images(
    dataset: LeRobotFolder,
    entry: Entry,
    chosen: _Chosen,
    stamps: NDArray[np.int64],
    fps: float,
) -> LeRobotImages:
    videos = {}
    for camera, key in chosen.cameras.items():
        part = entry.videos.get(key)
        if part is None:
            continue
        _check_part(part, entry.length, fps)
        videos[camera] = part
    stored = {camera: key for camera, key in chosen.cameras.items() if camera not in videos}
    cameras = dict.fromkeys(chosen.cameras, stamps)
    return LeRobotImages(dataset.folder, entry, stored, videos, fps, cameras, {})


def _check_part(part: VideoPart, length: int, fps: float) -> None:
    if not part.path.is_file():
        raise ExportError(f"{part.path} is missing: the dataset was not copied wholly")
    if part.end_s is None:
        count = _frames(part.path)
        if count and count != length:
            raise ExportError(f"{part.path} has {count} images for {length} steps")
    elif abs((part.end_s - part.start_s) * fps - length) > _TOLERANCE:
        raise ExportError(
            f"{part.path}: its part goes from {part.start_s:.3f} s to {part.end_s:.3f} s, "
            f"{(part.end_s - part.start_s) * fps:.1f} images at {fps:g} a second for {length} steps"
        )


def _frames(path: Path) -> int:
    """How many images a file says that it has; 0 if it does not say."""
    try:
        with av.open(str(path)) as container:
            return int(container.streams.video[0].frames)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise ExportError(f"{path} is no readable video ({error})") from None


@dataclass(frozen=True)
class LeRobotImages:
    """Images of an episode: in videos, or in the table of its steps. As Hdf5Images else."""

    folder: Path
    entry: Entry
    stored: Mapping[str, str]
    videos: Mapping[str, VideoPart]
    fps: float
    stamps_ns: Mapping[str, NDArray[np.int64]]
    rows: Mapping[str, NDArray[np.int64]]

    def chosen(self, rows: Mapping[str, NDArray[np.int64]]) -> LeRobotImages:
        return LeRobotImages(
            self.folder, self.entry, self.stored, self.videos, self.fps, self.stamps_ns, rows
        )

    def read(self) -> Iterator[StepImage]:
        for camera, rows in self.rows.items():
            images: Iterator[Image]
            if camera in self.videos:
                images = self._decoded(self.videos[camera], rows.tolist())
            else:
                images = self._from_table(camera, rows.tolist())
            for step, (row, image) in enumerate(zip(rows.tolist(), images)):
                yield StepImage(camera, step, image, row)

    def _decoded(self, part: VideoPart, rows: list[int]) -> Iterator[NDArray[np.uint8]]:
        try:
            with av.open(str(part.path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                begin = part.start_s + rows[0] / self.fps
                container.seek(max(int(begin / (stream.time_base or 1)) - 1, 0), stream=stream)
                yield from self._in_time(part, container.decode(stream), iter(rows))
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise ExportError(f"{part.path} is no readable video ({error})") from None

    def _in_time(
        self, part: VideoPart, frames: Iterator[Any], rows: Iterator[int]
    ) -> Iterator[NDArray[np.uint8]]:
        row = next(rows, None)
        for frame in frames:
            if row is None:
                return
            at = ((frame.time or 0.0) - part.start_s) * self.fps
            if at < row - 0.5:
                continue
            if abs(at - row) > _TOLERANCE:
                raise ExportError(
                    f"{part.path}: the image of {part.start_s + row / self.fps:.3f} s is missing, "
                    f"the next one is of {frame.time:.3f} s"
                )
            image = frame.to_ndarray(format="rgb24")
            shown = row
            while row == shown:
                yield image
                row = next(rows, None)
        if row is not None:
            raise ExportError(
                f"{part.path} ends before {part.start_s + row / self.fps:.3f} s, where an image is "
                "expected: it was cut short"
            )

    def _from_table(self, camera: str, rows: list[int]) -> Iterator[Image]:
        key = self.stored[camera]
        column = _opened(self.folder).steps(self.entry, [key]).column(key)
        for step, row in enumerate(rows):
            with at_step(camera, step, row):
                image = self._file(key, column[row].as_py())
            yield image

    def _file(self, key: str, stored: Any) -> Image:
        data = stored.get("bytes") if isinstance(stored, dict) else stored
        if data is None and isinstance(stored, dict) and stored.get("path"):
            try:
                data = (self.folder / str(stored["path"])).read_bytes()
            except OSError as error:
                raise ExportError(f"{key}: {stored['path']} ({error.strerror})") from None
        if not isinstance(data, bytes) or not is_encoded(data):
            raise ExportError(f"{key}: an image is neither a JPEG nor a PNG file")
        return kept_if_jpeg(data)
