"""Adapts piper_sdk to our buses: which bus its objects open.

The SDK opens socketcan by itself, twice an interface, and only logs it when a frame could not be
sent. After `install` it opens one bus an interface, over whatever stands in for it, and failed
sends are counted. That is all: the SDK is used as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import can
from piper_sdk import C_PiperInterface_V2
from piper_sdk.hardware_port.can_encapsulation_v0_4_0 import C_STD_CAN

Opener = Callable[[str], can.BusABC]
"""Opens the bus of a channel; raises OSError."""


class WatchedBus(can.BusABC):
    """A bus that counts frames sent and frames that could not be sent."""

    def __init__(self, bus: can.BusABC) -> None:
        self.inner = bus
        self.sent = 0
        self.failures = 0
        self.failed_in_a_row = 0
        self.last_error = ""
        super().__init__(channel=str(bus.channel_info))

    def recv(self, timeout: float | None = None) -> can.Message | None:
        """The next frame, as the inner bus gives it."""
        return self.inner.recv(timeout)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Sends a frame; a failure is noted and raised."""
        try:
            self.inner.send(msg, timeout)
        except (can.CanError, OSError) as error:
            self.failures += 1
            self.failed_in_a_row += 1
            self.last_error = str(error)
            raise
        self.sent += 1
        self.failed_in_a_row = 0

    def shutdown(self) -> None:
        """Closes the inner bus."""
        super().shutdown()
        self.inner.shutdown()


_given: dict[str, WatchedBus] = {}
_openers: list[Opener] = []


def install(opener: Opener) -> None:
    """Makes every piper_sdk object of this process open its bus through `opener`.

    Programs that use the SDK unchanged then run on emulated buses too.
    """
    _openers[:] = [opener]
    C_STD_CAN._create_bus = _create
    C_STD_CAN.JudgeCanInfo = _judge


def connect(sdk: C_PiperInterface_V2, bus: WatchedBus) -> None:
    """Gives one SDK object a bus that is open already."""
    C_STD_CAN._create_bus = _create
    name = sdk.GetCanName()
    _given[name] = bus
    sdk.CreateCanBus(name, judge_flag=False)
    del _given[name]


def _create(connection: C_STD_CAN) -> can.BusABC:
    # Asked for twice, to receive and to send: one bus does both.
    name = connection.channel_name
    if connection.recv_bus is not None:
        return connection.recv_bus
    if name in _given:
        return _given[name]
    if not _openers:
        raise can.CanInitializationError(
            f"nothing opens {name}: vega_arms.sdk_adapter.install first"
        )
    return WatchedBus(_openers[0](name))


def _judge(connection: C_STD_CAN) -> C_STD_CAN.CAN_STATUS:
    return connection.CAN_STATUS.JUDGE_PASS
