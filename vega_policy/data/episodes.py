"""Reading demonstration episodes, one ``.npz`` file each.

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

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_policy.errors import DatasetError

SCENE_KEYS = ("depth", "segmentation", "camera_pose")


class Episode(NamedTuple):
    """One demonstration without its images.

    Attributes:
        path: File.
        state: [T, D] float32.
        action: [T, D] float32.
        image_index: [N] int64, steps that have images.
        instruction: What the operator was told.
        task: Name of the task.
        joint_names: Order of D.
        camera_names: Order of views.
        fps: Steps a second.
        success: Whether the task was done in the end.
        has_scene: Whether depth, segmentation and poses are there.
    """

    path: Path
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    image_index: NDArray[np.int64]
    instruction: str
    task: str
    joint_names: tuple[str, ...]
    camera_names: tuple[str, ...]
    fps: float
    success: bool
    has_scene: bool


def episode_files(directory: Path) -> list[Path]:
    """Episode files of a dataset in a fixed order.

    Raises:
        DatasetError: The folder does not exist or holds none.
    """
    if not directory.is_dir():
        raise DatasetError(f"there is no dataset folder {directory}")
    files = sorted(directory.rglob("*.npz"))
    if not files:
        raise DatasetError(
            f"{directory} holds no episode (*.npz); record some with python -m vega_sim.demos"
        )
    return files


def open_episode(path: Path) -> Any:
    """Opens the file; arrays are read when they are asked for.

    Raises:
        DatasetError: It is no readable npz.
    """
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: no readable episode ({error})") from None


def read_episode(path: Path) -> Episode:
    """Reads everything but the images.

    Raises:
        DatasetError: The file is unreadable, lacks a field, or its lengths disagree.
    """
    with open_episode(path) as file:
        try:
            metadata = json.loads(str(file["metadata"]))
            episode = Episode(
                path=path,
                state=file["state"].astype(np.float32),
                action=file["action"].astype(np.float32),
                image_index=file["image_index"].astype(np.int64),
                instruction=str(metadata["instruction"]),
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
    _check(episode)
    return episode


def episode_digest(episode: Episode) -> str:
    """A short digest of everything but the images, of which it has the size of the file only."""
    digest = hashlib.sha256()
    for array in (episode.state, episode.action, episode.image_index):
        digest.update(np.ascontiguousarray(array).tobytes())
    facts = (episode.instruction, episode.task, episode.joint_names, episode.camera_names)
    digest.update(json.dumps([*facts, episode.fps, episode.path.stat().st_size]).encode())
    return digest.hexdigest()[:16]


def _check(episode: Episode) -> None:
    steps, dim = episode.state.shape
    if episode.action.shape != (steps, dim) or dim != len(episode.joint_names):
        raise DatasetError(
            f"{episode.path}: state {episode.state.shape}, action {episode.action.shape} and "
            f"{len(episode.joint_names)} joint names do not belong together"
        )
    index = episode.image_index
    if len(index) == 0 or index.min() < 0 or index.max() >= steps:
        raise DatasetError(f"{episode.path}: image_index must lie within the {steps} steps")
    for name, values in (("state", episode.state), ("action", episode.action)):
        if not np.isfinite(values).all():
            raise DatasetError(f"{episode.path}: {name} holds non-finite values")
