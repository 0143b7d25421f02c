"""Runs a node whose work goes on in the main thread, while another one spins."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Protocol, cast

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vega_runtime.launched import Ending

_POLL_S = 0.1
# An answer that was given just before the end is on its way for at most this long.
_ANSWER_S = 0.1
_LONGEST_END_S = 10.0


class Working(Protocol):
    """What the node is besides a node."""

    def run(self) -> int:
        """Does the work; returns the exit code. Ends soon when the end is asked for."""


def main(
    factory: Callable[[Ending], Working],
    executor_factory: Callable[[], Executor] = SingleThreadedExecutor,
) -> None:
    """Creates the node, lets it work, and ends the process with its exit code.

    SIGINT, SIGTERM and the launch's end ask for the end. Code 1 and a line of text when the node
    cannot be created.
    """
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    ending = Ending()

    def note_signal(number: int, frame: FrameType | None) -> None:
        ending.ask()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note_signal)
    try:
        working = factory(ending)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        rclpy.try_shutdown()
        sys.exit(1)
    node, executor, over = cast(Node, working), executor_factory(), threading.Event()
    executor.add_node(node)
    spinner = threading.Thread(target=_spin, args=(executor, over), daemon=True)
    spinner.start()
    code = working.run()
    # A middleware that does not let go must not keep the process, nor must a further signal kill it
    # on its way out: the launch sends one when the work is over.
    last_resort = threading.Timer(_LONGEST_END_S, partial(os._exit, code))
    last_resort.daemon = True
    last_resort.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(_ANSWER_S)
    over.set()
    spinner.join(10 * _POLL_S)
    executor.shutdown(timeout_sec=0.5)
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(code)


def _spin(executor: Executor, over: threading.Event) -> None:
    try:
        # Bounded waits, because the events executor does not return by itself.
        while not over.is_set():
            executor.spin_once(timeout_sec=_POLL_S)
    except ExternalShutdownException:
        return
