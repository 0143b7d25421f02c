"""Small LeRobot v3.0 datasets as the public library lays them out, written from what is asked for.

Images are of one colour a camera, with stripes whose brightness counts the steps of the episode.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import hw_config

FPS = 25
STEPS = 12
HEIGHT, WIDTH = 96, 128
COLOURS = {
    "cam_high": (200, 60, 30),
    "cam_left_wrist": (40, 180, 60),
    "cam_right_wrist": (50, 70, 210),
}
BRIGHTER = 10
"""Levels between the stripe of a step and that of the next."""


def key(camera: str) -> str:
    """Feature of a camera."""
    return f"observation.images.{camera}"


def camera_image(
    camera: str, step: int, height: int = HEIGHT, width: int = WIDTH
) -> NDArray[np.uint8]:
    """RGB [height, width, 3]: the camera's colour, its lower half the grey of the step."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = COLOURS[camera]
    image[height // 2 :] = 40 + BRIGHTER * step
    return image


def numbers(episode: int, steps: int = STEPS) -> NDArray[np.float32]:
    """States [steps, 14] that are within the limits and differ from episode to episode."""
    home = np.array(hw_config.load().home)
    at = np.arange(steps)[:, None] / FPS + episode
    swing = np.where(np.arange(14) % 7 == 6, 0.02, 0.3)
    return (home + swing * np.sin(at + np.arange(14))).astype(np.float32)


def write_video(
    path: Path, frames: list[NDArray[np.uint8]], fps: int = FPS, **options: str
) -> None:
    """Writes H.264 as most writers do: nothing said of colours, B-frames, long groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coding = {"crf": "10", "g": "8", "threads": "1"}
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream("libx264", rate=fps, options=coding)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_lerobot(
    folder: Path,
    episodes: int = 3,
    *,
    names: list[str] | None = None,
    cameras: dict[str, str] | None = None,
    instructions: tuple[str, ...] = ("close the laptop",),
    tasks: dict[int, list[int]] | None = None,
    video_fps: int = FPS,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    state: dict[int, NDArray[np.float32]] | None = None,
    columns: dict[str, Any] | None = None,
    rows: dict[str, list[Any]] | None = None,
    info: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
) -> Path:
    """Writes a dataset: all steps in one file, one video a camera.

    Args:
        folder: Where to.
        episodes: How many.
        names: Of state and action; null for those of hw_config.
        cameras: Camera of each name of a feature, in their order.
        instructions: Of all tasks.
        tasks: Task of each step, by episode; 0 for others.
        video_fps: Of the videos.
        size: Of the images.
        state: States of an episode.
        columns: Further columns of the steps.
        rows: Further columns of the table of episodes.
        info: Further entries of info.json.
        features: Further features, or None in place of one that is left out.
    """
    cameras = cameras or {camera: camera for camera in COLOURS}
    names = names or list(hw_config.load().joint_names)
    states = {e: (state or {}).get(e, numbers(e)) for e in range(episodes)}
    lengths = [len(states[e]) for e in range(episodes)]
    starts = np.cumsum([0, *lengths])
    vectors = np.concatenate(list(states.values()))
    frame_index = np.concatenate([np.arange(n) for n in lengths])
    task_index = [t for e in range(episodes) for t in (tasks or {}).get(e, [0] * lengths[e])]
    table = {
        "observation.state": list(vectors),
        "action": list(vectors + np.float32(1e-3)),
        "timestamp": (frame_index / FPS).astype(np.float32),
        "frame_index": frame_index,
        "episode_index": np.repeat(np.arange(episodes), lengths),
        "index": np.arange(starts[-1]),
        "task_index": task_index,
        **(columns or {}),
    }
    _write(folder / "data/chunk-000/file-000.parquet", table)
    _write(
        folder / "meta/tasks.parquet",
        {"task_index": range(len(instructions)), "__index_level_0__": instructions},
    )
    episode_rows: dict[str, Any] = {
        "episode_index": range(episodes),
        "tasks": [[instructions[0]]] * episodes,
        "length": lengths,
        "data/chunk_index": [0] * episodes,
        "data/file_index": [0] * episodes,
        "stats/action/min": list(vectors[starts[:-1]]),
    }
    for name, camera in cameras.items():
        shown = [camera_image(camera, step, *size) for step in frame_index]
        write_video(folder / f"videos/{key(name)}/chunk-000/file-000.mp4", shown, video_fps)
        episode_rows |= {f"videos/{key(name)}/{part}_index": [0] * episodes for part in _PLACE}
        episode_rows[f"videos/{key(name)}/from_timestamp"] = starts[:-1] / FPS
        episode_rows[f"videos/{key(name)}/to_timestamp"] = starts[1:] / FPS
    _write(folder / "meta/episodes/chunk-000/file-000.parquet", episode_rows | (rows or {}))
    vector = {"dtype": "float32", "shape": [len(names)], "names": names}
    shown_as = {"dtype": "video", "shape": [*size, 3], "names": ["height", "width", "channels"]}
    described = {"observation.state": vector, "action": vector}
    described |= {key(name): shown_as for name in cameras} | (features or {})
    content = {
        "codebase_version": "v3.0",
        "robot_type": "cobot_magic",
        "total_episodes": episodes,
        "total_frames": int(starts[-1]),
        "fps": FPS,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {name: value for name, value in described.items() if value is not None},
        **(info or {}),
    }
    (folder / "meta/info.json").write_text(json.dumps(content))
    return folder


_PLACE = ("chunk", "file")


def _write(path: Path, columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), path)
