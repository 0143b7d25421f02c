"""Counts of successes, and what every test and interval asks of its input."""

from __future__ import annotations

import operator
from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """Successes among trials. INVALID trials are in neither.

    Raises:
        ValueError: They are not whole numbers with 0 <= successes <= trials.
    """

    successes: int
    trials: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "successes", whole("successes", self.successes))
        object.__setattr__(self, "trials", whole("trials", self.trials))
        if self.successes > self.trials:
            raise ValueError(
                f"successes are among the trials: got {self.successes} of {self.trials}"
            )

    @property
    def rate(self) -> float:
        """Successes a trial.

        Raises:
            ValueError: There are no trials.
        """
        if self.trials == 0:
            raise ValueError("a rate needs at least 1 trial: got none")
        return self.successes / self.trials


def whole(name: str, value: int) -> int:
    """The value as an int.

    Raises:
        ValueError: It is no whole number, or negative.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number: got {value!r}") from None
    if number < 0:
        raise ValueError(f"{name} must be at least 0: got {number}")
    return number


def fraction(name: str, value: float) -> float:
    """The value, strictly between 0 and 1.

    Raises:
        ValueError: It is not.
    """
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must be between 0 and 1: got {value!r}")
    return value


def probability(name: str, value: float) -> float:
    """The value, from 0 to 1.

    Raises:
        ValueError: It is not.
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be from 0 to 1: got {value!r}")
    return value
