"""Writes one HDF5 file a demonstration, in the layout of Cobot Magic's and ALOHA's recorders.

    attrs                     sim, compress; more of our own
    /observations/qpos        (T, 14) float32, followers: left 6 joints, gripper, right the same
    /observations/qvel        (T, 14) float32
    /observations/effort      (T, 14) float32
    /observations/images/<c>  (T, H, W, 3) uint8 RGB, or compressed (T, L) uint8
    /action                   (T, 14) float32
    /base_action              (T, 2) float32, zeros
    /compress_len             (cameras, T) float32, when compressed
    /stamps_ns                (T,) int64, capture time of each step; our own

Public readers decode compressed images with cv2.imdecode and take what comes for RGB, so the JPEG
files have red and blue exchanged, as those recorders write them.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from teleop.export.demonstration import Demonstration, ExportError, Layout
from teleop.export.formats import Exported, ExportPlan, attempt
from teleop.export.images import converted, rgb, swapped_jpeg
from teleop.export.workers import Workers

JPEG_QUALITY = 95
BASE_DIMENSION = 2


def file_name(episode: int) -> str:
    """Name of an episode's file."""
    return f"episode_{episode}.hdf5"


class Hdf5Format:
    """One file a demonstration."""

    title = "HDF5"
    provenance = "provenance.json"
    leader_ahead = 1  # as Cobot Magic's recorder has it
    many_tasks = False

    def colour(self, plan: ExportPlan) -> str:
        if plan.compress:
            return "JPEG with red and blue exchanged: cv2.imdecode gives RGB"
        return "RGB"

    def bytes_needed(self, layout: Layout, steps: int, plan: ExportPlan) -> int:
        return (
            0 if plan.compress else layout.height * layout.width * 3 * len(layout.cameras) * steps
        )

    def write(
        self,
        folder: Path,
        layout: Layout,
        demonstrations: Sequence[Demonstration],
        plan: ExportPlan,
        workers: Workers,
    ) -> Generator[str]:
        tasks = [
            (folder / file_name(number), layout, each, plan)
            for number, each in enumerate(demonstrations)
        ]
        written = 0
        for (path, *_), wrong in zip(tasks, workers.each(_write, tasks)):
            if wrong:
                path.unlink(missing_ok=True)
            else:
                path.rename(folder / file_name(written))
                written += 1
            yield wrong

    def read_back(self, out: Path, cameras: Sequence[str]) -> Iterator[Exported]:
        for number in itertools.takewhile(
            lambda number: (out / file_name(number)).exists(), itertools.count()
        ):
            with h5py.File(out / file_name(number)) as file:
                images = file["observations/images"]
                compressed = bool(file.attrs["compress"])
                shown = {camera: _rows(images[camera], compressed) for camera in cameras}
                yield Exported(file["observations/qpos"][()], file["action"][()], shown)


FORMAT = Hdf5Format()


def _rows(images: h5py.Dataset, compressed: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for step, row in enumerate(images):
        # Public readers take what OpenCV makes of a JPEG file for RGB.
        pixels = cv2.imdecode(row, cv2.IMREAD_COLOR) if compressed else row
        yield step, np.asarray(pixels, dtype=np.uint8)


def _write(task: tuple[Path, Layout, Demonstration, ExportPlan]) -> str:
    """What is wrong with it; empty once the file is there."""
    return attempt(task[2], lambda: write_file(*task)) or ""


def write_file(path: Path, layout: Layout, demonstration: Demonstration, plan: ExportPlan) -> None:
    """Writes a new file.

    Raises:
        ExportError: An image is damaged or of another size; it says which.
        OSError: It cannot be written.
    """
    with h5py.File(path, "w", rdcc_nbytes=2 << 20) as file:
        file.attrs["sim"] = demonstration.facts.get("robot", "real") != "real"
        file.attrs["compress"] = plan.compress
        file.attrs["fps"] = layout.fps
        file.attrs["joint_names"] = list(layout.joint_names)
        file.attrs["action_source"] = plan.action
        file.attrs["action_steps_ahead"] = plan.ahead
        file.attrs["task"] = demonstration.task
        file.attrs["instruction"] = demonstration.instruction
        file.attrs["source"] = demonstration.name
        file.attrs["source_sha256"] = demonstration.digest
        file["observations/qpos"] = demonstration.state
        file["observations/qvel"] = demonstration.velocity
        file["observations/effort"] = demonstration.effort
        file["action"] = demonstration.action
        file["base_action"] = np.zeros((demonstration.steps, BASE_DIMENSION), np.float32)
        file["stamps_ns"] = demonstration.stamps_ns
        images = file.create_group("observations/images")
        if plan.compress:
            _write_compressed(file, images, layout, demonstration)
        else:
            _write_raw(images, layout, demonstration)


def _write_raw(images: h5py.Group, layout: Layout, demonstration: Demonstration) -> None:
    shape = (layout.height, layout.width, 3)
    pixels = {
        camera: images.create_dataset(
            camera, (demonstration.steps, *shape), dtype=np.uint8, chunks=(1, *shape)
        )
        for camera in layout.cameras
    }
    for camera, step, array in converted(demonstration, lambda each: rgb(each.image)):
        if array.shape != shape:
            raise ExportError(
                f"{camera}, step {step}: has {array.shape[1]}x{array.shape[0]} pixels, "
                f"expected {layout.width}x{layout.height}"
            )
        pixels[camera].id.write_direct_chunk((step, 0, 0, 0), np.ascontiguousarray(array).data)


def _write_compressed(
    file: h5py.File, images: h5py.Group, layout: Layout, demonstration: Demonstration
) -> None:
    """All images take as many bytes as the largest: zeros follow the others."""
    files: dict[str, list[bytes]] = {camera: [] for camera in layout.cameras}
    for camera, _, data in converted(
        demonstration, lambda each: swapped_jpeg(each.image, JPEG_QUALITY)
    ):
        files[camera].append(data)
    longest = max(len(data) for each in files.values() for data in each)
    for camera, each in files.items():
        rows = images.create_dataset(
            camera, (len(each), longest), dtype=np.uint8, chunks=(1, longest)
        )
        for step, data in enumerate(each):
            rows.id.write_direct_chunk((step, 0), data.ljust(longest, b"\0"))
    # Readers walk the cameras in the order in which HDF5 lists them, which is by name.
    lengths = [[len(data) for data in files[camera]] for camera in sorted(files)]
    file["compress_len"] = np.array(lengths, np.float32)
