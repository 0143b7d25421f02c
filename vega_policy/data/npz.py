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

_DTYPES = {"depth": np.float16, "segmentation": np.uint8, "camera_pose": np.float32}


class NpzSource:
    """A folder of ``.npz`` episodes, at any depth.

    Args:
        directory: The folder.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

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
            except KeyError as error:
                raise DatasetError(f"{path}: a field is missing: {error.args[0]}") from None
            except (ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
                raise DatasetError(f"{path}: damaged ({error})") from None
        episodes.check(episode, path)
        return episode

    def views(self, episode: Episode) -> Iterator[Views]:
        images = self._of_frames(episode, "images", len(episode.camera_names))
        for camera in range(images.shape[1]):
            yield Views(camera, 0, images[:, camera])

    def scene(self, episode: Episode) -> Mapping[str, NDArray]:
        if not episode.has_scene:
            return {}
        views = len(episode.camera_names)
        return {
            key: self._of_frames(episode, key, views).astype(_DTYPES[key]) for key in SCENE_KEYS
        }

    def stamp(self, episode: Episode) -> str:
        stat = (self.directory / episode.name).stat()
        return f"{episode.name} {stat.st_size} {stat.st_mtime_ns}"

    def digest(self, episode: Episode) -> str:
        return episodes.digest(episode, (self.directory / episode.name).stat().st_size)

    def _of_frames(self, episode: Episode, key: str, views: int) -> NDArray:
        """An array of the file at the frames of the episode [N, V, ...]."""
        path = self.directory / episode.name
        with _opened(path) as file:
            try:
                kept, array = file["image_index"], file[key]
            except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
                raise DatasetError(f"{path}: damaged ({error})") from None
        if array.shape[:2] != (len(kept), views):
            name = "views" if key == "images" else key
            raise DatasetError(
                f"{path}: {name} has shape {array.shape}, expected {(len(kept), views)} "
                "frames and cameras first"
            )
        if len(kept) == len(episode.image_index):
            return array
        return array[np.searchsorted(kept, episode.image_index)]


def _opened(path: Path) -> Any:
    """Opens the file; arrays are read when they are asked for."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: no readable episode ({error})") from None
