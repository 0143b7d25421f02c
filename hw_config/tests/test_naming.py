"""Adapters and cameras are listed, and named by the USB socket they are in."""

from pathlib import Path

import pytest

from hw_config import naming

PCI = "devices/pci0000:00/0000:00:14.0/usb1"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    return folder


def plug_can(root: Path, name: str, usb_device: str, driver: str = "gs_usb") -> None:
    port = Path(usb_device).name
    device = write(root / usb_device, idVendor="1d50", idProduct="606f", serial=f"S{port}")
    interface = write(device / f"{port}:1.0" / "net" / name, type="280")
    write(root / "bus" / "usb" / "drivers" / driver)
    (device / f"{port}:1.0" / "driver").symlink_to(root / "bus" / "usb" / "drivers" / driver)
    (interface / "device").symlink_to(device / f"{port}:1.0")
    (root / "class" / "net" / name).symlink_to(interface)


def plug_camera(root: Path, socket: str, product: str, speed: str) -> None:
    write(
        root / "bus" / "usb" / "devices" / socket,
        idVendor="8086",
        idProduct=product,
        product="Intel(R) RealSense(TM) Depth Camera",
        speed=speed,
    )


@pytest.fixture
def machine(tmp_path):
    """Two adapters, one behind a hub, one CAN controller on the board, two cameras."""
    write(tmp_path / "class" / "net" / "lo", type="772")
    write(tmp_path / "class" / "net" / "can2", type="280")
    plug_can(tmp_path, "can0", f"{PCI}/1-4/1-4.1")
    plug_can(tmp_path, "can1", f"{PCI}/1-6")
    plug_camera(tmp_path, "2-1", "0b07", "5000")
    plug_camera(tmp_path, "1-2", "0b5b", "480")
    write(tmp_path / "bus" / "usb" / "devices" / "1-9", idVendor="8086", idProduct="0026")
    return tmp_path


def test_adapters_are_found_with_their_sockets(machine):
    assert naming.can_adapters(machine) == [
        naming.CanAdapter(
            "can0", "gs_usb", "1-4.1", "pci-0000:00:14.0-usb-0:4.1:1.0", serial="S1-4.1"
        ),
        naming.CanAdapter("can1", "gs_usb", "1-6", "pci-0000:00:14.0-usb-0:6:1.0", serial="S1-6"),
        naming.CanAdapter("can2", "", "", "", ""),
    ]


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (
            "/sys/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/usb5/5-1/5-1:1.0",
            "pci-0000:03:00.0-usb-0:1:1.0",
        ),
        (
            "/sys/devices/platform/bus@0/3610000.usb/usb1/1-2/1-2.3/1-2.3:1.0",
            "platform-3610000.usb-usb-0:2.3:1.0",
        ),
        ("/sys/devices/platform/c310000.mttcan", ""),
    ],
)
def test_the_path_is_the_one_that_udev_uses(place, path):
    assert naming.id_path(Path(place)) == path


def test_cameras_are_found_with_their_speed(machine):
    assert naming.usb_cameras(machine) == [
        naming.UsbCamera("D405", "0b5b", "1-2", 480.0),
        naming.UsbCamera("D435", "0b07", "2-1", 5000.0),
    ]


def test_rules_name_adapters_by_socket(machine, capsys):
    assert naming.main(["can_left=can1", "can_right=can0"], machine) == 0
    printed = capsys.readouterr().out
    assert (
        "# /etc/systemd/network/10-can_left.link\n[Match]\nDriver=gs_usb\n"
        "Path=pci-0000:00:14.0-usb-0:6:1.0\n\n[Link]\nName=can_left\n"
    ) in printed
    assert "Name=can_left can_right\n\n[CAN]\nBitRate=1M\nRestartSec=100ms\n" in printed
    assert 'ATTRS{idProduct}=="0b5b", MODE="0660", GROUP="plugdev"' in printed
    assert "udevadm control --reload" in printed


def test_without_names_the_listing_says_how_to_go_on(machine, capsys):
    assert naming.main([], machine) == 0
    printed = capsys.readouterr().out
    assert "can0         gs_usb   USB socket 1-4.1" in printed
    assert "480 Mbit/s (USB 2: too slow" in printed
    assert "python -m hw_config.naming can_left=can0 can_right=can1" in printed


def test_a_machine_without_any_is_told_so(tmp_path, capsys):
    assert naming.main([], tmp_path) == 0
    printed = capsys.readouterr().out
    assert "CAN interfaces: none." in printed
    assert "RealSense cameras: none." in printed


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["can_left"], "expected NAME=INTERFACE"),
        (["can left=can0"], "expected NAME=INTERFACE"),
        (["can_follower_left=can0"], "at most 15 characters"),
        (["can_left=can7"], "no CAN interface can7; there are: can0, can1, can2"),
        (["can_left=can2"], "can2 is not on USB"),
        (["can_left=can0", "can_right=can0"], "given a second time"),
    ],
)
def test_wrong_names_are_refused(machine, capsys, names, says):
    assert naming.main(names, machine) == 1
    assert says in capsys.readouterr().err
