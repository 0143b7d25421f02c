"""Workers that are Ray's actors, on this machine or on others.

A local Ray speaks on the loopback only, serves no dashboard and sends no statistics.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from vega_eval.errors import EvalError
from vega_eval.provenance import Provenance
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.twin.jobs import Job, JobFailure, Ready
from vega_eval.twin.worker import Worker, on_one_core
from vega_eval.twin.worker_pool import Answer, WorkerLost, WorkerPool

LOCAL = "local"
_NO_STATISTICS = {"RAY_USAGE_STATS_ENABLED": "0"}
# Ray takes 127.0.0.1 for a node's address only where it cannot make clusters; this says so. As an
# argument it would be replaced by the address of a network card, and Ray would listen there.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


class _Remote(Worker):
    """What runs in an actor."""

    def __init__(self) -> None:
        on_one_core()
        super().__init__()

    def prepare(self, policies: tuple[PolicyIdentity, ...], home: Provenance) -> Ready | JobFailure:
        """Loads the policies, if this machine has the same of everything."""
        answer = self.compare(policies, home)
        return answer if isinstance(answer, JobFailure) else self.load(policies)


class _Actor:
    """An actor and what it is doing now."""

    def __init__(self, actor: Any, doing: Any) -> None:
        self.actor = actor
        self.doing = doing


class RayPool(WorkerPool[_Actor]):
    """Actors of one processor each."""

    def __init__(
        self, size: int, policies: tuple[PolicyIdentity, ...], home: Provenance, address: str
    ) -> None:
        """Connects.

        Raises:
            EvalError: Ray is not installed, or there is none at this address.
        """
        super().__init__(size)
        self._prepare = (policies, home)
        self._ray = _import_ray({**_NO_STATISTICS, **(_LOOPBACK if _is_here(address) else {})})
        self._class = self._ray.remote(num_cpus=1, max_restarts=0)(_Remote)
        if address == LOCAL:
            _start_local(self._ray, size)
        else:
            _connect(self._ray, address)

    def close(self) -> None:
        self._ray.shutdown()

    def _start_worker(self) -> _Actor:
        actor = self._class.remote()
        return _Actor(actor, actor.prepare.remote(*self._prepare))

    def _send(self, worker: _Actor, job: Job) -> None:
        worker.doing = worker.actor.play.remote(job)

    def _receive(self, workers: Sequence[_Actor]) -> dict[_Actor, Answer]:
        busy = {worker.doing: worker for worker in workers if worker.doing is not None}
        ready, _ = self._ray.wait(list(busy))
        return {busy[reference]: self._answer(busy[reference]) for reference in ready}

    def _answer(self, worker: _Actor) -> Answer:
        doing, worker.doing = worker.doing, None
        try:
            answer: Answer = self._ray.get(doing)
            return answer
        except self._ray.exceptions.RayActorError as error:
            return WorkerLost(f"the worker is no more ({_first_line(error)})")


def _import_ray(environment: Mapping[str, str]) -> Any:
    """Ray as a module; it reads the environment while it is imported."""
    os.environ.update(environment)
    try:
        import ray
    except ImportError:
        raise EvalError(
            "--ray needs Ray, which is not installed here; install it with: pip install -e '.[ray]'"
        ) from None
    return ray


def _is_here(address: str) -> bool:
    """Whether an address never leaves this machine."""
    return address == LOCAL or address.rpartition(":")[0] in ("127.0.0.1", "localhost")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def _start_local(ray: Any, size: int) -> None:
    ray.init(
        address=LOCAL,
        num_cpus=size,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
    )


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EvalError(
            f"no Ray at {address} lets this program in: {_first_line(error)}. Does it run, and is "
            "its token in RAY_AUTH_TOKEN here, if it wants one?"
        ) from None
