"""The executable `policy_node`. Loading torch takes seconds; a signal meanwhile just ends it."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Loads the node and runs it; from then on the node itself handles signals."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from vega_inference import policy_node

    policy_node.main()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(0)
