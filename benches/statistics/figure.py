"""A figure of the bench."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """A figure, and what it must be at least and at most, if anything."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is as it must be."""
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )
