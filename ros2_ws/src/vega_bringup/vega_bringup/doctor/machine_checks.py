"""Judges the computer: disk, clock, rights, settings of ROS 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vega_core.findings import Finding, fail, ok, skip, warn

_GB, _MB = 1e9, 1e6
_COMPRESSED = 0.1  # of the raw frames, at the least, is what a recording of them takes
_LEAST_FREE, _COMFORTABLE_FREE = 2 * _GB, 20 * _GB
_GATE_NICENESS = -15
_BUFFER = 4 << 20


@dataclass(frozen=True)
class Disk:
    """The disk that recordings go to.

    Attributes:
        folder: Where recordings are written.
        free: Bytes.
        write: Bytes a second, written through to the disk; None when it could not be measured.
        problem: Why nothing can be written there; empty where something can.
    """

    folder: str
    free: float = 0.0
    write: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class UsbNode:
    """The device file of a camera on USB."""

    model: str
    file: str
    writable: bool


def space(disk: Disk, raw_bytes_s: float | None) -> Finding:
    """There is room for recordings; what the cameras give may not be known."""
    check = "disk: space"
    if disk.problem:
        return fail(check, f"{disk.folder}: {disk.problem}", "name another one: --recordings DIR")
    text = f"{disk.free / _GB:.0f} GB free in {disk.folder}"
    if raw_bytes_s is not None:
        text += f": about {disk.free / (raw_bytes_s * _COMPRESSED) / 60:.0f} min of episodes"
    if disk.free < _LEAST_FREE:
        return fail(check, text, "delete old recordings and logs, or name another disk")
    if disk.free < _COMFORTABLE_FREE:
        return warn(check, text, "delete old recordings and logs before a long session")
    return ok(check, text)


def write_speed(disk: Disk, raw_bytes_s: float | None) -> Finding:
    """The disk keeps up with the cameras; what they give may not be known."""
    check = "disk: write speed"
    if disk.problem or disk.write is None:
        return skip(check, "could not be measured")
    text = f"{disk.write / _MB:.0f} MB/s"
    if raw_bytes_s is None:
        return ok(check, text)
    text += f"; the cameras give {raw_bytes_s / _MB:.0f} MB/s raw"
    remedy = "record to an SSD of this computer: --recordings DIR"
    if disk.write < raw_bytes_s * _COMPRESSED:
        return fail(check, text, remedy)
    if disk.write < raw_bytes_s:
        return warn(check, f"{text}: enough for compressed frames only", remedy)
    return ok(check, text)


def clock(synchronised: bool | None) -> Finding:
    """The computer's clock is synchronised; None when that cannot be told."""
    check = "clock"
    if synchronised is None:
        return skip(check, "this system does not tell whether its clock is synchronised")
    if synchronised:
        return ok(check, "synchronised")
    return warn(
        check,
        "not synchronised with anything",
        "sudo apt-get install chrony. With two machines it must be: one serves the other's clock",
    )


def preference(niceness: int) -> Finding:
    """The gate may have the processor before others; `niceness` is the least this user may take."""
    check = "rights: priority"
    if niceness > _GATE_NICENESS:
        return warn(
            check,
            f"niceness down to {niceness:d}, the gate wants {_GATE_NICENESS:d}: a busy computer "
            "delays commands",
            f"write '<user> - nice {_GATE_NICENESS:d}' into /etc/security/limits.d/99-vega.conf; "
            "log in anew",
        )
    return ok(check, f"niceness down to {niceness:d}")


def usb_rights(nodes: Sequence[UsbNode], has_rules: bool) -> Finding:
    """This user may open the cameras."""
    check = "rights: cameras"
    remedy = (
        "'python -m hw_config.naming' prints the udev rules to install; sudo usermod -aG plugdev "
        "$USER; log in anew"
    )
    closed = [f"{node.model} ({node.file})" for node in nodes if not node.writable]
    if closed:
        return fail(check, f"not for this user: {', '.join(closed)}", remedy)
    if nodes:
        return ok(check, f"{len(nodes)} cameras may be opened")
    if not has_rules:
        return warn(check, "no udev rules for RealSense cameras, and none connected", remedy)
    return ok(check, "udev rules are installed; no camera is connected")


def dds(profile: str, exists: bool, loopback: bool, buffer_bytes: int | None) -> Finding:
    """ROS 2 has a transport that camera frames fit through.

    Args:
        profile: File that FASTRTPS_DEFAULT_PROFILES_FILE names; empty when it is not set.
        exists: It can be read.
        loopback: It keeps traffic on this machine.
        buffer_bytes: Largest socket buffer that the kernel allows, None when it is not told.
    """
    check = "ROS 2: transport"
    if not profile:
        return warn(
            check,
            "FASTRTPS_DEFAULT_PROFILES_FILE is not set: camera frames get lost",
            "source env.sh; for two machines see docker/README.md",
        )
    if not exists:
        return fail(check, f"{profile} cannot be read", "source env.sh, or mend the path")
    if not loopback and buffer_bytes is not None and buffer_bytes < _BUFFER:
        return warn(
            check,
            f"{profile}; socket buffers of {buffer_bytes} bytes lose camera frames",
            f"sudo sysctl -w net.core.rmem_max={_BUFFER} net.core.wmem_max={_BUFFER}",
        )
    return ok(check, f"{profile}{': this machine only' if loopback else ''}")
