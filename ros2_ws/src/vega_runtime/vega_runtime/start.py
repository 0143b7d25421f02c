"""What every executable of the stack runs first.

Importing a node takes seconds; a signal meanwhile just ends the process, without a traceback. A
package names its executables twice in setup.py: `console_scripts` has `vega_runtime.start:main`,
and `vega_runtime.nodes` what it loads.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType

from vega_runtime import abandoned_memory, surroundings

GROUP = "vega_runtime.nodes"


def main() -> None:
    """Loads the node that this executable is named after and runs it.

    From then on the node itself handles signals. Ends with code 1 and a sentence where ROS 2 cannot
    start.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    if problem := surroundings.problem():
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    abandoned_memory.give_back()
    (node,) = entry_points(group=GROUP, name=Path(sys.argv[0]).name)
    node.load()()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(0)
