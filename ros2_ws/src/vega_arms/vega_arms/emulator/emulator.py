"""Arms on a bus: a thread (or the caller's) that lets them speak every 5 ms and hears the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Protocol

import can

from vega_arms import buses, frames
from vega_arms.emulator.faults import AILMENTS, Damage, Fault
from vega_arms.emulator.follower import TICK_S, Follower
from vega_arms.protocol import Frame

_BUS_OFF_ID = 0x40  # socketcan's error class
_LONGEST_CATCH_UP_S = 0.05
_OVERCURRENT, _MIT = 1 << 2, 4


class Device(Protocol):
    """An arm on the bus."""

    def receive(self, identifier: int, data: bytes | bytearray) -> list[Frame]:
        """Obeys a frame; returns its replies."""

    def tick(self) -> list[Frame]:
        """Moves on by 5 ms; returns what it says."""


class Emulator:
    """Runs the arms of one bus in real time.

    Args:
        bus: Open bus; the emulator closes it.
        devices: Arms on it. They hear each other, as on a cable.
    """

    def __init__(self, bus: can.BusABC, devices: Iterable[Device]) -> None:
        self._bus = bus
        self.devices = list(devices)
        self._damage = Damage()
        self._fault: Fault | None = None
        self._fault_end_s: float | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._message = can.Message(is_extended_id=False, dlc=frames.LENGTH, data=bytes(8))
        self.frames_sent = 0
        self.ticks_late = 0

    def start(self) -> None:
        """Runs in a thread of its own until `close`."""
        self._thread = threading.Thread(target=self.run, name="emulator", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and closes the bus."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
        self._bus.shutdown()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def inject(self, fault: Fault | None, duration_s: float | None = None) -> None:
        """Begins a fault, for a time or until the next call; None ends it."""
        with self._lock:
            self._fault = fault
            self._fault_end_s = None if duration_s is None else time.monotonic() + duration_s
            self._ail(fault)
            for device in self.devices:
                if fault is not None and isinstance(device, Follower):
                    _break(device, fault)

    def _ail(self, fault: Fault | None) -> None:
        for device in self.devices:
            if isinstance(device, Follower):
                device.ailment = fault if fault in AILMENTS else None

    def run(self) -> None:
        """Serves the bus until `close`."""
        next_s = time.monotonic()
        while not self._stop.is_set():
            next_s += TICK_S
            if time.monotonic() > next_s + _LONGEST_CATCH_UP_S:
                self.ticks_late += 1
                next_s = time.monotonic()
            self._hear_until(next_s)
            with self._lock:
                self._tick()

    def _hear_until(self, end_s: float) -> None:
        while True:
            left = end_s - time.monotonic()
            if left <= 0.0:
                return
            message = self._bus.recv(left)
            if message is not None and not message.is_error_frame:
                with self._lock:
                    if self._fault not in (Fault.BUS_OFF, Fault.ADAPTER_GONE, Fault.SILENCE):
                        replies = self._hear(message.arbitration_id, message.data, None)
                        self._send(replies)

    def _hear(
        self, identifier: int, data: bytes | bytearray, speaker: Device | None
    ) -> list[Frame]:
        replies: list[Frame] = []
        for device in self.devices:
            if device is not speaker:
                replies += device.receive(identifier, data)
        return replies

    def _tick(self) -> None:
        if self._fault_end_s is not None and time.monotonic() >= self._fault_end_s:
            self._fault = self._fault_end_s = None
            self._ail(None)
        sent: list[Frame] = []
        for device in self.devices:
            said = device.tick()
            if len(self.devices) > 1 and not isinstance(device, Follower):
                for identifier, data in said:
                    sent += self._hear(identifier, data, device)
            sent += said
        if self._fault in (Fault.BUS_OFF, Fault.ADAPTER_GONE):
            self._report_error(self._fault)
        self._send(self._damage.apply(self._fault, sent))

    def _send(self, sent: list[Frame]) -> None:
        message = self._message
        for identifier, data in sent:
            message.arbitration_id, message.dlc = identifier, len(data)
            message.data = bytearray(data)
            try:
                self._bus.send(message)
                self.frames_sent += 1
            except (can.CanError, OSError):
                return  # nobody listens, or its buffer is full: on a cable the frame is lost

    def _report_error(self, fault: Fault) -> None:
        gone = fault is Fault.ADAPTER_GONE
        data = buses.UNPLUGGED if gone else bytes(8)
        error = can.Message(
            is_error_frame=True, is_extended_id=False, arbitration_id=_BUS_OFF_ID, data=data
        )
        try:
            self._bus.send(error)
        except (can.CanError, OSError):
            return


def _break(arm: Follower, fault: Fault) -> None:
    if fault is Fault.LEADER_ROLE:
        arm.settings.role = frames.LEADER
    elif fault is Fault.DISABLED:
        arm.enabled = [False] * frames.JOINTS
    elif fault is Fault.COLLISION:
        arm.collide(1, torque=1000.0)
    elif fault is Fault.GRIPPER_OVERCURRENT:
        arm.gripper_faults |= _OVERCURRENT
    elif fault is Fault.GRIPPER_OFF:
        arm.gripper_enabled = False
    elif fault is Fault.MIT_MODE:
        arm.move = _MIT
    elif fault is Fault.LIMITS:
        old = arm.settings.limits[1]
        arm.settings.limits[1] = old._replace(max_angle=900)
