"""What commands with single keys share: the screen, the keys, and services that are asked."""

from __future__ import annotations

import codecs
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import rclpy
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

_POLL_S = 0.02
_PATIENCE_S = 3.0
_RED, _PLAIN = "\x1b[1;31m", "\x1b[0m"


class Screen:
    """Prints lines; on a terminal also one that is written anew."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._colour = self._terminal and "NO_COLOR" not in os.environ
        self._live = False

    def say(self, text: str, alarm: bool = False) -> None:
        """Prints lines; an alarm in red."""
        if self._live:
            print("\r\x1b[K", end="")
            self._live = False
        for line in text.split("\n"):
            shown = f"{_RED}{line}{_PLAIN}" if alarm and self._colour else line
            print(shown, flush=True)

    def live(self, text: str) -> None:
        """Writes the present line anew."""
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", flush=True)
            self._live = True


class Asking:
    """Asks services without waiting, and tells what they answer.

    Args:
        screen: Where it is told.
        nobody: What is told when nobody is there to answer.
        told: Verbs whose success is told, too; the others show by themselves.
    """

    def __init__(self, screen: Screen, nobody: str, told: tuple[str, ...] | None = None) -> None:
        self._screen, self._nobody, self._told = screen, nobody, told
        self._asked: dict[str, tuple[Future, float]] = {}
        self._started_s: float | None = time.monotonic()

    def ask(self, verb: str, client: Client, request: Any) -> None:
        """Sends a request, unless the one before it has no answer yet."""
        if verb in self._asked:
            return  # the key was pressed twice before the first answer
        if not client.service_is_ready():
            self._screen.say(self._nobody, alarm=True)
            return
        self._asked[verb] = (client.call_async(request), time.monotonic() + _PATIENCE_S)

    def check(self, heard: bool) -> None:
        """Call often: tells answers, and what does not answer.

        Args:
            heard: Whether anything has been heard at all.
        """
        now_s = time.monotonic()
        for verb, (future, until_s) in list(self._asked.items()):
            if future.done():
                del self._asked[verb]
                answer = future.result()
                if not answer.success:
                    self._screen.say(f"! {answer.message}")
                elif self._told is None or verb in self._told:
                    self._screen.say(answer.message)
            elif now_s > until_s:
                del self._asked[verb]
                self._screen.say(f"! no answer to {verb}; it may have been carried out", True)
        if not heard and self._started_s and now_s - self._started_s > _PATIENCE_S:
            self._started_s = None
            self._screen.say(self._nobody)


class KeyCommand(Protocol):
    """What the node of a command with keys is besides a node."""

    def feed(self, character: str) -> bool:
        """Takes a character; returns whether to leave."""

    def check(self) -> None:
        """Called often."""

    def typed(self) -> None:
        """Called after something was typed."""


def run_keys(factory: Callable[[Screen], KeyCommand], greeting: str) -> None:
    """Makes the node, gives it what is typed until it leaves, the input ends or Ctrl-C; then exits.

    Args:
        factory: Makes the node for a screen.
        greeting: Is shown first.
    """
    rclpy.init()
    screen = Screen()
    try:
        command = factory(screen)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        sys.exit(2)
    node, executor, code = cast(Node, command), SingleThreadedExecutor(), 0
    executor.add_node(node)
    screen.say(greeting)
    try:
        with single_keys():
            _watch(executor, command)
    except KeyboardInterrupt:
        code = 130
    except ExternalShutdownException:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    sys.exit(code)


def _watch(executor: SingleThreadedExecutor, command: KeyCommand) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while rclpy.ok():
        executor.spin_once(timeout_sec=_POLL_S)
        command.check()
        text = _pressed(decoder)
        if text is None or any(command.feed(character) for character in text):
            return
        if text:
            command.typed()


@contextmanager
def single_keys() -> Iterator[None]:
    """Keys come as they are pressed; a pipe may take the terminal's place."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(decoder: codecs.IncrementalDecoder) -> str | None:
    """What was typed since the last call, None at the end of the input."""
    # Not sys.stdin.read: it would keep what select then does not see.
    descriptor = sys.stdin.fileno()
    if not select.select([descriptor], [], [], 0)[0]:
        return ""
    data = os.read(descriptor, 64)
    return decoder.decode(data) if data else None
