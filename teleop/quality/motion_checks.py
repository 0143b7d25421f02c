"""What is wrong with the joints of an episode: values, units, order, motion, following."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import degrees

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, FindingDraft, Severity
from teleop.quality.motion import ArmQuality, JointQuality, SeriesQuality
from teleop.quality.thresholds import Thresholds


def check_motion(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    """Rows about what the joints say."""
    yield from _joints(quality, limits)
    yield from _motion(quality, limits)
    yield from _following(quality, limits)


def _joints(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    for series in quality.series:
        severity: Severity = "error" if series.kind == "follower" else "warning"
        broken = {joint.name: joint.not_finite for joint in series.joints if joint.not_finite}
        if broken:
            yield FindingDraft(
                "error",
                "not finite",
                f"{series.name}: up to {max(broken.values())} positions are missing or no numbers: "
                f"{', '.join(broken)}",
                f"look for errors of the arm's driver in the logs; {SET_ASIDE}",
            )
        for joint in series.joints:
            if joint.jumps:
                yield FindingDraft(
                    severity,
                    "jump",
                    f"{series.name}: {joint.name} jumps by {_amount(joint, joint.jump)}, "
                    f"{joint.jump_at_s:.1f} s into it ({joint.jumps} in all)",
                    f"no arm moves like that: check encoder and bus; {SET_ASIDE}",
                )
        yield from _positions(series, severity, limits)


def _positions(
    series: SeriesQuality, severity: Severity, limits: Thresholds
) -> Iterator[FindingDraft]:
    *arm, gripper = series.joints
    units = "the driver has to say rad and m; " + SET_ASIDE
    widest = max((max(abs(j.lowest), abs(j.highest)) for j in arm), default=0.0)
    if widest > limits.units_rad:
        unit = "degrees" if widest <= 360.0 else "thousandths of a degree"
        yield FindingDraft(
            "error",
            "units",
            f"{series.name}: joints up to {widest:.0f}, {unit} rather than rad",
            units,
        )
    elif series.swapped is not None:
        one, other = series.swapped
        yield FindingDraft(
            "error",
            "joint order",
            f"{series.name}: beyond the limits as they are; {one} and {other} seem to be exchanged",
            f"check joint_names in hw_config/arms.yaml against the driver; {SET_ASIDE}",
        )
    else:
        yield from _outside(series, arm, severity)
    open_m = max(abs(gripper.lowest), abs(gripper.highest))
    if open_m > limits.units_m:
        unit = "0 to 1" if open_m <= 1.1 else "mm or percent"
        if open_m > 200.0:
            unit = "thousandths of a mm"
        yield FindingDraft(
            "error",
            "units",
            f"{series.name}: {gripper.name} opens up to {open_m:.3g}, {unit} rather than m",
            units,
        )
    elif gripper.outside:
        yield from _outside(series, [gripper], severity)


def _outside(
    series: SeriesQuality, joints: Sequence[JointQuality], severity: Severity
) -> Iterator[FindingDraft]:
    beyond = [joint for joint in joints if joint.outside]
    if beyond:
        longest = max(joint.outside for joint in beyond)
        spans = (f"{joint.name} ({joint.lowest:.3f} to {joint.highest:.3f})" for joint in beyond)
        yield FindingDraft(
            severity,
            "limits",
            f"{series.name}: beyond the limits for up to {longest:.0%} of the time: "
            f"{', '.join(spans)}",
            "check the arm's zeros, and hw_config/limits.yaml and gripper_stroke_m",
        )


def _motion(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    if quality.idle > limits.still_share:
        yield FindingDraft(
            "error",
            "idle",
            f"nothing moves for {quality.idle:.0%} of it",
            f"{SET_ASIDE}; are the followers enabled?",
        )
        return
    yield from _stuck(quality, limits)
    if quality.idle > limits.idle_share:
        yield FindingDraft(
            "warning",
            "idle",
            f"nothing moves for {quality.idle:.0%} of it (at most {limits.idle_share:.0%})",
            "start and save closer to the motion: a policy learns to wait",
        )
    for where, seconds in (("beginning", quality.idle_start_s), ("end", quality.idle_end_s)):
        if seconds > limits.idle_end_s:
            yield FindingDraft(
                "warning",
                "idle",
                f"nothing moves in the {seconds:.1f} s at its {where} (at most "
                f"{limits.idle_end_s:g} s)",
                "start and save closer to the motion: a policy learns to wait",
            )


def _stuck(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    series = {(s.arm, s.kind): s.joints for s in quality.series}
    for arm in quality.arms:
        joints = series[arm.arm, "follower"]
        led = series.get((arm.arm, "leader")) or series.get((arm.arm, "command"))
        for number, joint in enumerate(joints):
            constant = joint.highest - joint.lowest < limits.constant
            told = led[number].highest - led[number].lowest if led else 0.0
            least = limits.jump_m if number == len(joints) - 1 else limits.moving_rad
            if constant and told > least:
                yield FindingDraft(
                    "error",
                    "constant joint",
                    f"{joint.name} does not move at all, though it is led by "
                    f"{_amount(joint, told)}",
                    f"does its motor have power, and does its feedback come? {SET_ASIDE}",
                )


def _following(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    if quality.crossed:
        yield FindingDraft(
            "error",
            "joint order",
            "each leader fits the other arm's follower: left and right are exchanged",
            f"check the CAN names with `python -m hw_config.naming`; {SET_ASIDE}",
        )
        return
    for arm in quality.arms:
        if arm.following is None:
            continue
        yield from _offset(arm, quality, limits)
        if arm.following.lag_s > limits.lag_s:
            yield FindingDraft(
                "warning",
                "lag",
                f"the {arm.arm} follower is {arm.following.lag_s:.2f} s behind its leader (at most "
                f"{limits.lag_s:g} s)",
                "look at speed settings and load of the arm",
            )


def _offset(arm: ArmQuality, quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    assert arm.following is not None
    far = {
        name: offset
        for name, offset in zip(quality.layout.arms[arm.arm], arm.following.offset[:-1])
        if abs(offset) > limits.offset_rad
    }
    if far:
        bad = max(map(abs, far.values())) > limits.bad_offset_rad
        joints = ", ".join(f"{name} {degrees(offset):+.1f}" for name, offset in far.items())
        yield FindingDraft(
            "error" if bad else "warning",
            "drift",
            f"{arm.arm} follower: degrees away from its leader: {joints} (at most "
            f"{degrees(limits.offset_rad):.0f})",
            f"home both arms and set their zeros; {SET_ASIDE}",
        )


def _amount(joint: JointQuality, value: float) -> str:
    if joint.name.endswith("gripper"):
        return f"{value * 1e3:.0f} mm"
    return f"{degrees(value):.0f} degrees"
