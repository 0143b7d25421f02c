"""Lists USB-CAN adapters and RealSense cameras, and prints rules that give them lasting names.

    python -m hw_config.naming                                   # what is there
    python -m hw_config.naming can_left=can0 can_right=can1      # rules for these two

Linux numbers CAN adapters as it finds them; a rule by USB socket keeps left on the left. Nothing is
written anywhere: the rules go to the terminal, with what to do with them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hw_config
from hw_config.schema import can_name

_CAN_TYPE = "280"  # ARPHRD_CAN
_INTEL = "8086"
_REALSENSE = {"0b07": "D435", "0b3a": "D435i", "0b5b": "D405", "0b5c": "D455", "0ad3": "D415"}
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
_USB_ROOT = re.compile(r"usb\d+")
_USB_PORT = re.compile(r"\d+-([\d.]+)")


@dataclass(frozen=True)
class CanAdapter:
    """A CAN interface.

    Attributes:
        name: Of the interface.
        driver: Of the kernel; `gs_usb` for the adapters that come with the arms.
        socket: USB socket, as `1-4.1`; empty when it is not on USB.
        path: What udev calls its ID_PATH; empty when it cannot be told.
        serial: Of the adapter, if it has one.
    """

    name: str
    driver: str
    socket: str
    path: str
    serial: str


@dataclass(frozen=True)
class UsbCamera:
    """A RealSense camera on USB.

    Attributes:
        model: As D405.
        product: USB product number.
        socket: USB socket, as `2-1`.
        speed_mbit: 5000 or more on USB 3, 480 on USB 2.
    """

    model: str
    product: str
    socket: str
    speed_mbit: float


def can_adapters(sys_root: Path = Path("/sys")) -> list[CanAdapter]:
    """The CAN interfaces of this machine, by name."""
    found = []
    for interface in sorted((sys_root / "class" / "net").glob("*")):
        if _read(interface / "type") != _CAN_TYPE:
            continue
        device = interface / "device"
        here = device.resolve() if device.exists() else None
        port = _port(here) if here else None
        found.append(
            CanAdapter(
                name=interface.name,
                driver=_name_of(device / "driver"),
                socket=port.name if port else "",
                path=id_path(here) if here and port else "",
                serial=_read(port / "serial") if port else "",
            )
        )
    return found


def usb_cameras(sys_root: Path = Path("/sys")) -> list[UsbCamera]:
    """The RealSense cameras of this machine, by socket."""
    found = []
    for device in sorted((sys_root / "bus" / "usb" / "devices").glob("*-*")):
        product = _read(device / "idProduct")
        text = _read(device / "product")
        known = _REALSENSE.get(product)
        if _read(device / "idVendor") != _INTEL or not (known or "RealSense" in text):
            continue
        speed = _read(device / "speed")
        found.append(UsbCamera(known or text, product, device.name, float(speed) if speed else 0.0))
    return found


def id_path(device: Path) -> str:
    """udev's ID_PATH of a USB interface, from its place below /sys/devices.

    `pci-0000:00:14.0-usb-0:4.1:1.0`: controller, socket, configuration and interface. Empty for a
    place that is not on USB.
    """
    parts = device.parts
    root = next((i for i, part in enumerate(parts) if _USB_ROOT.fullmatch(part)), None)
    interface = next((part for part in parts if ":" in part and _USB_PORT.match(part)), None)
    if not root or interface is None:
        return ""
    _, _, port = interface.partition("-")
    controllers = [part for part in parts[:root] if _PCI.fullmatch(part)]
    controller = f"pci-{controllers[-1]}" if controllers else f"platform-{parts[root - 1]}"
    return f"{controller}-usb-0:{port}"


def link_files(names: Mapping[str, CanAdapter]) -> dict[str, str]:
    """systemd's files that give adapters their names by USB socket, and set the bit rate.

    Returns:
        Text by file.
    """
    files = {
        f"/etc/systemd/network/10-{name}.link": (
            f"[Match]\nDriver={adapter.driver}\nPath={adapter.path}\n\n[Link]\nName={name}\n"
        )
        for name, adapter in names.items()
    }
    files["/etc/systemd/network/20-can.network"] = (
        f"[Match]\nName={' '.join(names)}\n\n[CAN]\nBitRate=1M\nRestartSec=100ms\n"
    )
    return files


def udev_rules(cameras: Sequence[UsbCamera] = ()) -> dict[str, str]:
    """udev's rules with which a member of plugdev may use the cameras; text by file."""
    products = {"0b07", "0b5b"} | {camera.product for camera in cameras}
    rules = [
        f'SUBSYSTEM=="{subsystem}", ATTRS{{idVendor}}=="{_INTEL}", '
        f'ATTRS{{idProduct}}=="{product}", MODE="0660", GROUP="plugdev", TAG+="uaccess"'
        for product in sorted(products)
        for subsystem in ("usb", "video4linux")
    ]
    return {"/etc/udev/rules.d/60-realsense.rules": "\n".join(rules) + "\n"}


