"""Looks at the computer the stack shall run on."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

from hw_config import HardwareConfig
from hw_config.naming import usb_cameras
from vega_bringup.doctor import machine_checks
from vega_bringup.doctor.machine_checks import Disk, UsbNode
from vega_core.findings import Finding

_BLOCK, _MOST_BLOCKS, _MOST_S = 4 << 20, 24, 1.5
_TIME_ERROR = 5
_CAP_SYS_NICE = 23
_TIMEX_BYTES = 512
_RULES = ("/etc/udev/rules.d", "/lib/udev/rules.d", "/usr/lib/udev/rules.d")


def survey(hardware: HardwareConfig | None, robot: str, recordings: Path) -> list[Finding]:
    """Checks disk, clock, rights and ROS 2's settings."""
    cameras = hardware.cameras.values() if hardware else ()
    raw = float(sum(c.width * c.height * 3 * c.fps for c in cameras)) or None
    disk = measure_disk(recordings)
    rows = [
        machine_checks.space(disk, raw),
        machine_checks.write_speed(disk, raw),
        machine_checks.clock(_synchronised()),
        machine_checks.preference(_lowest_niceness()),
    ]
    if robot == "real":
        rows.append(machine_checks.usb_rights(usb_nodes(), _has_rules()))
    return [*rows, _transport()]


def measure_disk(folder: Path) -> Disk:
    """Free space, and how fast a file is written through to the disk.

    The file has no name, so that nothing of it stays, however this ends.
    """
    place = next((p for p in (folder, *folder.absolute().parents) if p.is_dir()), Path("/"))
    try:
        free = float(shutil.disk_usage(place).free)
        with tempfile.TemporaryFile(dir=place) as file:
            write = _write(file.fileno(), free)
    except OSError as error:
        return Disk(str(folder), problem=error.strerror or str(error))
    return Disk(str(folder), free, write)


def usb_nodes(sys_root: Path = Path("/sys"), dev_root: Path = Path("/dev")) -> list[UsbNode]:
    """Device files of the RealSense cameras on USB."""
    nodes = []
    for camera in usb_cameras(sys_root):
        device = sys_root / "bus" / "usb" / "devices" / camera.socket
        try:
            bus, number = (int((device / f).read_text()) for f in ("busnum", "devnum"))
        except (OSError, ValueError):
            continue
        file = dev_root / "bus" / "usb" / f"{bus:03}" / f"{number:03}"
        nodes.append(UsbNode(camera.model, str(file), os.access(file, os.R_OK | os.W_OK)))
    return nodes


def _write(file: int, free: float) -> float | None:
    block = os.urandom(_BLOCK)
    blocks, begun_s = 0, time.monotonic()
    while blocks < _MOST_BLOCKS and time.monotonic() < begun_s + _MOST_S:
        if (blocks + 2) * _BLOCK > free:
            return None
        os.write(file, block)
        os.fdatasync(file)
        blocks += 1
    return blocks * _BLOCK / max(time.monotonic() - begun_s, 1e-6)


def _synchronised() -> bool | None:
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _lowest_niceness() -> int:
    """What `setpriority` allows this process: all with CAP_SYS_NICE, else as its limit says."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    if int(effective.split()[1], 16) >> _CAP_SYS_NICE & 1:
        return -20
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    return -20 if soft == resource.RLIM_INFINITY else 20 - int(soft)


def _has_rules() -> bool:
    return any(file for folder in _RULES for file in Path(folder).glob("*realsense*"))


def _transport() -> Finding:
    profile = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE", "")
    try:
        text = Path(profile).read_text(encoding="utf-8") if profile else ""
        exists = bool(text)
    except (OSError, UnicodeDecodeError):
        text, exists = "", False
    loopback = "<address>127.0.0.1</address>" in text
    try:
        allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
    except (OSError, ValueError):
        return machine_checks.dds(profile, exists, loopback, None)
    return machine_checks.dds(profile, exists, loopback, allowed)
