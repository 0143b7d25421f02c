"""Workers: each is handed one order after the other; one that dies is replaced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vega_eval.errors import EvalError
from vega_eval.twin.orders import Order, Played, Ready, Trouble

_MOST_DEATHS_LOADING = 3

Hand = TypeVar("Hand")
Mine = TypeVar("Mine", bound="Crew[Any]")


@dataclass(frozen=True)
class Lost:
    """A worker is no more."""

    reason: str


Answer = Ready | Played | Trouble | Lost


@dataclass(eq=False)
class _Seat(Generic[Hand]):
    """A place for a worker.

    Attributes:
        hand: Who has it.
        ready: Whether they have loaded everything.
        ticket: Of the order that they play.
    """

    hand: Hand
    ready: bool = False
    ticket: int | None = None


class Crew(ABC, Generic[Hand]):
    """Some workers; how one is had and spoken to is a subclass's business. `close` it.

    Attributes:
        size: How many there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._seats: list[_Seat[Hand]] = []
        self._deaths_loading = 0

    def __enter__(self: Mine) -> Mine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, wanted: int = 1) -> None:
        """Returns when so many workers have loaded everything; at once when they already have.

        Raises:
            EvalError: A checkpoint does not load, or workers die of it.
        """
        while len(self._seats) < self.size:
            self._seats.append(_Seat(self._hire()))
        while sum(seat.ready for seat in self._seats) < wanted:
            self.wait()

    @property
    def free(self) -> bool:
        """Whether somebody waits for an order."""
        return any(seat.ready and seat.ticket is None for seat in self._seats)

    def give(self, ticket: int, order: Order) -> None:
        """Hands an order to somebody who is free."""
        seat = next(seat for seat in self._seats if seat.ready and seat.ticket is None)
        seat.ticket = ticket
        self._hand_over(seat.hand, order)

    def wait(self) -> list[tuple[int, Played | Trouble]]:
        """Waits until something has happened; returns answers to orders, by ticket.

        Raises:
            EvalError: A checkpoint does not load, or workers die of it.
        """
        answers = self._hear([seat.hand for seat in self._seats])
        done = []
        for seat in list(self._seats):
            answer = answers.get(seat.hand)
            if answer is not None:
                outcome, ticket = self._take(seat, answer), seat.ticket
                if ticket is not None and outcome is not None:
                    done.append((ticket, outcome))
                seat.ticket = None
        return done

    def _take(self, seat: _Seat[Hand], answer: Answer) -> Played | Trouble | None:
        if isinstance(answer, Ready):
            seat.ready = True
            return None
        if isinstance(answer, Lost):
            self._replace(seat, answer)
            return Trouble(answer.reason, for_good=False)
        if not seat.ready and isinstance(answer, Trouble):
            raise EvalError(answer.reason)
        return answer

    def _replace(self, seat: _Seat[Hand], lost: Lost) -> None:
        if not seat.ready:
            self._deaths_loading += 1
            if self._deaths_loading >= _MOST_DEATHS_LOADING:
                raise EvalError(
                    f"workers die while they load the policies ({lost.reason}): is there memory "
                    f"for {self.size} of them? Try again with fewer --workers"
                )
        seat.hand, seat.ready = self._hire(), False

    @abstractmethod
    def close(self) -> None:
        """Ends all workers at once."""

    @abstractmethod
    def _hire(self) -> Hand:
        """A new worker, who begins to load."""

    @abstractmethod
    def _hand_over(self, hand: Hand, order: Order) -> None:
        """Gives a worker an order."""

    @abstractmethod
    def _hear(self, hands: Sequence[Hand]) -> dict[Hand, Answer]:
        """Waits until at least one says something, or is no more."""
