"""What is wrong with the images of an episode."""

from __future__ import annotations

from collections.abc import Iterator

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, FindingDraft
from teleop.quality.images import CameraQuality
from teleop.quality.thresholds import Thresholds


def check_images(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
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
            "images",
            f"{title}: {camera.undecodable} images cannot be decoded",
            SET_ASIDE,
        )
    if camera.sizes_differ:
        yield FindingDraft("error", "images", f"{title}: its images differ in size", SET_ASIDE)
    for share, check, what, remedy in (
        (camera.black, "black", "black", "is something before the lens, or the light off?"),
        (camera.white, "over-exposed", "over-exposed", "lower exposure or light"),
        (camera.flat, "empty", "of one colour", "restart the camera"),
    ):
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
