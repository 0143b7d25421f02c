"""Judges what a camera says of itself, and how its frames come."""

from __future__ import annotations

from dataclasses import dataclass

from hw_config import CameraConfig
from vega_core.findings import Finding, fail, ok, skip, warn

_WELL, _ENOUGH = 0.95, 0.8
_OLDEST_FIRMWARE = (5, 13)  # from it on, the D405 is supported


@dataclass(frozen=True)
class CameraFacts:
    """What was found out about a camera.

    Attributes:
        problem: Why there are no frames of it; empty where there are.
        found: There is a device with its serial number, of its model.
        firmware: Of the device.
        usb: Its connection, as 3.2.
        port: Its USB socket.
        hz: Rate of its frames while all cameras streamed, None when none was measured.
        stamps: Why its stamps are no times of capture; empty where they are.
        age_s: Of a frame when it came, None when none came.
    """

    problem: str = ""
    found: bool = False
    firmware: str = ""
    usb: str = ""
    port: str = ""
    hz: float | None = None
    stamps: str = ""
    age_s: float | None = None


def device(config: CameraConfig, camera: CameraFacts) -> Finding:
    """The device with its serial number is there, is of its model, and can be opened."""
    check = f"{config.name}: device"
    if camera.problem:
        what, _, remedy = camera.problem.partition(". ")
        return fail(check, what, remedy or "check its cable; does another program use it?")
    return ok(check, f"{config.model}, serial {config.serial}, socket {camera.port or 'unknown'}")


def firmware(config: CameraConfig, camera: CameraFacts) -> Finding:
    """Its firmware supports what is asked of it."""
    check = f"{config.name}: firmware"
    number = tuple(int(part) for part in camera.firmware.split(".") if part.isdigit())
    if not number:
        return warn(check, "the device does not tell it", "rs-fw-update -l shows it")
    if number < _OLDEST_FIRMWARE:
        return warn(check, camera.firmware, "update it to 5.13 or newer: rs-fw-update")
    return ok(check, camera.firmware)


def usb(config: CameraConfig, camera: CameraFacts) -> Finding:
    """It is connected by USB 3."""
    check = f"{config.name}: USB"
    if not camera.usb:
        return warn(check, "the device does not tell its connection", "lsusb -t shows it: 5000M")
    if camera.usb.startswith("3"):
        return ok(check, camera.usb)
    text = f"USB {camera.usb}, which does not carry three cameras"
    if config.allow_usb2:
        return warn(check, text, "hw_config allows it (allow_usb2); a USB 3 socket is better")
    return fail(
        check, text, f"use a USB 3 socket and cable (it is in {camera.port or 'unknown'}), no hub"
    )


def rate(config: CameraConfig, camera: CameraFacts) -> Finding:
    """Its frames come as often as hw_config says while all cameras stream."""
    check = f"{config.name}: rate"
    if camera.hz is None:
        return skip(check, "no frames to look at")
    text = f"{camera.hz:.1f} Hz of {config.fps}, {config.width}x{config.height}"
    if camera.hz < _ENOUGH * config.fps:
        return fail(
            check,
            text,
            "frames get lost: one USB controller a camera, short cables, no hub, more light; or "
            "lower fps in hw_config/cameras.yaml",
        )
    if camera.hz < _WELL * config.fps:
        return warn(check, text, "is the computer busy, or the room dark?")
    return ok(check, text)


def clock(config: CameraConfig, camera: CameraFacts) -> Finding:
    """Its stamps are times of capture on this computer's clock."""
    check = f"{config.name}: stamps"
    if camera.age_s is None:
        return skip(check, "no frames to look at")
    if camera.stamps:
        return warn(
            check, camera.stamps, "the kernel lacks the camera's metadata, or a clock was set"
        )
    return ok(check, f"time of capture, {1000 * camera.age_s:.0f} ms before arrival")


def judge(config: CameraConfig, camera: CameraFacts) -> list[Finding]:
    """All checks of one camera; without a device there is nothing more to say."""
    rows = [device(config, camera)]
    if not camera.found:
        return rows
    rows += [check(config, camera) for check in (firmware, usb)]
    return rows if camera.problem else [*rows, rate(config, camera), clock(config, camera)]