def main(arguments: Sequence[str] | None = None, sys_root: Path = Path("/sys")) -> int:
    """Entry point.

    Returns:
        0, or 1 when rules were asked for that cannot be made.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hw_config.naming", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME=INTERFACE",
        help="as can_left=can0: name that this adapter shall have",
    )
    given = parser.parse_args(arguments).names
    adapters, cameras = can_adapters(sys_root), usb_cameras(sys_root)
    _list(adapters, cameras)
    wanted = _wanted()
    try:
        chosen = _chosen(given, adapters)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if chosen:
        _print_files(link_files(chosen))
        print(_AFTER_LINKS)
    else:
        example = " ".join(f"{name}=can{i}" for i, name in enumerate(wanted))
        print(f"\nhw_config/arms.yaml wants: {', '.join(wanted)}.\n{_HOW.format(example=example)}")
    _print_files(udev_rules(cameras))
    print(_AFTER_UDEV)
    return 0


_HOW = """To tell the adapters apart, unplug one and run this again. Then, for their rules:
    python -m hw_config.naming {example}"""
_AFTER_LINKS = """
With these files in place: sudo systemctl enable --now systemd-networkd; sudo udevadm control
--reload; then unplug the adapters and plug them in again, each into the same socket as now. A hub
counts: '1-4.1' is socket 1 of the hub in socket 4. 'ip -details link' tells names and bit rates.
By hand, until the next boot: sudo ip link set NAME up type can bitrate 1000000 restart-ms 100"""
_AFTER_UDEV = """
With this file in place: sudo usermod -aG plugdev $USER; sudo udevadm control --reload; sudo udevadm
trigger; log in anew. Cameras are told apart by serial number, not by socket: the doctor lists those
it finds (ros2 run vega_bringup doctor); write them into hw_config/cameras.yaml."""


def _wanted() -> list[str]:
    try:
        arms = hw_config.load().arms.values()
    except hw_config.ConfigError:
        return ["can_left", "can_right"]
    return [bus for arm in arms for bus in (arm.can, arm.leader_can) if bus]


def _chosen(given: Sequence[str], adapters: Sequence[CanAdapter]) -> dict[str, CanAdapter]:
    known = {adapter.name: adapter for adapter in adapters}
    chosen: dict[str, CanAdapter] = {}
    for text in given:
        name, equals, interface = text.partition("=")
        try:
            if not equals:
                raise ValueError("there is no '='")
            can_name(name)
        except ValueError as error:
            raise ValueError(
                f"{text}: expected NAME=INTERFACE, as can_left=can0; {error}"
            ) from None
        if interface not in known:
            there = ", ".join(known) or "none"
            raise ValueError(f"{text}: there is no CAN interface {interface}; there are: {there}")
        if not known[interface].path:
            raise ValueError(f"{text}: {interface} is not on USB; its name does not change")
        if name in chosen or known[interface] in chosen.values():
            raise ValueError(f"{text}: name or interface is given a second time")
        chosen[name] = known[interface]
    return chosen


def _list(adapters: Sequence[CanAdapter], cameras: Sequence[UsbCamera]) -> None:
    print("CAN interfaces:" if adapters else "CAN interfaces: none. Is the USB-CAN adapter in?")
    for adapter in adapters:
        place = f"USB socket {adapter.socket}, {adapter.path}" if adapter.path else "not on USB"
        serial = f", serial {adapter.serial}" if adapter.serial else ""
        print(f"  {adapter.name:<12} {adapter.driver or 'no driver':<8} {place}{serial}")
    print("RealSense cameras:" if cameras else "RealSense cameras: none.")
    for camera in cameras:
        usb = "USB 3" if camera.speed_mbit >= 5000 else "USB 2: too slow, use a USB 3 socket"
        print(
            f"  {camera.model:<12} USB socket {camera.socket}, {camera.speed_mbit:g} Mbit/s ({usb})"
        )


def _print_files(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        print(f"\n# {name}\n{text}", end="")


def _port(device: Path) -> Path | None:
    """The USB device that an interface belongs to."""
    return next((p for p in (device, *device.parents) if (p / "idVendor").is_file()), None)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _name_of(link: Path) -> str:
    return link.resolve().name if link.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
