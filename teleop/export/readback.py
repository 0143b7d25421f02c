"""Reads an export back and holds it against the recording, with public readers alone.

Joint values are compared bit by bit, stamps with the samples nearest to them, and pictures with the
recorded JPEG files as any viewer shows them, by the mean colour of squares: what red and blue
exchanged, another range or another picture would change, and noise does not.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from teleop.dataset.reader import Joints, Recorded, open_episode
from teleop.dataset.stamps import NS
from teleop.export.hdf5 import file_name
from teleop.export.lerobot import DATA_PATH, VIDEO_PATH, video_key
from teleop.export.run import Format

EPISODES = 4
"""So many are read back at most."""
_EVERY = 5  # of the pictures one is compared
_SQUARE = 40  # pixels; what compression does to a single one averages out

Pixels = NDArray[np.uint8]


class Fidelity(NamedTuple):
    """How far an export is from the recording.

    Attributes:
        joint_error: Greatest difference of a state or an action (rad, m).
        stamp_error: Greatest distance of a step's sample, in periods of its stream.
        colour_error: Greatest difference of a square's mean colour, in levels of 255.
    """

    joint_error: float
    stamp_error: float
    colour_error: float


class _Exported(NamedTuple):
    """An episode as an export has it; state and action float32 [T, D]."""

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    pictures: dict[str, Iterator[tuple[int, Pixels]]]


def compare(out: Path, form: Format) -> Fidelity:
    """Holds the first episodes of an export against the recordings that it names."""
    path = out / "meta" if form == "lerobot" else out
    told = json.loads((path / "provenance.json").read_text(encoding="utf-8"))
    cameras = told["cameras"]
    read = _lerobot(out, cameras) if form == "lerobot" else _hdf5(out, cameras)
    found = []
    for source, exported in islice(zip(told["episodes"], read), EPISODES):
        with open_episode(Path(source["source"])) as recorded:
            found.append(_compare(recorded, source["first_stamp_ns"], told, exported))
    return Fidelity(*(max(column) for column in zip(*found)))


def _compare(
    recorded: Recorded, first_ns: int, told: dict[str, Any], exported: _Exported
) -> Fidelity:
    fps, ahead = told["fps"], told["action"]["steps_ahead"]
    steps = len(exported.state)
    at = first_ns + np.arange(steps + ahead, dtype=np.int64) * NS // fps
    state, late = _joints(recorded, "follower", at[:steps])
    action, later = _joints(recorded, told["action"]["source"], at[ahead:])
    joint_error = max(_worst(state, exported.state), _worst(action, exported.action))
    stamp_errors, colour_errors = [late, later], []
    for name, key in recorded.layout.cameras.items():
        stamps = recorded.image_stamps(name)
        near = _nearest(stamps, at[:steps])
        stamp_errors.append(_periods(stamps, near, at[:steps]))
        jpegs = _numbered(recorded, name, set(near[::_EVERY].tolist()))
        for step, shown in exported.pictures[key]:
            if step % _EVERY == 0:
                picture = np.asarray(Image.open(io.BytesIO(jpegs[int(near[step])])).convert("RGB"))
                colour_errors.append(_worst(_squares(picture), _squares(shown)))
    return Fidelity(joint_error, max(stamp_errors), max(colour_errors))


def _joints(
    recorded: Recorded, role: str, at: NDArray[np.int64]
) -> tuple[NDArray[np.float32], float]:
    """The positions nearest to these times, float32 [T, D], and how far they are in periods."""
    rows, late = [], 0.0
    for arm in recorded.layout.arms:
        joints = recorded.joints(arm, role)
        assert isinstance(joints, Joints)  # it was exported
        near = _nearest(joints.stamps_ns, at)
        rows.append(joints.position[near])
        late = max(late, _periods(joints.stamps_ns, near, at))
    return np.concatenate(rows, axis=1).astype(np.float32), late


def _nearest(stamps: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.abs(stamps[None] - at[:, None]).argmin(axis=1)


def _periods(stamps: NDArray[np.int64], near: NDArray[np.int64], at: NDArray[np.int64]) -> float:
    return float(np.abs(stamps[near] - at).max() / np.median(np.diff(stamps)))


def _numbered(recorded: Recorded, camera: str, numbers: set[int]) -> dict[int, bytes]:
    pictures = enumerate(recorded.images(camera))
    return {number: data for number, (_, data) in pictures if number in numbers}


def _squares(picture: Pixels) -> NDArray[np.float64]:
    """Mean colours."""
    height, width = (side // _SQUARE for side in picture.shape[:2])
    whole = picture[: height * _SQUARE, : width * _SQUARE]
    return whole.reshape(height, _SQUARE, width, _SQUARE, 3).mean(axis=(1, 3))


def _worst(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())


def _hdf5(out: Path, cameras: list[str]) -> Iterator[_Exported]:
    number = 0
    while (out / file_name(number)).exists():
        with h5py.File(out / file_name(number)) as file:
            images = file["observations/images"]
            compressed = bool(file.attrs["compress"])
            pictures = {camera: _rows(images[camera], compressed) for camera in cameras}
            yield _Exported(file["observations/qpos"][()], file["action"][()], pictures)
        number += 1


def _rows(pictures: h5py.Dataset, compressed: bool) -> Iterator[tuple[int, Pixels]]:
    for step, row in enumerate(pictures):
        # Public readers take what OpenCV makes of a JPEG file for RGB.
        rgb = cv2.imdecode(row, cv2.IMREAD_COLOR) if compressed else row
        yield step, np.asarray(rgb, dtype=np.uint8)


def _lerobot(out: Path, cameras: list[str]) -> Iterator[_Exported]:
    rows = pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    fps = json.loads((out / "meta/info.json").read_text(encoding="utf-8"))["fps"]
    for row in rows:
        place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
        wanted = [("episode_index", "=", row["episode_index"])]
        table = pq.read_table(out / DATA_PATH.format(**place), filters=wanted)
        yield _Exported(
            np.stack(table["observation.state"].to_numpy()),
            np.stack(table["action"].to_numpy()),
            {camera: _frames(out, row, video_key(camera), fps) for camera in cameras},
        )


def _frames(out: Path, row: dict[str, Any], key: str, fps: int) -> Iterator[tuple[int, Pixels]]:
    """Pictures of an episode, with their steps."""
    of = f"videos/{key}"
    place = {"chunk_index": row[f"{of}/chunk_index"], "file_index": row[f"{of}/file_index"]}
    begin = round(row[f"{of}/from_timestamp"] * fps)
    with av.open(str(out / VIDEO_PATH.format(video_key=key, **place))) as container:
        frames = container.decode(container.streams.video[0])
        for step, frame in enumerate(islice(frames, begin, begin + row["length"])):
            yield step, np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
