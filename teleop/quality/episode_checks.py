"""What is wrong with one episode by itself: how it was taken, and what its images show."""

from __future__ import annotations

from collections.abc import Iterator

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, Check, Finding, FindingDraft
from teleop.quality.images import CameraQuality
from teleop.quality.motion_checks import check_motion
from teleop.quality.stream_checks import check_streams
from teleop.quality.thresholds import THRESHOLDS, Thresholds


def check_episode(quality: EpisodeQuality, limits: Thresholds = THRESHOLDS) -> list[Finding]:
    """Everything that is wrong with an episode by itself, the worst first."""
    rows = [
        *_take(quality, limits),
        *check_streams(quality, limits),
        *check_motion(quality, limits),
        *_check_images(quality, limits),
    ]
    rows.sort(key=lambda row: row.severity != "error")
    return [row.at(quality.info.index) for row in rows]


def _take(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    info, task = quality.info, quality.context.task
    if info.duration_s < limits.shortest_s:
        yield FindingDraft(
            "error",
            "length",
            f"lasts {info.duration_s:.2f} s (at least {limits.shortest_s:g} s)",
            SET_ASIDE,
        )
    if (
        task is not None
        and info.duration_s - quality.paused_s > limits.length_ratio * task.time_limit_s
    ):
        yield FindingDraft(
            "warning",
            "length",
            f"lasts {info.duration_s:.1f} s; a policy has {task.time_limit_s:g} s for {info.task}",
            "demonstrate it without stopping to think, or raise time_limit_s of the task",
        )
    if quality.paused_s:
        yield FindingDraft(
            "error",
            "paused",
            f"was paused for {quality.paused_s:.1f} s: its parts do not join, exports refuse it",
            f"{SET_ASIDE}; discard and redo a take rather than pausing it",
        )
    for problem in info.problems:
        yield FindingDraft(
            "warning",
            "bad take",
            f"called out when it was recorded: {problem}",
            "mend the cause; exports leave it out unless asked for (--include problems)",
        )
    if info.recovered is not None:
        yield FindingDraft(
            "warning",
            "recovered",
            f"{info.recovered.reason}; up to {info.recovered.lost_s:.1f} s of its end are lost",
            "look at it; exports leave it out unless asked for (--include recovered)",
        )


def _check_images(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    """Rows about what the images show."""
    for camera in quality.cameras:
        yield from _camera(camera, quality, limits)
    yield from _exchanged(quality, limits)


def _camera(
    camera: CameraQuality, quality: EpisodeQuality, limits: Thresholds
) -> Iterator[FindingDraft]:
    title = f"{camera.camera.replace('_', ' ')} camera"
    if camera.undecodable:
        yield FindingDraft(
            "error",
            "pictures",
            f"{title}: {camera.undecodable} images cannot be decoded, the first is image "
            f"{camera.undecodable_at}",
            SET_ASIDE,
        )
    if camera.other_size_at >= 0:
        at = camera.other_size_at
        text = f"{title}: its images differ in size, the first other one is image {at}"
        yield FindingDraft("error", "pictures", text, SET_ASIDE)
    looks: tuple[tuple[float, Check, str, str], ...] = (
        (camera.black, "black", "black", "is something before the lens, or the light off?"),
        (camera.white, "over-exposed", "over-exposed", "lower exposure or light"),
        (camera.flat, "empty", "of one colour", "restart the camera"),
    )
    for share, check, what, remedy in looks:
        if share > limits.bad_images:
            yield FindingDraft(
                "error",
                check,
                f"{title}: {share:.0%} of its images are {what} (at most {limits.bad_images:.0%})",
                f"{remedy}; {SET_ASIDE}" if remedy[-1] != "?" else f"{remedy} {SET_ASIDE}",
            )
    longest_s = quality.context.hardware.recording.max_image_gap_s
    if camera.frozen_s > longest_s and camera.black <= limits.bad_images:
        yield FindingDraft(
            "error",
            "frozen",
            f"{title}: the same image for {camera.frozen_s:.2f} s while arms move, "
            f"{camera.frozen_at_s:.1f} s into it (at most {longest_s:g} s)",
            f"restart the camera, use another USB port; {SET_ASIDE}",
        )


def _exchanged(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    """Wrist cameras whose images change when the other arm moves."""
    mounted = quality.context.hardware.cameras
    change = {
        mounted[c.camera].arm: c.change for c in reversed(quality.cameras) if c.camera in mounted
    }
    one, other = change.get("left"), change.get("right")
    if not one or not other:
        return
    own = one.get("left", 0.0) + other.get("right", 0.0)
    cross = one.get("right", 0.0) + other.get("left", 0.0)
    if cross > limits.swap_ratio * own and cross > limits.image_levels:
        yield FindingDraft(
            "error",
            "swapped cameras",
            "the left wrist's images change as the right arm moves, and the other way round",
            f"check the serials in hw_config/cameras.yaml; {SET_ASIDE}",
        )
