"""What happens in an episode that tells kinds of failure apart, noted while it runs.

Whether an episode failed is the task's predicate; how it failed shows in what the hands came near
to, what they took and lost, and what they pressed on. `Twin.look` notes it, once a control step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vega_sim.task import Handled, Task
from vega_sim.world import World

# An arm that lays something down may brush over the table; more than this is pressing.
PRESSING_N = 10.0
# Contacts of a squeezed thing flicker; one that is off the fingers for longer was let go.
LET_GO_S = 0.2
PROGRESS_M = 0.01


@dataclass(frozen=True)
class Signs:
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


class SignsWatch:
    """Gathers the signs of one episode after the other.

    Args:
        task: says what its arms handle.
        world: its scene; it is only looked at.
    """

    def __init__(self, task: Task, world: World) -> None:
        self._task, self._world = task, world
        self._arm_bodies = {
            name
            for name in (world.model.body(number).name for number in range(world.model.nbody))
            if name.split("_")[0] in world.arms
        }

    def reset(self) -> None:
        """A new episode has been laid."""
        world = self._world
        self._time_s = self._progress_s = float(world.data.time)
        self._table_contact_s = self._table_force_n = 0.0
        arms = tuple(map(str, self._task.config.arms))
        self._tracks = [_Track(world, arms, thing.body) for thing in self._task.handled(world)]

    def look(self) -> Signs:
        """What has happened up to now; call once a control step."""
        world = self._world
        time_s = float(world.data.time)
        force_n = world.pressing("table", self._arm_bodies)
        if force_n > PRESSING_N:
            self._table_contact_s += time_s - self._time_s
        self._table_force_n = max(self._table_force_n, force_n)
        self._time_s = time_s
        for track, thing in zip(self._tracks, self._task.handled(world)):
            if track.look(thing, world.in_contact(thing.body), self._arm_bodies):
                self._progress_s = time_s
        return self._signs()

    def _signs(self) -> Signs:
        tracks = self._tracks
        adrift = [track for track in tracks if track.let_go and not track.arrived]
        return Signs(
            closest_m=max(track.closest_m for track in tracks),
            touched=all(track.touched for track in tracks),
            held=any(track.held for track in tracks),
            ever_held=all(track.ever_held for track in tracks),
            lost=any(not track.near for track in adrift),
            released_at_target=any(track.near for track in adrift),
            table_contact_s=self._table_contact_s,
            table_force_n=self._table_force_n,
            stalled_s=self._time_s - self._progress_s,
        )


class _Track:
    """What has become of one thing so far.

    Attributes:
        near: whether it was near its place when fingers were last around it.
        let_go: it was held, and has not been in a hand since.
    """

    def __init__(self, world: World, arms: tuple[str, ...], body: str) -> None:
        self._world = world
        fingers = [{f"{arm}_finger{n}" for n in (1, 2)} for arm in arms]
        self._grips = fingers
        self._hands = {f"{arm}_link6" for arm in arms}.union(*fingers)
        self._pairs = world.meeting_geoms(body, sorted(set().union(*fingers)))
        self.closest_m = math.inf
        self.touched = self.held = self.ever_held = self.let_go = False
        self.near = self.arrived = False
        self._grasped_s = -math.inf
        self._approach, self._way = _Descent(), _Descent()

    def look(self, thing: Handled, contacts: set[str], arm_bodies: set[str]) -> bool:
        """Takes the thing as it is now; whether there was progress."""
        by_hand = bool(contacts & self._hands)
        came_closer = not self.touched and self._comes_closer(by_hand)
        moved = self._way.passes(thing.to_go_m) if by_hand else False
        news = thing.arrived and not self.arrived
        self.touched |= by_hand
        self.arrived = thing.arrived
        taken = thing.grasped and self._look_at_grip(thing, contacts, contacts <= arm_bodies)
        return came_closer or moved or news or taken

    def _comes_closer(self, by_hand: bool) -> bool:
        distance_m = 0.0 if by_hand else self._world.gap(self._pairs)
        self.closest_m = min(self.closest_m, distance_m)
        return self._approach.passes(distance_m)

    def _look_at_grip(self, thing: Handled, contacts: set[str], lifted: bool) -> bool:
        """Notes whether it is held or was let go; whether it was just taken."""
        now_s = float(self._world.data.time)
        if any(fingers <= contacts for fingers in self._grips):
            self._grasped_s, self.near = now_s, thing.near
            taken = lifted and not self.held
            if taken:
                self.held = self.ever_held = True
                self.let_go, self._way = False, _Descent(thing.to_go_m)
            return taken
        if self.held and now_s - self._grasped_s >= LET_GO_S:
            self.held, self.let_go = False, True
        return False


class _Descent:
    """Tells when a distance has become less by `PROGRESS_M` than ever before."""

    def __init__(self, least_m: float = math.inf) -> None:
        self._least_m = least_m

    def passes(self, distance_m: float) -> bool:
        """Whether it has just done so."""
        if distance_m > self._least_m - PROGRESS_M:
            return False
        self._least_m = distance_m
        return True
