"""Camera frames of a dataset, resized once and kept in a cache that processes share.

Decompressing episodes and resizing their images takes longer than a training step, so it is done
once per dataset and image size. The cache is memory-mapped: several training processes share one
copy in RAM.
"""

import fcntl
import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from vega_policy.data.episodes import Episode, Source
from vega_policy.errors import DatasetError
from vega_policy.images import lanczos_resize

CACHE_FOLDER = ".cache"
FORMAT = 1
_RESIZED_AT_ONCE = 64
_REPORT_EVERY_S = 10.0


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


class FrameCache:
    """The cache of some episodes at one size.

    Args:
        directory: The dataset; the cache lies within.
        source: Of the images.
        episodes: Those to take, in this order.
        size: Side of the model's input.
        every: The episodes have each so many-th image only.
    """

    def __init__(
        self,
        directory: Path,
        source: Source,
        episodes: list[Episode],
        size: int,
        every: int = 1,
    ) -> None:
        self._directory = directory
        self._source = source
        self._episodes = episodes
        self._size = size
        thinned = f" every {every}" if every > 1 else ""
        digest = hashlib.sha256(f"{FORMAT} {size}{thinned}".encode())
        for episode in episodes:
            digest.update(source.stamp(episode).encode())
        self._folder = directory / CACHE_FOLDER / digest.hexdigest()[:16]

    def build(self, report: Callable[[str], None]) -> None:
        """Resizes all frames into the cache, unless it is there already.

        Args:
            report: Gets the size of the cache, then a line of progress now and then.

        Raises:
            DatasetError: Images are damaged or differ in form, or the cache does not fit on the
                disk or cannot be written.
        """
        if self._folder.is_dir():
            return
        partial = self._folder.with_name(f"{self._folder.name}.{os.getpid()}.partial")
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            with _one_at_a_time(self._folder.parent, report):
                if self._folder.is_dir():  # another run made it meanwhile
                    return
                partial.mkdir()
                self._write(partial, report)
                partial.rename(self._folder)
        except OSError as error:
            raise DatasetError(
                f"cannot write the frame cache below {self._directory}: {error}"
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def open(self) -> Frames:
        """Maps the frames that :meth:`build` made."""

        def load(name: str) -> NDArray | None:
            path = self._folder / f"{name}.npy"
            return np.load(path, mmap_mode="r") if path.exists() else None

        views = load("views")
        if views is None:
            raise DatasetError(f"{self._folder} is incomplete: delete it and start again")
        return Frames(views, load("depth"), load("segmentation"), load("camera_pose"))

    def _write(self, folder: Path, report: Callable[[str], None]) -> None:
        episodes, source = self._episodes, self._source
        total = sum(len(episode.image_index) for episode in episodes)
        with_scene = all(episode.has_scene for episode in episodes)
        scene = source.scene(episodes[0]) if with_scene else {}
        outputs = self._outputs(folder, total, scene, report)
        start, reported = 0, time.monotonic()
        for number, episode in enumerate(episodes, 1):
            stop = start + len(episode.image_index)
            self._add_views(outputs["views"][start:stop], episode)
            for key, array in (source.scene(episode) if with_scene else {}).items():
                if array.shape[1:] != outputs[key].shape[1:]:
                    raise DatasetError(
                        f"{episode.name}: {key} has shape {array.shape}, expected "
                        f"{(stop - start, *outputs[key].shape[1:])}"
                    )
                outputs[key][start:stop] = array
            start = stop
            if number == len(episodes) or time.monotonic() - reported > _REPORT_EVERY_S:
                reported = time.monotonic()
                report(f"frames: {number} of {len(episodes)} episodes, {start} of {total} frames")
        for output in outputs.values():
            output.flush()

    def _outputs(
        self,
        folder: Path,
        total: int,
        scene: Mapping[str, NDArray],
        report: Callable[[str], None],
    ) -> dict[str, Any]:
        """Arrays on the disk, their space reserved."""
        views, size = len(self._episodes[0].camera_names), self._size
        forms: dict[str, tuple[tuple[int, ...], DTypeLike]] = {
            "views": ((total, views, size, size, 3), np.uint8)
        }
        forms |= {key: ((total, *array.shape[1:]), array.dtype) for key, array in scene.items()}
        needed = sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in forms.values())
        free = shutil.disk_usage(folder).free
        what = f"the frame cache of {total} x {views} images of {size}x{size}"
        if needed > free:
            raise DatasetError(
                f"{what} takes {_bytes(needed)}, {_bytes(free)} are free below {self._directory}: "
                "free some space, or take fewer images (data.image_every=2)"
            )
        report(f"{what} takes {_bytes(needed)} of {_bytes(free)} that are free")
        outputs = {}
        for key, (shape, kind) in forms.items():
            path = folder / f"{key}.npy"
            outputs[key] = np.lib.format.open_memmap(path, "w+", kind, shape)
            with path.open("r+b") as file:  # a disk that fills up would kill us as we write
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return outputs

    def _add_views(self, output: NDArray[np.uint8], episode: Episode) -> None:
        for camera, first, images in self._source.views(episode):
            for start in range(0, len(images), _RESIZED_AT_ONCE):
                part = torch.from_numpy(images[start : start + _RESIZED_AT_ONCE])
                at = first + start
                output[at : at + len(part), camera] = lanczos_resize(part, self._size).numpy()


@contextmanager
def _one_at_a_time(folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Waits for another run that writes below a folder; its end, whatever it is, lets us in."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another run resizes these frames: waiting for it")
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"
