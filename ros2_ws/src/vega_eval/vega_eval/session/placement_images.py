"""How the scene of a trial should look, and how it looked: reference images of placements.

They help to reset a scene as it was before: the reference is blended over the live image.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vega_eval.trials.folder import REFERENCES
from vega_eval.trials.schedule import Placement
from vega_eval.trials.session_spec import TaskSpec

RESET = "reset.jpg"
CameraImage = NDArray[np.uint8]


class PlacementImages:
    """The reference image of the present placement, and what it is compared with.

    The reference is the image with which the first trial at this placement began. Before there is
    one, a person who places the objects is shown what the twin would show.

    Args:
        task_spec: Whose scenes they are.
        by_hand: Whether a person places them.
        warn: Gets what went wrong, for people.
    """

    def __init__(self, task_spec: TaskSpec, by_hand: bool, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._twin = TwinRenderer(task_spec, warn) if by_hand else None
        self._references: ReferenceImages | None = None
        self._index = 0
        self._reference: CameraImage | None = None

    def keep_in(self, folder: Path) -> None:
        """Photos are kept in this session's folder."""
        self._references = ReferenceImages(folder)

    def prepare(self, placement: Placement, index: int) -> None:
        """The next trial has this placement."""
        self._index = index
        self._reference = self._photo()
        if self._reference is None and self._twin is not None:
            self._reference = self._twin.of(placement.seed)

    def blended(self, live: CameraImage | None) -> CameraImage | None:
        """The reference over the live image; None where one of them is missing."""
        if live is None or self._reference is None:
            return None
        return blend(self._reference, live)

    def photograph(self, folder: Path, live: CameraImage | None) -> float | None:
        """Keeps how the trial begins in its folder; how much it differs from the first one."""
        if live is None or self._references is None:
            return None
        before = self._photo()
        try:
            save(folder / RESET, self._reference, live)
            self._references.keep(self._index, live)
        except OSError as error:
            self._warn(f"the reset image cannot be written: {error}")
        return None if before is None else round(difference(before, live), 2)

    def _photo(self) -> CameraImage | None:
        return None if self._references is None else self._references.of(self._index)


class ReferenceImages:
    """The head camera's image of each placement, as its first trial began.

    Args:
        folder: The session's; images are kept in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / REFERENCES

    def of(self, placement: int) -> CameraImage | None:
        """The reference, uint8 [H, W, 3] RGB; None as long as there is none."""
        path = self._path(placement)
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.exists() else None
        return None if bgr is None else _swapped(bgr)

    def keep(self, placement: int, image: CameraImage) -> None:
        """Makes an image the reference, if there is none yet. Raises OSError."""
        path = self._path(placement)
        if not path.exists():
            self._folder.mkdir(exist_ok=True)
            _write(path, image)

    def _path(self, placement: int) -> Path:
        return self._folder / f"{placement:03d}.png"


class TwinRenderer:
    """Renders placements in a twin of its own; always from the same thread.

    Args:
        task_spec: Whose scenes they are.
        warn: Gets the sentence that it cannot be done here, once.
    """

    def __init__(self, task_spec: TaskSpec, warn: Callable[[str], None]) -> None:
        self._task_spec, self._warn = task_spec, warn
        self._works = find_spec("mujoco") is not None

    def of(self, seed: int | None) -> CameraImage | None:
        """The head camera's image of a scene, uint8 [H, W, 3]; None where it cannot be made."""
        if seed is None or not self._works:
            return None
        # Here, not above: only the twin needs MuJoCo.
        from vega_sim.render import RenderError
        from vega_sim.twin import Twin

        twin = Twin(self._task_spec.task, self._task_spec.variant)
        try:
            twin.reset(seed)
            return twin.render(twin.hw.overview_camera.name)
        except RenderError as error:
            self._works = False
            self._warn(f"the twin cannot show how a scene should look: {error}")
            return None
        finally:
            twin.close()


def blend(reference: CameraImage, live: CameraImage) -> CameraImage:
    """Both at half strength; where they agree, the image is sharp. Of the live one's size."""
    return cv2.addWeighted(_fit(reference, live), 0.5, live, 0.5, 0.0).astype(np.uint8)


def difference(reference: CameraImage, live: CameraImage) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(cv2.absdiff(_fit(reference, live), live).mean())


def save(path: Path, reference: CameraImage | None, live: CameraImage) -> None:
    """Reference, live image and blend side by side; the live one alone without a reference.

    Raises OSError.
    """
    panes = [live]
    if reference is not None:
        panes = [_fit(reference, live), live, blend(reference, live)]
    _write(path, np.concatenate(panes, axis=1))


def _fit(reference: CameraImage, live: CameraImage) -> CameraImage:
    height, width = live.shape[:2]
    if reference.shape[:2] == (height, width):
        return reference
    fitted = cv2.resize(reference, (width, height), interpolation=cv2.INTER_AREA)
    return fitted.astype(np.uint8)


def _swapped(image: NDArray[np.generic]) -> CameraImage:
    return np.ascontiguousarray(image[:, :, ::-1]).astype(np.uint8)


def _write(path: Path, image: CameraImage) -> None:
    done, data = cv2.imencode(path.suffix, _swapped(image))
    if not done:
        raise OSError(f"{path}: the image cannot be encoded")
    path.write_bytes(data.tobytes())
