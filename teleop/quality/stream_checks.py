"""What is wrong with the streams of an episode: missing, slow, late, out of step."""

from __future__ import annotations

from collections.abc import Iterator

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, FindingDraft, Severity
from teleop.quality.streams import StreamQuality
from teleop.quality.thresholds import Thresholds


def check_streams(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    """Rows about cameras, followers, leaders and commands as streams of messages."""
    yield from _present(quality)
    for stream in quality.streams:
        if stream.count:
            yield from _stream(stream, quality, limits)
    yield from _skews(quality)


def _present(quality: EpisodeQuality) -> Iterator[FindingDraft]:
    for camera in quality.layout.cameras:
        if not any(c.camera == camera for c in quality.cameras):
            yield FindingDraft(
                "error",
                "missing camera",
                f"no image of the {camera.replace('_', ' ')} camera",
                f"check its cable and `ros2 topic hz`; {SET_ASIDE}",
            )
    for arm in quality.layout.arms:
        if not any(s.arm == arm and s.kind == "follower" for s in quality.series):
            yield FindingDraft(
                "error",
                "missing arm",
                f"no joint states of the {arm} follower",
                f"check its CAN bus with `ros2 run vega_bringup doctor`; {SET_ASIDE}",
            )
    for stream in quality.streams:
        if not stream.count and stream.kind in ("leader", "command") and stream.expected:
            yield FindingDraft(
                "error",
                "missing stream",
                f"nothing of the {stream.name}",
                "export with --action follower, or record again",
            )


def _stream(
    stream: StreamQuality, quality: EpisodeQuality, limits: Thresholds
) -> Iterator[FindingDraft]:
    recording = quality.context.hardware.recording
    images = stream.kind == "camera"
    # A leader that rests silently, or a command that nobody expects, may come as it likes.
    severity: Severity = "error" if stream.kind in ("camera", "follower") else "warning"
    remedy = (
        "use another USB port or cable, end other programs"
        if images
        else "check the CAN adapter, end other programs"
    )
    remedy = f"{remedy}; {SET_ASIDE}"
    if stream.expected:
        usual = limits.usual_take_s * stream.nominal_hz
        most = recording.max_missing_images * max(stream.expected, usual)
        if stream.missing > most:
            yield FindingDraft(
                severity,
                "missing frames" if images else "missing states",
                f"{stream.name}: {stream.missing} of {stream.expected} are missing "
                f"({stream.missing / stream.expected:.1%}, at most "
                f"{recording.max_missing_images:.0%})",
                remedy,
            )
        gap_s = recording.max_image_gap_s if images else recording.max_state_gap_s
        if stream.max_gap_s > gap_s:
            yield FindingDraft(
                severity,
                "gap",
                f"{stream.name}: nothing for {stream.max_gap_s:.2f} s, {stream.gap_at_s:.1f} s "
                f"into it (at most {gap_s:g} s)",
                remedy,
            )
        for where, cut_s in (("first", stream.late_s), ("last", stream.early_s)):
            if cut_s > limits.cut_s:
                yield FindingDraft(
                    severity,
                    "cut",
                    f"{stream.name}: missing in the {where} {cut_s:.2f} s (at most "
                    f"{limits.cut_s:g} s)",
                    remedy,
                )
        if stream.hz < (1.0 - recording.rate_tolerance) * stream.nominal_hz:
            yield FindingDraft(
                severity,
                "rate",
                f"{stream.name}: {stream.hz:.1f} a second of {stream.nominal_hz:g}",
                remedy,
            )
    if stream.repeated:
        yield FindingDraft(
            severity,
            "stamps",
            f"{stream.name}: {stream.repeated} stamps are not later than the one before",
            f"is the driver running twice, or was the clock set? {SET_ASIDE}",
        )
    if abs(stream.delay_s) > recording.max_delay_s:
        way = "before" if stream.delay_s > 0 else "after"
        yield FindingDraft(
            severity,
            "clock",
            f"{stream.name}: stamped {abs(stream.delay_s):.2f} s {way} it arrived (at most "
            f"{recording.max_delay_s:g} s)",
            f"synchronise the clocks of computer and device; {SET_ASIDE}",
        )


def _skews(quality: EpisodeQuality) -> Iterator[FindingDraft]:
    recording = quality.context.hardware.recording
    for what, skew_s, most_s, remedy in (
        (
            "the cameras' images",
            quality.skews.cameras_s,
            recording.max_camera_skew_s,
            "give all cameras the same rate, and each a USB port that keeps it up",
        ),
        (
            "images and joint states",
            quality.skews.joints_s,
            recording.max_joint_skew_s,
            "check the arms' rate and the clock that stamps the images",
        ),
    ):
        if skew_s is not None and skew_s > most_s:
            yield FindingDraft(
                "error",
                "skew",
                f"{what} are {skew_s * 1e3:.1f} ms apart (p95, at most {most_s * 1e3:g} ms)",
                f"{remedy}; {SET_ASIDE}",
            )
