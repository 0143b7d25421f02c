"""Runs a node until a signal or its own end, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import rclpy
from rclpy.duration import Duration
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vega_runtime.launched import Ending
from vega_runtime.parameters import ParameterError

_SIGNAL_POLL_S = 0.1
_LAST_WORDS_S = 0.3


class _Ending(Ending):
    code = 0


_ending = _Ending()


def finish(code: int = 0) -> None:
    """Ends the process with this exit code once the present callback has returned."""
    _ending.code = code
    _ending.ask()


def light_executor() -> Executor:
    """The executor that costs the least a message: a third of the usual one, where rclpy has it."""
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:  # Humble
        return SingleThreadedExecutor()
    return EventsExecutor()


def main(
    factory: Callable[[], Node],
    executor_factory: Callable[[], Executor] = light_executor,
) -> None:
    """Creates the node, spins it until SIGINT, SIGTERM, `finish` or the launch's end; destroys it.

    A node may define `close()`, which is called once before it is destroyed. Ends the process
    with code 0 after a signal, with the code given to `finish`, or with 1 and one line of text
    when the node cannot be created.
    """
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _note_signal)
    code = 0
    node: Node | None = None
    executor = executor_factory()
    try:
        node = factory()
        executor.add_node(node)
        # Bounded waits, because the events executor does not return for a signal.
        while not _ending.asked:
            executor.spin_once(timeout_sec=_SIGNAL_POLL_S)
        code = _ending.code
    except ExternalShutdownException:
        pass
    except (ParameterError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = 1
    finally:
        # From here on a second signal must not interrupt the way down.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _take_down(node, executor)
    sys.exit(code)


def _note_signal(number: int, frame: FrameType | None) -> None:
    _ending.ask()


def _take_down(node: Node | None, executor: Executor) -> None:
    if node is not None:
        close = getattr(node, "close", None)
        if close is not None:
            close()
        _deliver(node)
        executor.remove_node(node)
        node.destroy_node()
    executor.shutdown(timeout_sec=1.0)
    rclpy.try_shutdown()


def _deliver(node: Node) -> None:
    """Waits for those who listen to have the node's last words: a publisher takes them with it."""
    end_s = time.monotonic() + _LAST_WORDS_S
    if not node.context.ok():
        return
    for publisher in node.publishers:
        left = Duration(seconds=max(0.0, end_s - time.monotonic()))
        publisher.wait_for_all_acked(left)
