"""The order in which nodes come up and go down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

_POLL_S = 0.05
_TELL_S = 3.0
_TELL_OF_TRANSITION_S = 10.0


class BringUpError(RuntimeError):
    """The stack cannot come up; the text names the node, or what is missing."""


class BringUpStopped(Exception):
    """Somebody asked for the end while the stack was coming up."""


class TransitionAnswer(Protocol):
    """A transition under way."""

    def __call__(self) -> bool | None:
        """True or False when the node has answered, None before.

        Raises:
            ConnectionError: The node is gone.
        """


class LifecycleNodes(Protocol):
    """Reaches the nodes."""

    def is_there(self, node: str) -> bool:
        """Whether the node can be asked for a transition."""

    def begin(self, node: str, transition: str) -> TransitionAnswer:
        """Asks a node to configure, activate or deactivate."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for each node, in seconds of wall time."""

    appear_s: float = 60.0
    configure_s: float = 180.0
    activate_s: float = 10.0
    ready_s: float = 20.0
    down_s: float = 1.0


class BringUp:
    """Configures all nodes, activates them in order, and deactivates them in reverse.

    Nothing moves while nodes configure, so they do it all at the same time: a model loads while
    the cameras open.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        stack: LifecycleNodes,
        notify: Callable[[str], None],
        stopping: Callable[[], bool],
        timeouts: Timeouts,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._nodes = list(nodes)
        self._stack = stack
        self._notify = notify
        self._stopping = stopping
        self._timeouts = timeouts
        self._clock = clock
        self._sleep = sleep
        self._active: list[str] = []

    def up(self, careful: str, missing: Callable[[], list[str]]) -> None:
        """Brings every node to active.

        Args:
            careful: The node that is activated only when nothing is missing.
            missing: What it still lacks, for people.

        Raises:
            BringUpError: A node did not appear, refused or died, or something stayed missing.
            BringUpStopped: The end was asked for meanwhile.
        """
        begin_s = self._clock()
        self._configure()
        for node in self._nodes:
            if node == careful:
                self._wait_until_nothing_is(missing, careful)
            answer = self._stack.begin(node, "activate")
            self._finish(node, "activate", answer, self._timeouts.activate_s)
            self._active.append(node)
        self._notify(f"all up after {self._clock() - begin_s:.1f} s: {', '.join(self._nodes)}")

    def _configure(self) -> None:
        answers = {}
        for node in self._nodes:
            if not self._until(partial(self._stack.is_there, node), self._timeouts.appear_s):
                limit = f"{self._timeouts.appear_s:g} s"
                raise BringUpError(f"node {node} did not start within {limit}; is it launched?")
            answers[node] = self._stack.begin(node, "configure")
        for node, answer in answers.items():
            self._finish(node, "configure", answer, self._timeouts.configure_s)

    def _finish(
        self, node: str, transition: str, answer: TransitionAnswer, timeout_s: float
    ) -> None:
        began_s = told_s = self._clock()

        def answered() -> bool:
            nonlocal told_s
            if self._clock() - told_s >= _TELL_OF_TRANSITION_S:
                told_s = self._clock()
                waited = f"{told_s - began_s:.0f} of at most {timeout_s:g} s"
                self._notify(f"waits for node {node} to {transition}: {waited}")
            return answer() is not None

        try:
            done = self._until(answered, timeout_s)
        except ConnectionError:
            raise BringUpError(f"node {node} died while asked to {transition}") from None
        if not done:
            raise BringUpError(f"node {node} did not {transition} within {timeout_s:g} s")
        if not answer():
            raise BringUpError(f"node {node} refused to {transition}; its own message says why")
        self._notify(f"{node}: {'configured' if transition == 'configure' else 'active'}")

    def _wait_until_nothing_is(self, missing: Callable[[], list[str]], careful: str) -> None:
        told_s = self._clock()

        def ready() -> bool:
            nonlocal told_s
            lacking = missing()
            if lacking and self._clock() - told_s > _TELL_S:
                told_s = self._clock()
                self._notify(f"{careful} waits: {'; '.join(lacking)}")
            return not lacking

        if not self._until(ready, self._timeouts.ready_s):
            limit = f"{self._timeouts.ready_s:g} s"
            raise BringUpError(f"{careful} not activated after {limit}: {'; '.join(missing())}")

    def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        end_s = self._clock() + timeout_s
        while not condition():
            if self._stopping():
                raise BringUpStopped
            if self._clock() >= end_s:
                return False
            self._sleep(_POLL_S)
        return True

    def down(self) -> None:
        """Deactivates what is active, last first; nodes that are gone are passed over."""
        while self._active:
            node = self._active.pop()
            end_s = self._clock() + self._timeouts.down_s
            try:
                if not self._stack.is_there(node):
                    continue
                answer = self._stack.begin(node, "deactivate")
                while answer() is None and self._clock() < end_s:
                    self._sleep(_POLL_S / 5)
                if answer():
                    self._notify(f"{node}: stopped")
            except ConnectionError:
                continue
