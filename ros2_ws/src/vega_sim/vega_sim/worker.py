"""The thread that owns the simulation: it steps, renders and runs what others ask of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Calls `tick` over and over while running; in between, jobs of other threads.

    An OpenGL context belongs to the thread that made it, so everything that touches the scene is
    done here.

    Args:
        failed: called, once, with what `tick` raised; ticking then stops.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._jobs: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue()
        self._tick: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._run, name="simulation", daemon=True)
        self._thread.start()

    def call(self, job: Callable[[], T]) -> T:
        """Runs a job between two ticks and returns, or raises, what it returns or raises."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future.result()

    def run(self, tick: Callable[[], object]) -> None:
        """Starts ticking."""
        self.call(lambda: self._set(tick))

    def pause(self) -> None:
        """Stops ticking; returns when the present tick is over."""
        self.call(lambda: self._set(None))

    def stop(self) -> None:
        """Ends the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _set(self, tick: Callable[[], object] | None) -> None:
        self._tick = tick

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(block=self._tick is None)
            except queue.Empty:
                self._do_tick()
                continue
            if job is None:
                return
            _complete(*job)

    def _do_tick(self) -> None:
        tick = self._tick
        assert tick is not None
        try:
            tick()
        except Exception as error:
            self._tick = None
            self._failed(error)


def _complete(job: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(job())
    except Exception as error:
        future.set_exception(error)
