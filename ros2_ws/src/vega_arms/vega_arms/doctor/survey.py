"""Listens to the CAN buses and asks the arms who they are. Nothing that is sent moves an arm."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import can

from hw_config import HardwareConfig
from hw_config.naming import can_adapters
from vega_arms import buses, health
from vega_arms.doctor import checks
from vega_arms.doctor.checks import ArmFacts, CanInterface, Heard
from vega_arms.emulator import POSE, Emulator, Follower, Leader, Settings, SimpleArm
from vega_arms.emulator.leader import still
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.frames import JOINTS, GripperSetup
from vega_arms.sdk_adapter import Opener
from vega_arms.sdk_port import SdkPort
from vega_core.findings import Finding, fail, ok

_LISTEN_S, _MOST_S, _TRY_S, _ASK_AGAIN_S = 1.2, 2.5, 0.3, 0.4
_IP_S = 5.0


def survey(hardware: HardwareConfig, robot: str) -> list[Finding]:
    """Checks every bus of the cell, all at once; `robot` is `real` or `emulated`."""
    channels = [arm.can for arm in hardware.arms.values()]
    leaders = [arm.leader_can for arm in hardware.arms.values() if arm.leader_can]
    examine = partial(_real_bus if robot == "real" else _emulated_bus, hardware)
    with ThreadPoolExecutor(len(channels) + len(leaders)) as pool:
        found = dict(zip(channels + leaders, pool.map(examine, channels + leaders)))
    rows = [row for rows, _ in found.values() for row in rows]
    same = checks.versions({channel: found[channel][1].firmware for channel in channels})
    return [*rows, same] if same else rows


def interface(channel: str, sys_root: Path = Path("/sys")) -> CanInterface:
    """What Linux says about a CAN interface."""
    adapters = can_adapters(sys_root)
    mine = next((adapter for adapter in adapters if adapter.name == channel), None)
    if mine is None:
        others = tuple(adapter.name for adapter in adapters)
        return CanInterface(False, others=others, supported=_kernel_knows_can())
    try:
        state = (sys_root / "class" / "net" / channel / "operstate").read_text().strip()
    except OSError:
        state = "down"
    return details(_ip_link(channel), up=state != "down", driver=mine.driver)


def details(link: dict, up: bool, driver: str) -> CanInterface:
    """An interface from what `ip -details -json link show` says of it; {} when it says nothing."""
    data = link.get("linkinfo", {}).get("info_data", {})
    rate = data.get("bittiming", {}).get("bitrate")
    return CanInterface(True, up, rate, data.get("state", ""), data.get("restart_ms"), driver)


def listen(channel: str, opener: Opener) -> tuple[Heard, ArmFacts]:
    """Listens to a bus for a second, asks its arm for its settings, and sums up what came.

    Raises:
        OSError: The bus cannot be opened; the text says what to do.
    """
    port = SdkPort(channel, opener)
    decoder = FeedbackDecoder(port.sdk, lambda state: None, lambda state: None)
    counts: Counter[int] = Counter()
    errors, begun_s = 0, time.monotonic()
    port.open()
    try:
        ask_s = begun_s + _TRY_S
        while (elapsed_s := time.monotonic() - begun_s) < _MOST_S:
            # An arm that has not answered yet is asked again; a silent bus is not waited for.
            done = elapsed_s > _LISTEN_S and (_told(decoder) or decoder.follower is None)
            if done:
                break
            if time.monotonic() > ask_s and decoder.follower is not None and not _told(decoder):
                ask_s = time.monotonic() + _ASK_AGAIN_S
                port.ask_settings()
            message = port.receive(0.02)
            if message is None:
                continue
            decoder.take(message, time.monotonic())
            if message.is_error_frame:
                errors += 1
            else:
                counts[message.arbitration_id] += 1
    except can.CanError as error:
        raise OSError(f"{channel}: {error}") from None
    finally:
        port.close()
    now_s = time.monotonic()
    off = health.since(decoder, "bus_off", now_s) < _MOST_S
    return Heard(now_s - begun_s, counts, errors, off), _arm(decoder)


def _told(decoder: FeedbackDecoder) -> bool:
    known = decoder.firmware is not None and decoder.gripper_stroke_mm is not None
    return known and len(decoder.limits) == JOINTS


def _arm(decoder: FeedbackDecoder) -> ArmFacts:
    state = decoder.follower
    return ArmFacts(
        decoder.status,
        tuple(decoder.motor_bits),
        decoder.firmware.text if decoder.firmware else None,
        dict(decoder.limits),
        decoder.gripper_stroke_mm,
        decoder.gripper_bits,
        state.q if state else None,
        time.time() - state.stamp_s if state else None,
    )


def _real_bus(hardware: HardwareConfig, channel: str) -> tuple[list[Finding], ArmFacts]:
    row = checks.interface(channel, interface(channel))
    if row.state.name == "FAIL":
        return [row], ArmFacts()
    rows, arm = _judge(hardware, channel, partial(buses.open_bus, "socketcan"))
    return [row, *rows], arm


def _emulated_bus(hardware: HardwareConfig, channel: str) -> tuple[list[Finding], ArmFacts]:
    check = f"{channel}: interface"
    if _somebody_emulates(channel):
        rows, arm = _judge(hardware, channel, partial(buses.open_bus, "udp_multicast"))
        return [ok(check, "udp_multicast, an emulator that runs already"), *rows], arm
    with _own_emulator(hardware, channel) as name:
        rows, arm = _judge(hardware, channel, lambda _: buses.open_bus("virtual", name))
    return [ok(check, "virtual, an emulator of the doctor's own"), *rows], arm


def _judge(
    hardware: HardwareConfig, channel: str, opener: Opener
) -> tuple[list[Finding], ArmFacts]:
    try:
        heard, arm = listen(channel, opener)
    except OSError as error:
        row = fail(f"{channel}: bus", str(error), "mend that, then run this again")
        return [row], ArmFacts()
    return judge(hardware, channel, heard, arm), arm


def judge(hardware: HardwareConfig, channel: str, heard: Heard, arm: ArmFacts) -> list[Finding]:
    """All checks of one bus."""
    rows = [checks.traffic(channel, heard)]
    if not heard.counts:
        return rows
    mine = next((n for n, config in hardware.arms.items() if config.can == channel), None)
    if mine is None:
        return [*rows, checks.leader(channel, heard, alone=True)]
    rows += [
        checks.follower(channel, heard, hardware.rates.state_hz),
        checks.leader(channel, heard, alone=False),
    ]
    if arm.q is None and arm.status is None:
        return rows
    start = list(hardware.arms).index(mine) * (JOINTS + 1)
    place = slice(start, start + JOINTS + 1)
    return [
        *rows,
        checks.state(channel, arm),
        checks.version(channel, arm),
        checks.limits(channel, arm, hardware.limits.lower[place], hardware.limits.upper[place]),
        checks.gripper(channel, arm, hardware.gripper_stroke_m),
        checks.clock(channel, arm),
    ]


def _somebody_emulates(channel: str) -> bool:
    try:
        bus = buses.open_bus("udp_multicast", channel)
    except OSError:
        return False
    try:
        return bus.recv(_TRY_S) is not None
    finally:
        bus.shutdown()


@contextmanager
def _own_emulator(hardware: HardwareConfig, channel: str) -> Iterator[str]:
    name = f"doctor-{os.getpid()}-{channel}"
    if any(arm.can == channel for arm in hardware.arms.values()):
        settings = Settings()
        settings.gripper = GripperSetup(100, round(1000 * hardware.gripper_stroke_m), 1)
        device: Follower | Leader = Follower(settings, SimpleArm(POSE[:6], POSE[6], on_stand=True))
    else:
        device = Leader(still(POSE))
    with Emulator(buses.open_bus("virtual", name), [device]):
        yield name


def _ip_link(channel: str) -> dict:
    command = ["ip", "-details", "-json", "link", "show", "dev", channel]
    try:
        said = subprocess.run(command, capture_output=True, timeout=_IP_S, check=True).stdout
        return next(iter(json.loads(said)), {})
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}


def _kernel_knows_can() -> bool:
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except (OSError, AttributeError):
        return False
    return True
