"""Records demonstrations of the scripted operator for training, without ROS.

    python -m vega_sim.demos --task close_laptop --episodes 300 --seed 1000 --variant easy \\
        --out DIR --image-every 4 --noise 1.0 --workers 2

One `episode_<seed>.npz` for each successful seed, counted up from `--seed` until there are
`--episodes` of them. Files that are there already are kept, so a stopped run goes on where it was.

    state         float32 [T,14]       measured positions before each step (rad, gripper m)
    action        float32 [T,14]       the operator's target for that step, without the noise
    image_index   int32 [N]            steps that have images; every `--image-every`-th
    images        uint8 [N,3,256,256,3]   whole 640x480 frames squashed (bicubic)
    depth         float16 [N,3,64,64]  m along the optical axis
    segmentation  uint8 [N,3,64,64]    classes; names in the metadata
    camera_pose   float32 [N,3,4,4]    optical frames (z forward, y down) in footprint
    metadata      str                  JSON: task, variant, seed, instruction, success, fps, noise,
                                       joint_names, camera_names, class_names

With `--noise` the arms execute disturbed commands (a smooth wander, now and then a push, and a
start posture near home), while `action` stays what the operator wanted: the data show recoveries.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import multiprocessing
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from vega_description.transforms import Array

from vega_core.command_line import whole
from vega_sim import command_line, operators
from vega_sim.tasks import built_tasks, make_task
from vega_sim.twin import Twin

IMAGE_SIZE = 256
LABEL_SIZE = 64
_TAIL_STEPS = 15  # recorded after success: the hand draws back

_WANDER_RAD = 0.02
_WANDER_TIME_S = 0.6
_PUSH_RAD = 0.10
_PUSH_TIME_S = 0.6
_PUSHES_PER_S = 0.12
_START_RAD = 0.06
_GRIPPER_M_PER_RAD = 0.02


@dataclass(frozen=True)
class Recording:
    """What to record."""

    task: str
    variant: str
    out: Path
    image_every: int
    noise: float


class Disturbance:
    """Offsets [14] on the executed command: a smooth wander and occasional half-sine pushes."""

    def __init__(self, scale: float, dt: float, rng: np.random.Generator) -> None:
        self._scale, self._dt, self._rng = scale, dt, rng
        self._units = np.array(([1.0] * 6 + [_GRIPPER_M_PER_RAD]) * 2)
        self._wander = np.zeros(14)
        self._drive = np.zeros(14)
        self._push, self._push_left = np.zeros(14), 0.0

    def start(self) -> Array:
        """Offset of the start posture."""
        return self._scale * self._units * self._rng.normal(0.0, _START_RAD, 14).clip(-0.12, 0.12)

    def step(self) -> Array:
        """The offset of the next step."""
        keep = np.exp(-2.0 * self._dt / _WANDER_TIME_S)
        kick = np.sqrt(1.0 - keep**2) * self._rng.normal(0.0, 1.6 * _WANDER_RAD, 14)
        self._drive = keep * self._drive + kick
        self._wander += (1.0 - keep) * (self._drive - self._wander)
        if self._push_left <= 0.0 and self._rng.random() < _PUSHES_PER_S * self._dt:
            self._push = self._rng.uniform(-_PUSH_RAD, _PUSH_RAD, 14)
            self._push_left = _PUSH_TIME_S
        self._push_left -= self._dt
        size = np.sin(np.pi * np.clip(self._push_left / _PUSH_TIME_S, 0.0, 1.0))
        return self._scale * self._units * (self._wander + size * self._push)


def record_episode(
    twin: Twin, seed: int, image_every: int, noise: float
) -> dict[str, NDArray[Any]] | None:
    """Plays one seed and returns its arrays (see the module), or None when it failed."""
    config = twin.task.config
    rng = np.random.default_rng([seed, 1])
    disturbance = Disturbance(noise, 1.0 / twin.hw.rates.control_hz, rng)
    twin.reset(seed)
    twin.move_arms_to(np.array(twin.hw.home) + disturbance.start())
    operator = operators.make(config.name)
    operator.reset(twin)
    states: list[Array] = []
    actions: list[Array] = []
    views: list[tuple[NDArray[Any], ...]] = []
    index: list[int] = []
    phase = int(rng.integers(image_every))
    left = _TAIL_STEPS
    done = False
    while left and twin.time_s < config.time_limit_s:
        if len(states) % image_every == phase:
            index.append(len(states))
            views.append(_view(twin))
        states.append(twin.positions())
        actions.append(operator.act(twin))
        twin.advance(actions[-1] + disturbance.step())
        done = done or twin.success()
        left -= int(done)
    if not (done and twin.success() and index):
        return None
    images, depth, labels, poses = (np.stack(column) for column in zip(*views))
    return {
        "state": np.array(states, np.float32),
        "action": np.array(actions, np.float32),
        "image_index": np.array(index, np.int32),
        "images": images,
        "depth": depth,
        "segmentation": labels,
        "camera_pose": poses,
        "metadata": np.array(json.dumps(_metadata(twin, seed, noise))),
    }


def _view(twin: Twin) -> tuple[NDArray[Any], ...]:
    images, depths, labels, poses = [], [], [], []
    for camera in twin.hw.cameras:
        frame = Image.fromarray(twin.render(camera))
        squashed = frame.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
        images.append(np.asarray(squashed))
        depth, label = twin.render_labels(camera, LABEL_SIZE, LABEL_SIZE)
        depths.append(depth.astype(np.float16))
        labels.append(label)
        poses.append(twin.camera_pose(camera).astype(np.float32))
    return np.stack(images), np.stack(depths), np.stack(labels), np.stack(poses)


def _metadata(twin: Twin, seed: int, noise: float) -> dict[str, Any]:
    config = twin.task.config
    return {
        "task": config.name,
        "variant": twin.task.variant,
        "seed": seed,
        "instruction": config.instruction,
        "success": True,
        "fps": twin.hw.rates.control_hz,
        "noise": noise,
        "joint_names": list(twin.hw.joint_names),
        "camera_names": list(twin.hw.cameras),
        "class_names": list(twin.class_names),
    }


def save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes an .npz in one go: a reader sees the whole file or none."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    os.replace(partial, path)


@functools.lru_cache(maxsize=1)
def _worker_twin(task: str, variant: str) -> Twin:
    return Twin(task, variant)


def _record_seed(recording: Recording, seed: int) -> tuple[int, bool, int]:
    twin = _worker_twin(recording.task, recording.variant)
    arrays = record_episode(twin, seed, recording.image_every, recording.noise)
    if arrays is None:
        (recording.out / f"failed_{seed}").touch()
        return seed, False, 0
    save(recording.out / f"episode_{seed:06d}.npz", arrays)
    return seed, True, len(arrays["state"])


def record(recording: Recording, episodes: int, first_seed: int, workers: int) -> int:
    """Records until `episodes` seeds have succeeded, and returns how many failed on the way."""
    recording.out.mkdir(parents=True, exist_ok=True)
    for stale in recording.out.glob("*.partial"):
        stale.unlink()
    kept, failed, next_seed = 0, 0, first_seed
    begun = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, command_line.ignore_interrupt) if workers > 1 else _Inline() as pool:
        while kept < episodes:
            wanted: list[int] = []
            while len(wanted) < episodes - kept:
                if (recording.out / f"episode_{next_seed:06d}.npz").exists():
                    kept += 1
                elif (recording.out / f"failed_{next_seed}").exists():
                    failed += 1
                else:
                    wanted.append(next_seed)
                next_seed += 1
            job = functools.partial(_record_seed, recording)
            for count, (seed, success, steps) in enumerate(pool.imap_unordered(job, wanted), 1):
                kept, failed = kept + success, failed + (not success)
                pace = (time.monotonic() - begun) / count
                what = f"{steps} steps" if success else "failed, not kept"
                print(f"[{kept}/{episodes}] seed {seed}: {what}  ({pace:.1f} s each)", flush=True)
    return failed


class _Inline:
    """A pool of one: runs in this process."""

    def __enter__(self) -> _Inline:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def imap_unordered(self, job: Any, items: list[int]) -> Iterator[Any]:
        return map(job, items)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns 0, 2 on an error, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m vega_sim.demos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--task", default="close_laptop", help=", ".join(built_tasks()))
    parser.add_argument("--episodes", type=whole(1), default=100)
    parser.add_argument("--seed", type=whole(0), default=1000, help="the first seed")
    parser.add_argument("--variant", default="easy", help="easy or hard")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--image-every", type=whole(1), default=4, help="steps between images")
    parser.add_argument("--noise", type=float, default=1.0, help="scale of the disturbances")
    parser.add_argument("--workers", type=whole(1), default=1)
    args = parser.parse_args(argv)

    def command() -> int:
        make_task(args.task, args.variant)
        recording = Recording(args.task, args.variant, args.out, args.image_every, args.noise)
        failed = record(recording, args.episodes, args.seed, args.workers)
        print(f"{args.episodes} episodes in {args.out}; {failed} seeds failed and were left out")
        return 0

    return command_line.run(command, "the same command goes on from here")


if __name__ == "__main__":
    sys.exit(main())
