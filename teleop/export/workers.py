"""Work on several processors that ends at once when it is told to, or when the parent is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import TypeVar

from teleop.export.demonstration import ExportError

Item = TypeVar("Item")
Result = TypeVar("Result")

_ENDS = (signal.SIGINT, signal.SIGTERM)
_stop: Event | None = None


class Stopped(Exception):
    """The work was given up."""


def until_stopped(items: Iterable[Item]) -> Iterator[Item]:
    """Passes items on; in a worker that is told to stop it raises Stopped instead."""
    for item in items:
        if _stop is not None and _stop.is_set():
            raise Stopped
        yield item


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Processes that apply functions of modules to items. With one, this process does the work."""

    def __init__(self, count: int) -> None:
        self._pool: ProcessPoolExecutor | None = None
        if count > 1:
            context = multiprocessing.get_context("spawn")
            self._event = context.Event()
            self._pool = ProcessPoolExecutor(
                count, mp_context=context, initializer=_begin, initargs=(self._event, os.getpid())
            )

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            # An impatient second Ctrl-C would leave the pool's thread waiting for ever.
            with _undisturbed():
                if kind is not None:
                    self._event.set()
                self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items.

        Raises:
            ExportError: A worker was killed, for instance for lack of memory.
        """
        if self._pool is None:
            yield from map(function, items)
            return
        # Processes begin here, and have what is blocked from the beginning on.
        with _undisturbed():
            futures = [self._pool.submit(function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            raise ExportError(
                "a worker was killed, perhaps for lack of memory: try again with --workers 1"
            ) from None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM come afterwards; processes that begin here have them blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # Blocking alone does not do: a thread of a library may take the signal for this one.
    handlers = {each: signal.signal(each, lambda number, _: came.append(number)) for each in _ENDS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        if came:
            signal.raise_signal(came[0])


def _begin(stop: Event, parent: int) -> None:
    """In a new worker: Ctrl-C is the parent's business, and so is the end."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
