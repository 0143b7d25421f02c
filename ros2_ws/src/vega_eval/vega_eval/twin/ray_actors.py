"""Workers that are Ray's actors, on this machine or on others.

A local Ray speaks on the loopback only, serves no dashboard and sends no statistics.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from vega_eval.errors import EvalError
from vega_eval.provenance import Provenance
from vega_eval.trials.identity import Policy
from vega_eval.twin.crew import Answer, Crew, Lost
from vega_eval.twin.orders import Order, Ready, Trouble
from vega_eval.twin.player import Player, on_one_core

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import RayError
except ImportError:
    raise EvalError(
        "--ray needs Ray, which is not installed here; install it with: pip install -e '.[ray]'"
    ) from None

LOCAL = "local"
_LOOPBACK = "127.0.0.1"


class _Remote(Player):
    """What runs in an actor."""

    def __init__(self) -> None:
        on_one_core()
        super().__init__()

    def prepare(self, policies: tuple[Policy, ...], home: Provenance) -> Ready | Trouble:
        """Loads the policies, if this machine has the same of everything."""
        answer = self.compare(policies, home)
        return answer if isinstance(answer, Trouble) else self.load(policies)


class _Actor:
    """An actor and what it is doing now."""

    def __init__(self, handle: Any, doing: Any) -> None:
        self.handle = handle
        self.doing = doing


class RayActors(Crew[_Actor]):
    """Actors of one processor each."""

    def __init__(
        self, size: int, policies: tuple[Policy, ...], home: Provenance, address: str
    ) -> None:
        """Connects.

        Raises:
            EvalError: There is no Ray at this address.
        """
        super().__init__(size)
        self._prepare = (policies, home)
        self._class = ray.remote(num_cpus=1, max_restarts=0)(_Remote)
        if address == LOCAL:
            _start_local(size)
        else:
            _connect(address)

    def close(self) -> None:
        ray.shutdown()

    def _hire(self) -> _Actor:
        handle = self._class.remote()
        return _Actor(handle, handle.prepare.remote(*self._prepare))

    def _hand_over(self, hand: _Actor, order: Order) -> None:
        hand.doing = hand.handle.play.remote(order)

    def _hear(self, hands: Sequence[_Actor]) -> dict[_Actor, Answer]:
        busy = {hand.doing: hand for hand in hands if hand.doing is not None}
        ready, _ = ray.wait(list(busy))
        return {busy[reference]: _answer(busy[reference]) for reference in ready}


def _answer(hand: _Actor) -> Answer:
    doing, hand.doing = hand.doing, None
    try:
        answer: Answer = ray.get(doing)
        return answer
    except RayError as error:
        return Lost(f"the worker is no more ({' '.join(str(error).split())})")


def _start_local(size: int) -> None:
    ray.init(
        address=LOCAL,
        num_cpus=size,
        include_dashboard=False,
        _node_ip_address=_LOOPBACK,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
    )


def _connect(address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RayError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise EvalError(f"no Ray answers at {address}: {reason}") from None
