"""What happened in an episode that tells kinds of failure apart.

Whether an episode failed is the task's predicate; how it failed shows in what the hands came near
to, what they took and lost, and what they pressed on.
"""

from __future__ import annotations

from dataclasses import dataclass

# An arm that puts something down may brush over the table; more than this is pressing.
PRESSING_N = 10.0


@dataclass(frozen=True)
class FailureSignals:
    """What has happened since the reset. "Things" are what the task's arms take or push.

    Attributes:
        closest_m: least distance so far between fingers and a thing, 0 when it was touched; of
            several things the one that fingers came least close to.
        touched: every thing was touched by a hand.
        held: a thing is held now: taken between two fingers, lifted off, and not let go since.
        ever_held: every thing was held once.
        lost: a thing that was held got away from the hand on its way, and is neither held again
            nor where it belongs.
        released_at_target: a thing was let go of where it belongs, or next to there, and is
            neither held again nor where it belongs.
        table_contact_s: how long arms pressed on the table with more than `PRESSING_N`.
        table_force_n: greatest force of arms on the table.
        stalled_s: time since the last progress: a hand came 1 cm closer to a thing than before,
            or moved it 1 cm nearer to where it belongs, or took it, or it arrived.
    """

    closest_m: float
    touched: bool = False
    held: bool = False
    ever_held: bool = False
    lost: bool = False
    released_at_target: bool = False
    table_contact_s: float = 0.0
    table_force_n: float = 0.0
    stalled_s: float = 0.0
