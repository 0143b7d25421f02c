"""Reads an export back and holds it against the recording, with public readers alone.

Joint values are compared bit by bit, stamps with the samples nearest to them, and images with the
recorded JPEG files as any viewer shows them, by the mean colour of squares: what red and blue
exchanged, another range or another image would change, and noise does not.
"""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from teleop.dataset.reader import Joints, Recorded, open_episode
from teleop.export.formats import FORMATS, Exported
from vega_core.stamps import NS

EPISODES = 4
"""So many are read back at most."""
_EVERY = 5  # of the images one is compared
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


def compare(out: Path, form: str) -> Fidelity:
    """Holds the first episodes of an export against the recordings that it names."""
    format_ = FORMATS.get(form)
    told = json.loads((out / format_.provenance).read_text(encoding="utf-8"))
    read = format_.read_back(out, told["cameras"])
    found = []
    for source, exported in islice(zip(told["episodes"], read), EPISODES):
        with open_episode(Path(source["source"])) as recorded:
            found.append(_compare(recorded, source["first_stamp_ns"], told, exported))
    return Fidelity(*(max(column) for column in zip(*found)))


def _compare(
    recorded: Recorded, first_ns: int, told: dict[str, Any], exported: Exported
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
        for step, shown in exported.images[key]:
            if step % _EVERY == 0:
                recorded_rgb = np.asarray(
                    Image.open(io.BytesIO(jpegs[int(near[step])])).convert("RGB")
                )
                colour_errors.append(_worst(_squares(recorded_rgb), _squares(shown)))
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
    images = enumerate(recorded.images(camera))
    return {number: data for number, (_, data) in images if number in numbers}


def _squares(image: Pixels) -> NDArray[np.float64]:
    """Mean colours of squares of the image, which survive what a video codec does."""
    height, width = (side // _SQUARE for side in image.shape[:2])
    whole = image[: height * _SQUARE, : width * _SQUARE]
    return whole.reshape(height, _SQUARE, width, _SQUARE, 3).mean(axis=(1, 3))


def _worst(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())
