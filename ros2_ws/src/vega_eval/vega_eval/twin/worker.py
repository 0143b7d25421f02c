"""What a worker does, wherever it runs: it keeps a twin and the policies, and runs jobs."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from vega_sim.render import RenderError
from vega_sim.twin import Twin

import hw_config
from vega_eval.errors import EvalError
from vega_eval.provenance import Provenance, provenance_now
from vega_eval.trials.blinding import PolicyIdentity, digest_of
from vega_eval.twin.episode import play
from vega_eval.twin.jobs import Job, JobFailure, JobResult, Ready
from vega_policy.errors import PolicyError
from vega_policy.kinds import open_policy
from vega_policy.policy import Policy as RunnablePolicy

Done = TypeVar("Done")
_FOR_PEOPLE = (EvalError, PolicyError, RenderError, hw_config.ConfigError, OSError)


def on_one_core() -> None:
    """Keeps this process to one core, so that as many as there are cores do not disturb another.

    Call it before anything is rendered or inferred.
    """
    # Mesa's software renderer would start a thread for each core.
    os.environ.setdefault("LP_NUM_THREADS", "0")


class Worker:
    """Keeps the newest twin, and the policy of each checkpoint ready to run."""

    def __init__(self) -> None:
        self._ready: dict[str, RunnablePolicy] = {}
        self._twin: Twin | None = None

    def compare(self, policies: tuple[PolicyIdentity, ...], home: Provenance) -> Ready | JobFailure:
        """Whether this machine has the checkpoints, the configuration and the code of another."""
        return _answer(lambda: _compare(policies, home))

    def load(self, policies: tuple[PolicyIdentity, ...]) -> Ready | JobFailure:
        """Loads the policies' checkpoints."""
        return _answer(lambda: self._load(policies))

    def play(self, job: Job) -> JobResult | JobFailure:
        """Plays a trial of a checkpoint that was loaded."""
        policy = self._ready[job.checkpoint]
        return _answer(lambda: play(self._twin_for(job), policy, job))

    def _load(self, policies: tuple[PolicyIdentity, ...]) -> Ready:
        for policy in policies:
            try:
                self._ready[policy.checkpoint] = open_policy(policy.checkpoint, threads=1)
            except PolicyError as error:
                raise PolicyError(f"{policy.checkpoint} does not load: {error}") from None
        return Ready()

    def _twin_for(self, job: Job) -> Twin:
        twin = self._twin
        if twin is None or (twin.task.config.name, twin.task.variant) != (
            job.task,
            job.variant,
        ):
            if twin is not None:
                twin.close()
            self._twin = twin = Twin(job.task, job.variant)
        return twin


def _answer(work: Callable[[], Done]) -> Done | JobFailure:
    try:
        return work()
    except _FOR_PEOPLE as error:
        return JobFailure(str(error), permanent=True)
    # A trial that could not be played is no failure of the policy, whatever went wrong.
    except Exception as error:
        return JobFailure(f"{type(error).__name__}: {error}", permanent=False)


def _compare(policies: tuple[PolicyIdentity, ...], home: Provenance) -> Ready:
    here = socket.gethostname()
    for policy in policies:
        folder = Path(policy.checkpoint)
        if not folder.is_dir():
            raise EvalError(f"{here} has no {folder}: copy the checkpoint there, to the same path")
        if digest_of(folder) != policy.sha256:
            raise EvalError(
                f"{folder} on {here} is another checkpoint than here: copy it there anew"
            )
    own = provenance_now()
    if own.config_sha256 != home.config_sha256:
        raise EvalError(f"{here} has another hw_config than this machine: copy it there")
    if own.commit and home.commit and own.commit != home.commit:
        raise EvalError(f"{here} has the code of {own.commit}, this machine of {home.commit}")
    return Ready()
