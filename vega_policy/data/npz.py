"""Reads the twin's demonstrations, one ``.npz`` file each.

state         float32 [T, 14]           rad, gripper in m, at every control step
action        float32 [T, 14]           absolute target given at that step
image_index   int32   [N]               steps at which the cameras were kept
images        uint8   [N, V, 256, 256, 3]
depth         float16 [N, V, 64, 64]    m along the optical axis     (twin only)
segmentation  uint8   [N, V, 64, 64]    class ids                    (twin only)
camera_pose   float32 [N, V, 4, 4]      optical frame in the robot's (twin only)
metadata      str                       JSON: task, instruction, success, fps, joint_names,
                                        camera_names, ...
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vega_policy.data import episodes
from vega_policy.data.episodes import SCENE_KEYS, Episode, Views
from vega_policy.errors import DatasetError

_FRAMES = ("images", *SCENE_KEYS)
_Header = tuple[tuple[int, ...], np.dtype]
_DTYPES = {"depth": np.float16, "segmentation": np.uint8, "camera_pose": np.float32}


class NpzSource:
    """A folder of ``.npz`` episodes, at any depth.

    Args:
        directory: The folder.
        squashed: Side of the square that camera frames are squashed to; None takes any.
    """

    def __init__(self, directory: Path, squashed: int | None = None) -> None:
        self.directory = directory
        self._squashed = squashed

    def episodes(self) -> list[Episode]:
        files = sorted(self.directory.rglob("*.npz"))
        return [self.read(file.relative_to(self.directory).as_posix()) for file in files]

    def read(self, name: str) -> Episode:
        """Reads everything but the images.

        Raises:
            DatasetError: The file is unreadable, lacks a field, or its lengths disagree.
        """
        path = self.directory / name
        with _opened(path) as file:
            try:
                metadata = json.loads(str(file["metadata"]))
                episode = Episode(
                    name=name,
                    state=file["state"].astype(np.float32),
                    action=file["action"].astype(np.float32),
                    image_index=file["image_index"].astype(np.int64),
                    instruction=metadata["instruction"],
                    task=str(metadata["task"]),
                    joint_names=tuple(metadata["joint_names"]),
                    camera_names=tuple(metadata["camera_names"]),
                    fps=float(metadata["fps"]),
                    success=bool(metadata["success"]),
                    has_scene=all(key in file.files for key in SCENE_KEYS),
                )
                headers = {key: _header(file, key) for key in _FRAMES if key in file.files}
            except KeyError as error:
                raise DatasetError(f"{path}: a field is missing: {error.args[0]}") from None
            except (ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
                raise DatasetError(f"{path}: damaged ({error})") from None
        episodes.check(episode, path)
        self._check_frames(path, headers, (len(episode.image_index), len(episode.camera_names)))
        return episode

    def _check_frames(
        self, path: Path, headers: Mapping[str, _Header], frames: tuple[int, int]
    ) -> None:
        if "images" not in headers:
            raise DatasetError(f"{path}: a field is missing: images")
        for key, (shape, _) in headers.items():
            if shape[:2] != frames:
                name = "views" if key == "images" else key
                raise DatasetError(
                    f"{path}: {name} has shape {shape}, expected {frames} frames and cameras first"
                )
        shape, dtype = headers["images"]
        side = self._squashed or (shape[2] if len(shape) > 2 else 0)
        if shape[2:] != (side, side, 3) or dtype != np.uint8:
            raise DatasetError(
                f"{path}: images are {dtype} {shape[2:]}, the recipe takes uint8 {(side, side, 3)} "
                "(image.squash): record them anew, or set image.squash to the side that they have"
            )

    def views(self, episode: Episode) -> Iterator[Views]:
        images = self._of_frames(episode, "images")
        for camera in range(images.shape[1]):
            yield Views(camera, 0, images[:, camera])

    def scene(self, episode: Episode) -> Mapping[str, NDArray]:
        if not episode.has_scene:
            return {}
        return {key: self._of_frames(episode, key).astype(_DTYPES[key]) for key in SCENE_KEYS}

    def stamp(self, episode: Episode) -> str:
        stat = (self.directory / episode.name).stat()
        return f"{episode.name} {stat.st_size} {stat.st_mtime_ns}"

    def digest(self, episode: Episode) -> str:
        return episodes.digest(episode, (self.directory / episode.name).stat().st_size)

    def _of_frames(self, episode: Episode, key: str) -> NDArray:
        """An array of the file at the frames of the episode [N, V, ...]."""
        path = self.directory / episode.name
        with _opened(path) as file:
            try:
                kept, array = file["image_index"], file[key]
            except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
                raise DatasetError(f"{path}: damaged ({error})") from None
        if len(kept) == len(episode.image_index):
            return array
        return array[np.searchsorted(kept, episode.image_index)]


def _header(file: Any, key: str) -> _Header:
    """Shape and dtype of an array, which is not read."""
    with file.zip.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)
        known = np.lib.format
        read = known.read_array_header_1_0 if version == (1, 0) else known.read_array_header_2_0
        shape, _, dtype = read(member)
    return shape, dtype


def _opened(path: Path) -> Any:
    """Opens the file; arrays are read when they are asked for."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: no readable episode ({error})") from None
