"""Random frames for everything that decodes frames: none may raise, whatever it says."""

from __future__ import annotations

import random
import time

import can
from vega_arms import protocol
from vega_arms.emulator.follower import Follower
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.sdk_port import SdkPort


def run(count: int, seed: int = 0) -> dict[str, float]:
    """Puts `count` random frames through the protocol, the driver's decoder and an emulated arm.

    Half of them have an identifier that the protocol knows, and lengths from 0 to 8.

    Returns:
        How many frames raised an error, how many states the driver made of them, seconds taken.
    """
    chance = random.Random(seed)
    known = tuple(protocol.KINDS)
    states: list[object] = []
    port = SdkPort("fuzz", _no_bus)
    decoder = FeedbackDecoder(port.sdk, states.append, states.append)
    arm = Follower()
    message = can.Message(is_extended_id=False, timestamp=1.0)
    raised, start_s = 0, time.monotonic()
    for number in range(count):
        bits = chance.getrandbits(32)
        identifier = known[bits % len(known)] if bits >> 31 else bits & 0x7FF
        data = chance.randbytes(8 if bits >> 28 & 7 else bits >> 24 & 7)
        message.arbitration_id, message.data, message.dlc = identifier, bytearray(data), len(data)
        try:
            protocol.decode(identifier, data)
            decoder.take(message, number * 3e-4)
            if number % 4 == 0:
                arm.receive(identifier, data)
            if number % 1000 == 0:
                arm.tick()
        except Exception:
            raised += 1
    return {
        "frames": count,
        "raised": raised,
        "swallowed": decoder.dropped["undecodable"],
        "states": len(states),
        "seconds": time.monotonic() - start_s,
    }


def _no_bus(channel: str) -> can.BusABC:
    raise OSError(f"{channel}: there is no bus behind random frames")
