"""Who leads the arms: the argument `operator` of a recording session."""

from __future__ import annotations

import difflib
from typing import Final, Literal, NamedTuple

from teleop.errors import TeleopError

SCRIPTED: Final = "scripted"
KEYBOARD: Final = "keyboard"
_STAND_INS = (SCRIPTED, KEYBOARD)

Hands = Literal["none", "scripted", "keyboard"]


class OperatorRefused(TeleopError):
    """Nobody can lead like that; the text says who can."""


class SessionOperator(NamedTuple):
    """Who leads.

    Attributes:
        name: What is recorded with the episodes.
        hands: What moves the leaders of the twin; `none` where they are real arms.
    """

    name: str
    hands: Hands


def who_leads(given: str, robot: str) -> SessionOperator:
    """Makes sense of what was given.

    Args:
        given: `scripted`, `keyboard` or the name of a person; empty when nothing was given.
        robot: sim, emulated or real.

    Raises:
        OperatorRefused: The real robot needs a person, whose name is recorded; or it is a name
            that was meant to be another word.
    """
    name = " ".join(given.split())
    if robot == "real":
        if not name:
            raise OperatorRefused(
                "who leads? Give your name, it is recorded with the episodes: operator:=ada"
            )
        if name in _STAND_INS:
            raise OperatorRefused(
                f"operator:={name}: only the twin has such an operator (robot:=sim or "
                "robot:=emulated); at the real robot a person leads, give the name: operator:=ada"
            )
        return SessionOperator(name, "none")
    if not name or name == SCRIPTED:
        return SessionOperator(SCRIPTED, SCRIPTED)
    near = difflib.get_close_matches(name.lower(), _STAND_INS, n=1, cutoff=0.75)
    if near and name != near[0]:
        raise OperatorRefused(f"operator:={name}: did you mean operator:={near[0]}?")
    # In the twin a person leads by keys.
    return SessionOperator(name, KEYBOARD)
