"""Runs a node until a signal or its own end, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vega_runtime.parameters import ParameterError


class Finished(Exception):
    """Raised in a callback to end the process; `code` is its exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class _Signalled(Exception):
    pass


def main(
    factory: Callable[[], Node],
    executor_factory: Callable[[], Executor] = SingleThreadedExecutor,
) -> None:
    """Creates the node, spins it until SIGINT, SIGTERM or `Finished`, then destroys it.

    A node may define `close()`, which is called once before it is destroyed. Ends the process
    with code 0 after a signal, with the code of `Finished`, or with 1 and one line of text when
    the node cannot be created.
    """
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise_signalled)
    code = 0
    node: Node | None = None
    executor = executor_factory()
    try:
        node = factory()
        executor.add_node(node)
        executor.spin()
    except Finished as finished:
        code = finished.code
    except (_Signalled, ExternalShutdownException):
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


def _raise_signalled(number: int, frame: FrameType | None) -> None:
    raise _Signalled


def _take_down(node: Node | None, executor: Executor) -> None:
    if node is not None:
        close = getattr(node, "close", None)
        if close is not None:
            close()
        executor.remove_node(node)
        node.destroy_node()
    executor.shutdown(timeout_sec=1.0)
    rclpy.try_shutdown()
