"""Camera frames of a dataset, resized once and kept in a cache that processes share.

Decompressing episodes and resizing their images takes longer than a training step, so it is done
once per dataset and image size. The cache is memory-mapped: several training processes share one
copy in RAM.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vega_policy.data.episodes import SCENE_KEYS, Episode, open_episode
from vega_policy.errors import DatasetError
from vega_policy.images import lanczos_resize

CACHE_FOLDER = ".cache"
FORMAT = 1
DTYPES = {"depth": np.float16, "segmentation": np.uint8, "camera_pose": np.float32}


class Frames(NamedTuple):
    """Frames of all episodes, one after the other.

    Attributes:
        views: uint8 [N, V, S, S, 3].
        depth: float16 [N, V, h, w] or None; ``segmentation`` and ``camera_pose`` alike.
    """

    views: NDArray[np.uint8]
    depth: NDArray[np.float16] | None
    segmentation: NDArray[np.uint8] | None
    camera_pose: NDArray[np.float32] | None


def cache_path(directory: Path, episodes: list[Episode], size: int) -> Path:
    """Where the frames of these episodes at this size belong."""
    digest = hashlib.sha256(f"{FORMAT} {size}".encode())
    for episode in episodes:
        stat = episode.path.stat()
        name = episode.path.relative_to(directory)
        digest.update(f"{name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return directory / CACHE_FOLDER / digest.hexdigest()[:16]


def build_cache(
    directory: Path, episodes: list[Episode], size: int, report: Callable[[str], None]
) -> None:
    """Resizes all frames into the cache, unless it is there already.

    Args:
        directory: The dataset.
        episodes: Those to take, in this order.
        size: Side of the model's input.
        report: Gets a line of progress now and then.

    Raises:
        DatasetError: Episodes differ in form, or the cache cannot be written.
    """
    target = cache_path(directory, episodes, size)
    if target.is_dir():
        return
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        _write(partial, episodes, size, report)
        partial.rename(target)
    except OSError as error:
        raise DatasetError(f"cannot write the frame cache below {directory}: {error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(folder: Path, episodes: list[Episode], size: int, report: Callable[[str], None]) -> None:
    total = sum(len(episode.image_index) for episode in episodes)
    scene_keys = SCENE_KEYS if all(episode.has_scene for episode in episodes) else ()
    outputs: dict[str, NDArray] = {}
    start = 0
    for number, episode in enumerate(episodes, 1):
        stop = start + len(episode.image_index)
        with open_episode(episode.path) as file:
            arrays = {key: file[key].astype(DTYPES[key]) for key in scene_keys}
            arrays["views"] = _resized(file["images"], size)
        for key, array in arrays.items():
            if key not in outputs:
                outputs[key] = np.lib.format.open_memmap(
                    folder / f"{key}.npy", "w+", array.dtype, (total, *array.shape[1:])
                )
            if array.shape[1:] != outputs[key].shape[1:] or len(array) != stop - start:
                raise DatasetError(
                    f"{episode.path}: {key} has shape {array.shape}, expected "
                    f"{(stop - start, *outputs[key].shape[1:])}"
                )
            outputs[key][start:stop] = array
        start = stop
        if number % 20 == 0 or number == len(episodes):
            report(f"frames: {number} of {len(episodes)} episodes, {start} of {total} frames")
    for output in outputs.values():
        if isinstance(output, np.memmap):
            output.flush()


def _resized(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    flat = torch.from_numpy(images.reshape(-1, *images.shape[2:]))
    resized = [lanczos_resize(part, size) for part in flat.split(64)]
    return torch.cat(resized).reshape(*images.shape[:2], size, size, 3).numpy()


def open_cache(directory: Path, episodes: list[Episode], size: int) -> Frames:
    """Maps frames that :func:`build_cache` made."""
    folder = cache_path(directory, episodes, size)

    def load(name: str) -> NDArray | None:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    views = load("views")
    if views is None:
        raise DatasetError(f"{folder} is incomplete: delete it and start again")
    return Frames(views, load("depth"), load("segmentation"), load("camera_pose"))
