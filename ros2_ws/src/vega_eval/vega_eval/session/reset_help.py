"""Helps to lay a scene as it lay before: the reference picture, blended over the live one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vega_eval.trials.folder import REFERENCES

Picture = NDArray[np.uint8]


class References:
    """The head camera's picture of each placement, as its first trial began.

    Args:
        folder: The session's; pictures are kept in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / REFERENCES

    def of(self, placement: int) -> Picture | None:
        """The reference, uint8 [H, W, 3] RGB; None as long as there is none."""
        path = self._path(placement)
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.exists() else None
        return None if bgr is None else _swapped(bgr)

    def keep(self, placement: int, picture: Picture) -> None:
        """Makes a picture the reference, if there is none yet. Raises OSError."""
        path = self._path(placement)
        if not path.exists():
            self._folder.mkdir(exist_ok=True)
            _write(path, picture)

    def _path(self, placement: int) -> Path:
        return self._folder / f"{placement:03d}.png"


def blend(reference: Picture, live: Picture) -> Picture:
    """Both at half strength; where they agree, the picture is sharp. Of the live one's size."""
    return cv2.addWeighted(_fit(reference, live), 0.5, live, 0.5, 0.0).astype(np.uint8)


def difference(reference: Picture, live: Picture) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(cv2.absdiff(_fit(reference, live), live).mean())


def save(path: Path, reference: Picture | None, live: Picture) -> None:
    """Reference, live picture and blend side by side; the live one alone without a reference.

    Raises OSError.
    """
    panes = [live]
    if reference is not None:
        panes = [_fit(reference, live), live, blend(reference, live)]
    _write(path, np.concatenate(panes, axis=1))


def _fit(reference: Picture, live: Picture) -> Picture:
    height, width = live.shape[:2]
    if reference.shape[:2] == (height, width):
        return reference
    fitted = cv2.resize(reference, (width, height), interpolation=cv2.INTER_AREA)
    return fitted.astype(np.uint8)


def _swapped(picture: NDArray[np.generic]) -> Picture:
    return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)


def _write(path: Path, picture: Picture) -> None:
    done, data = cv2.imencode(path.suffix, _swapped(picture))
    if not done:
        raise OSError(f"{path}: the picture cannot be encoded")
    path.write_bytes(data.tobytes())
