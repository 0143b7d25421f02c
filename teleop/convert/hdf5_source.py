"""What HDF5 files of other projects have in common: numbered files, and images of several kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from teleop.export.demonstration import ExportError, Image, StepImage
from teleop.export.images import at_step, is_encoded, kept_if_jpeg, rgb_of_swapped_jpeg

STANDARD_COLOURS = b"\xff\xfe\x00\x0aXPL-RGB1"
"""Comment segment of RoboTwin's JPEG files since late 2026: any viewer shows their colours."""


@dataclass(frozen=True)
class Hdf5Images:
    """Images in an HDF5 file.

    Attributes:
        path: The file.
        places: Of each camera's images, by dataset key.
        stamps_ns: Of them.
        standard_jpeg: Compressed images have the colours that any viewer shows, whether they are
            marked or not; otherwise only marked ones have.
        rows: Those that are read, by dataset key.
    """

    path: Path
    places: Mapping[str, str]
    stamps_ns: Mapping[str, NDArray[np.int64]]
    standard_jpeg: bool
    rows: Mapping[str, NDArray[np.int64]]

    def chosen(self, rows: Mapping[str, NDArray[np.int64]]) -> Hdf5Images:
        return Hdf5Images(self.path, self.places, self.stamps_ns, self.standard_jpeg, rows)

    def read(self) -> Iterator[StepImage]:
        with reading(self.path) as file:
            for camera, rows in self.rows.items():
                images = file[self.places[camera]]
                for step, row in enumerate(rows.tolist()):
                    with at_step(camera, step, row):
                        image = _image(images[row], self.standard_jpeg)
                    yield StepImage(camera, step, image, row)


def _image(stored: Any, standard_jpeg: bool) -> Image:
    if isinstance(stored, np.ndarray) and stored.ndim == 3:
        return stored
    data = _bytes(stored)
    if standard_jpeg or STANDARD_COLOURS in data:
        return kept_if_jpeg(data)
    return rgb_of_swapped_jpeg(data)


def _bytes(stored: Any) -> bytes:
    return bytes(stored) if isinstance(stored, bytes) else np.asarray(stored, np.uint8).tobytes()


@contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """Opens a file; what is wrong with it becomes an ExportError that names it."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ExportError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"{path}: cannot be read ({error})") from None


def numbered_files(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    """Files by the number in their names, which is not the order of the names.

    Args:
        folder: Where they are.
        pattern: Regular expression of a name; its group is the number.

    Raises:
        ExportError: There are none.
    """
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder: give the one with the HDF5 files")
    found = []
    for path in folder.iterdir():
        match = re.fullmatch(pattern, path.name)
        if match:
            found.append((int(match[1]), path))
    if not found:
        example = re.sub(r"\(.*?\)", "0", pattern).replace("\\", "").replace("?", "")
        raise ExportError(f"{folder} has no file like {example}: give the folder with those files")
    return sorted(found)


def part(file: h5py.File, place: str) -> h5py.Dataset:
    """A dataset of a file.

    Raises:
        ExportError: It is not there.
    """
    found = file.get(place)
    if not isinstance(found, h5py.Dataset):
        raise ExportError(f"has no {place}: is --from right?")
    return found


def check_images(file: h5py.File, places: Mapping[str, str], steps: int) -> bool:
    """Refuses images that are not what this converter reads; returns whether they are compressed.

    Raises:
        ExportError: A camera has fewer images than steps, or they are of an unknown kind; the text
            says what was found.
    """
    compressed = set()
    for key, place in places.items():
        images = part(file, place)
        count = len(images) if images.shape else 0
        if count != steps:
            raise ExportError(f"{key} has {count} images for {steps} steps")
        compressed.add(steps > 0 and _is_compressed(key, images))
    if len(compressed) > 1:
        raise ExportError("some cameras have compressed images and some have not")
    return compressed == {True}


def _is_compressed(key: str, images: h5py.Dataset) -> bool:
    if images.dtype == np.uint8 and images.ndim == 4 and images.shape[-1] == 3:
        return False
    one_byte_string = images.dtype.kind in "SO" and images.ndim == 1
    padded = images.dtype == np.uint8 and images.ndim == 2
    if (one_byte_string or padded) and is_encoded(_bytes(images[0])):
        return True
    raise ExportError(
        f"{key} has images of {images.dtype} {list(images.shape)}, expected uint8 [N, height, "
        "width, 3] in RGB, or JPEG files as byte strings or as uint8 rows [N, bytes]: write them so"
    )
