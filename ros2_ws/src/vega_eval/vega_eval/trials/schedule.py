"""Which policy plays which placement when.

All policies share the placements, so that trials come in pairs (or rows). A placement is played by
every policy before the next one begins: what drifts in a day, such as light, glue or an operator's
patience, touches all alike. Within a placement chance decides who begins, and which policy hides
behind which letter.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from vega_eval.errors import EvalError
from vega_eval.trials.record import Data, Letter

MOST_POLICIES = len(string.ascii_uppercase)
_LETTERS, _ORDER = 1, 2  # streams of random numbers that do not depend on each other


class Placement(Data):
    """Where the objects lie at the beginning of a trial.

    Attributes:
        seed: Of the twin's scene that shows it; None where no twin is installed.
        cell: Row and column of the task's grid, from 1; None without a grid.
        spot: Middle of the main object (m, `footprint`) and its turn (degrees, or None).
        description: For the operator.
    """

    seed: int | None = None
    cell: tuple[int, int] | None = None
    spot: tuple[float, float, float | None] | None = None
    description: str

    @classmethod
    def of(cls, planned: dict[str, Any]) -> Placement:
        """From a placement as `teleop.placements` plans it."""
        fields = {name: planned.get(name) for name in cls.model_fields}
        return cls.model_validate(fields)


class Trial(Data):
    """One trial of the schedule.

    Attributes:
        number: From 1.
        policy: Letter.
        placement: Index into the session's placements.
    """

    number: int = Field(ge=1)
    policy: Letter
    placement: int = Field(ge=0)


def letters(policies: int, seed: int) -> tuple[str, ...]:
    """The letter of each policy, in the order in which they were given.

    Raises:
        EvalError: There are none, or more than letters.
    """
    if not 1 <= policies <= MOST_POLICIES:
        raise EvalError(f"expected 1 to {MOST_POLICIES} policies, got {policies}")
    drawn = np.random.default_rng((seed, _LETTERS)).permutation(policies)
    return tuple(string.ascii_uppercase[i] for i in drawn)


def schedule(placements: int, policies: Sequence[str], seed: int) -> tuple[Trial, ...]:
    """All trials in order: placement by placement, each with every letter.

    Every second placement has the reverse of the order before it, so that each policy begins, and
    ends, about as often as the others.
    """
    rng = np.random.default_rng((seed, _ORDER))
    ordered = sorted(policies)
    trials: list[Trial] = []
    turn = np.arange(len(ordered))
    for placement in range(placements):
        turn = turn[::-1] if placement % 2 else rng.permutation(len(ordered))
        for index in turn:
            number = len(trials) + 1
            trials.append(Trial(number=number, policy=ordered[index], placement=placement))
    return tuple(trials)
