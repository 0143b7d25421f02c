"""Workers that are processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.twin.jobs import Job
from vega_eval.twin.worker_pool import Answer, WorkerLost, WorkerPool

_PATIENCE_S = 5.0


@dataclass(frozen=True, eq=False)
class WorkerProcess:
    """A process and the way to speak to it."""

    process: BaseProcess
    pipe: connection.Connection


class ProcessPool(WorkerPool[WorkerProcess]):
    """Spawned ones: a forked child would share this process's OpenGL and thread state."""

    def __init__(self, size: int, policies: tuple[PolicyIdentity, ...]) -> None:
        super().__init__(size)
        self._policies = policies
        self._started: list[WorkerProcess] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes."""
        return tuple(w.process.pid for w in self._started if w.process.pid is not None)

    def close(self) -> None:
        for worker in self._started:
            worker.process.kill()
        for worker in self._started:
            worker.process.join(_PATIENCE_S)
            worker.pipe.close()
        self._started.clear()

    def _start_worker(self) -> WorkerProcess:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._policies), daemon=True)
        with _no_interrupts():
            process.start()
        theirs.close()  # else their death would not end the pipe
        worker = WorkerProcess(process, ours)
        self._started.append(worker)
        return worker

    def _send(self, worker: WorkerProcess, job: Job) -> None:
        # One that has just died is found when it is listened to.
        with contextlib.suppress(OSError):
            worker.pipe.send(job)

    def _receive(self, workers: Sequence[WorkerProcess]) -> dict[WorkerProcess, Answer]:
        ready = connection.wait([worker.pipe for worker in workers])
        return {worker: self._answer(worker) for worker in workers if worker.pipe in ready}

    def _answer(self, worker: WorkerProcess) -> Answer:
        try:
            answer: Answer = worker.pipe.recv()
            return answer
        except (EOFError, OSError):
            worker.process.join(_PATIENCE_S)
            worker.pipe.close()
            self._started.remove(worker)
            return WorkerLost(f"the worker's process ended{_how(worker.process.exitcode)}")


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f" ({signal.Signals(-exit_code).name})"
    return f" (exit code {exit_code})"


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; those started herein never notice it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: connection.Connection, policies: tuple[PolicyIdentity, ...]) -> None:
    """In the worker, until the other end of the pipe is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Here, not above: only workers need the model's code, which takes seconds to import.
    from vega_eval.twin.worker import Worker, on_one_core

    on_one_core()
    worker = Worker()
    with contextlib.suppress(EOFError, OSError):
        pipe.send(worker.load(policies))
        while True:
            pipe.send(worker.play(pipe.recv()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
