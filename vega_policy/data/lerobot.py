"""Reads LeRobot datasets of format v3.0: our exports, and public ones of the same robot.

States, actions and tasks come from the parquet tables; the images of every step are decoded from
the videos when the frame cache is built, and squashed as the policy squashes camera frames.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hw_config
from vega_policy.data import episodes, video
from vega_policy.data.episodes import Episode, TaskChange, Views
from vega_policy.data.lerobot_layout import (
    check_joints,
    check_rate,
    convert_command,
    read_info,
    video_keys,
)
from vega_policy.data.lerobot_tables import (
    Row,
    Steps,
    StepTables,
    read_provenance,
    read_rows,
    read_tasks,
)
from vega_policy.errors import DatasetError

_AT_ONCE = 32
_RATE_TOLERANCE = 0.02
_LATE_STEPS = 1.5
_LARGEST_GRIPPER_M = 0.2
_BEYOND_LIMITS_RAD = 0.5
_BEYOND_LIMITS_M = 0.05


class LeRobotSource:
    """A dataset folder with ``meta/info.json``.

    Args:
        directory: The folder.
        squashed: Side of the square that camera frames are squashed to.
        report: Gets lines for people.

    Raises:
        DatasetError: The format is another, or joints, cameras or rate are not the robot's.
    """

    def __init__(self, directory: Path, squashed: int, report: Callable[[str], None]) -> None:
        self.directory = directory
        self._squashed = squashed
        self._report = report
        self._hw = hw_config.load()
        self._info = read_info(directory)
        check_rate(directory, self._info, self._hw)
        check_joints(directory, self._info, self._hw)
        self._videos = video_keys(directory, self._info, self._hw)

    def episodes(self) -> list[Episode]:
        tables = StepTables(len(self._hw.joint_names), self._info.fps)
        provenance = read_provenance(self.directory)
        self._check_videos()
        return [
            self._episode(row, tables.steps(row), provenance.get(row.number, {}))
            for row in self._rows.values()
        ]

    def views(self, episode: Episode) -> Iterator[Views]:
        # For the images alone: states and actions are read without torch.
        import torch

        from vega_policy.images import squash

        row, index = self._rows[episode.name], episode.image_index
        for camera, key in enumerate(self._videos.values()):
            part = row.videos[key]
            decoded = video.images(part.path, part.start_s, self._info.fps, index)
            for first in range(0, len(index), _AT_ONCE):
                images = [next(decoded) for _ in range(first, min(first + _AT_ONCE, len(index)))]
                squashed = squash(torch.from_numpy(np.stack(images)), self._squashed)
                yield Views(camera, first, squashed.numpy())

    def scene(self, episode: Episode) -> Mapping[str, NDArray]:
        del episode
        return {}

    def stamp(self, episode: Episode) -> str:
        row, parts = self._rows[episode.name], []
        for path, start_s, _ in row.videos.values():
            stat = path.stat()
            name = path.relative_to(self.directory)
            parts.append(f"{name} {stat.st_size} {stat.st_mtime_ns} {start_s!r}")
        return f"{episode.name} {row.length} {self._info.fps} {self._squashed} {parts}"

    def digest(self, episode: Episode) -> str:
        parts = [
            (key, path.stat().st_size, start_s, end_s)
            for key, (path, start_s, end_s) in self._rows[episode.name].videos.items()
        ]
        return episodes.digest(episode, parts)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        rows = read_rows(self.directory, self._info, list(self._videos.values()))
        return {f"episode_{row.number:06d}": row for row in rows}

    @cached_property
    def _instructions(self) -> dict[int, str]:
        return read_tasks(self.directory)

    @cached_property
    def _known_tasks(self) -> dict[str, str]:
        """Names of the cell's tasks by their instructions."""
        return {hw_config.load_task(name).instruction: name for name in hw_config.task_names()}

    def _episode(self, row: Row, steps: Steps, told: Mapping[str, object]) -> Episode:
        changes = self._tasks(row, steps, told)
        success = [row.success, steps.success]
        if "outcome" in told:
            success.append(told["outcome"] != "failure")
        episode = Episode(
            name=f"episode_{row.number:06d}",
            state=steps.state,
            action=steps.action,
            image_index=np.arange(row.length),
            instruction=changes[0].instruction,
            task=changes[0].task,
            joint_names=self._hw.joint_names,
            camera_names=tuple(self._videos),
            fps=self._info.fps,
            success=False not in success,
            has_scene=False,
            later_tasks=changes[1:],
        )
        where = f"{self.directory}: {episode.name}"
        episodes.check(episode, where)
        self._check_units(episode, where)
        return episode

    def _tasks(self, row: Row, steps: Steps, told: Mapping[str, object]) -> tuple[TaskChange, ...]:
        """What the operator was told, and from which step on."""
        firsts = [0, *(np.flatnonzero(np.diff(steps.task)) + 1).tolist()]
        changes = []
        for step in firsts:
            number = int(steps.task[step])
            if number not in self._instructions:
                raise DatasetError(
                    f"{row.data}: episode {row.number} has the task {number}, which tasks.parquet "
                    f"lacks: it has {sorted(self._instructions)}"
                )
            instruction = self._instructions[number]
            task = told.get("task") or self._known_tasks.get(instruction, instruction)
            changes.append(TaskChange(step, str(task), instruction))
        return tuple(changes)

    def _check_units(self, episode: Episode, where: str) -> None:
        limits = self._hw.limits
        for number, name in enumerate(episode.joint_names):
            gripper = name.endswith("gripper")
            for what, values in (("state", episode.state), ("action", episode.action)):
                low, high = float(values[:, number].min()), float(values[:, number].max())
                if gripper and not -_BEYOND_LIMITS_M < low <= high <= _LARGEST_GRIPPER_M:
                    raise DatasetError(
                        f"{where}: {name} of the {what} goes from {low:.3g} to {high:.3g}, "
                        "expected its opening in metres: say how many metres one of its units is "
                        f"({self._convert('--gripper-scale', 'M')}) and train on OUT"
                    )
                lower, upper = limits.lower[number], limits.upper[number]
                beyond = max(lower - low, high - upper)
                if not gripper and beyond > _BEYOND_LIMITS_RAD:
                    raise DatasetError(
                        f"{where}: {name} of the {what} goes from {low:.3g} to {high:.3g}, the arm "
                        f"from {lower:.3g} to {upper:.3g} rad: expected radians of this robot's "
                        f"joints. Degrees are converted by {self._convert('--degrees')}"
                    )

    def _check_length(self, path: Path, header: video.Header, end_s: float) -> None:
        fps = self._info.fps
        if header.fps is not None and abs(header.fps / fps - 1) > _RATE_TOLERANCE:
            raise DatasetError(
                f"{path} has {header.fps:.4g} images a second, expected {fps:g}: its images would "
                "be those of other steps. Write the dataset again"
            )
        if header.end_s is not None and header.end_s < end_s - _LATE_STEPS / fps:
            raise DatasetError(
                f"{path} ends before {end_s:.3f} s, where its last episode does: it was cut short, "
                "fetch it again"
            )

    def _convert(self, *more: str) -> str:
        return convert_command(self.directory, "lerobot", *more)

    def _check_videos(self) -> None:
        """Opens every video once, and compares its images with the camera's."""
        for (name, camera), key in zip(self._hw.cameras.items(), self._videos.values()):
            ends_s: dict[Path, float] = {}
            for row in self._rows.values():
                path, _, end_s = row.videos[key]
                ends_s[path] = max(end_s, ends_s.get(path, 0.0))
            expected = f"{camera.width}x{camera.height}"
            sizes: dict[tuple[int, int], Path] = {}
            for path, end_s in sorted(ends_s.items()):
                header = video.header(path)
                self._check_length(path, header, end_s)
                sizes[header.height, header.width] = path
            for (height, width), path in sizes.items():
                if height * camera.width != width * camera.height:
                    raise DatasetError(
                        f"{path}: its images are {width}x{height}, expected the shape of camera "
                        f"{name}, {expected}: the policy would see them squashed otherwise"
                    )
                if height != camera.height:
                    self._report(
                        f"{key} has images of {width}x{height}, camera {name} of {expected}: the "
                        "policy will see them more or less sharp than in training"
                    )
