"""A pool of workers: each gets one job after the other; one that dies is replaced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vega_eval.errors import EvalError
from vega_eval.twin.jobs import Job, JobFailure, JobResult, Ready

_MOST_DEATHS_LOADING = 3

WorkerT = TypeVar("WorkerT")
Pool = TypeVar("Pool", bound="WorkerPool[Any]")


@dataclass(frozen=True)
class WorkerLost:
    """A worker is no more."""

    reason: str


Answer = Ready | JobResult | JobFailure | WorkerLost


@dataclass(eq=False)
class _Slot(Generic[WorkerT]):
    """A place for a worker.

    Attributes:
        worker: Which one has it.
        ready: Whether it has loaded everything.
        job_id: Of the job that it runs; None while it waits.
    """

    worker: WorkerT
    ready: bool = False
    job_id: int | None = None


class WorkerPool(ABC, Generic[WorkerT]):
    """Some workers; a subclass starts them and speaks to them. `close` it.

    Attributes:
        size: How many there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._slots: list[_Slot[WorkerT]] = []
        self._deaths_loading = 0

    def __enter__(self: Pool) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, wanted: int = 1) -> None:
        """Returns when so many workers have loaded everything; at once when they already have.

        Raises:
            EvalError: A checkpoint does not load, or workers die of it.
        """
        while len(self._slots) < self.size:
            self._slots.append(_Slot(self._start_worker()))
        while sum(slot.ready for slot in self._slots) < wanted:
            self.wait()

    @property
    def free(self) -> bool:
        """Whether a worker waits for a job."""
        return any(slot.ready and slot.job_id is None for slot in self._slots)

    def submit(self, job_id: int, job: Job) -> None:
        """Gives a job to a worker that is free."""
        slot = next(slot for slot in self._slots if slot.ready and slot.job_id is None)
        slot.job_id = job_id
        self._send(slot.worker, job)

    def wait(self) -> list[tuple[int, JobResult | JobFailure]]:
        """Waits until something has happened; returns answers to jobs, by id.

        Raises:
            EvalError: A checkpoint does not load, or workers die of it.
        """
        answers = self._receive([slot.worker for slot in self._slots])
        done = []
        for slot in list(self._slots):
            answer = answers.get(slot.worker)
            if answer is not None:
                outcome, job_id = self._accept(slot, answer), slot.job_id
                if job_id is not None and outcome is not None:
                    done.append((job_id, outcome))
                slot.job_id = None
        return done

    def _accept(self, slot: _Slot[WorkerT], answer: Answer) -> JobResult | JobFailure | None:
        if isinstance(answer, Ready):
            slot.ready = True
            return None
        if isinstance(answer, WorkerLost):
            self._replace(slot, answer)
            return JobFailure(answer.reason, permanent=False)
        if not slot.ready and isinstance(answer, JobFailure):
            raise EvalError(answer.reason)
        return answer

    def _replace(self, slot: _Slot[WorkerT], lost: WorkerLost) -> None:
        if not slot.ready:
            self._deaths_loading += 1
            if self._deaths_loading >= _MOST_DEATHS_LOADING:
                raise EvalError(
                    f"workers die while they load the policies ({lost.reason}): is there memory "
                    f"for {self.size} of them? Try again with fewer --workers"
                )
        slot.worker, slot.ready = self._start_worker(), False

    @abstractmethod
    def close(self) -> None:
        """Ends all workers at once."""

    @abstractmethod
    def _start_worker(self) -> WorkerT:
        """A new worker, which begins to load."""

    @abstractmethod
    def _send(self, worker: WorkerT, job: Job) -> None:
        """Gives a worker a job."""

    @abstractmethod
    def _receive(self, workers: Sequence[WorkerT]) -> dict[WorkerT, Answer]:
        """Waits until at least one says something, or is no more."""
