"""Contact monitor: gathers an episode's failure signals from the scene, once a control step."""

from __future__ import annotations

import math

from vega_sim.failure_signals import PRESSING_N, FailureSignals
from vega_sim.task import Handled, Task
from vega_sim.world import World

# Contacts of a squeezed thing flicker; one that is off the fingers for longer was let go.
LET_GO_S = 0.2
PROGRESS_M = 0.01


class ContactMonitor:
    """Gathers the failure signals of one episode after the other.

    Args:
        task: says what its arms handle.
        world: its scene; it is only read.
    """

    def __init__(self, task: Task, world: World) -> None:
        self._task, self._world = task, world
        self._arm_bodies = {
            name
            for name in (world.model.body(number).name for number in range(world.model.nbody))
            if name.split("_")[0] in world.arms
        }

    def reset(self) -> None:
        """The scene has been reset: a new episode begins."""
        world = self._world
        self._time_s = self._progress_s = float(world.data.time)
        self._table_contact_s = self._table_force_n = 0.0
        arms = tuple(map(str, self._task.config.arms))
        self._tracks = [_Track(world, arms, thing.body) for thing in self._task.handled(world)]

    def update(self) -> FailureSignals:
        """What has happened up to now; call once a control step."""
        world = self._world
        time_s = float(world.data.time)
        force_n = world.pressing("table", self._arm_bodies)
        if force_n > PRESSING_N:
            self._table_contact_s += time_s - self._time_s
        self._table_force_n = max(self._table_force_n, force_n)
        self._time_s = time_s
        for track, thing in zip(self._tracks, self._task.handled(world)):
            if track.update(thing, world.in_contact(thing.body), self._arm_bodies):
                self._progress_s = time_s
        return self._signals()

    def _signals(self) -> FailureSignals:
        tracks = self._tracks
        misplaced = [track for track in tracks if track.let_go and not track.arrived]
        return FailureSignals(
            closest_m=max(track.closest_m for track in tracks),
            touched=all(track.touched for track in tracks),
            held=any(track.held for track in tracks),
            ever_held=all(track.ever_held for track in tracks),
            lost=any(not track.near for track in misplaced),
            released_at_target=any(track.near for track in misplaced),
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

    def update(self, thing: Handled, contacts: set[str], arm_bodies: set[str]) -> bool:
        """Takes the thing as it is now; whether there was progress."""
        by_hand = bool(contacts & self._hands)
        came_closer = not self.touched and self._comes_closer(by_hand)
        moved = self._way.passes(thing.to_go_m) if by_hand else False
        news = thing.arrived and not self.arrived
        self.touched |= by_hand
        self.arrived = thing.arrived
        taken = thing.grasped and self._update_grip(thing, contacts, contacts <= arm_bodies)
        return came_closer or moved or news or taken

    def _comes_closer(self, by_hand: bool) -> bool:
        distance_m = 0.0 if by_hand else self._world.gap(self._pairs)
        self.closest_m = min(self.closest_m, distance_m)
        return self._approach.passes(distance_m)

    def _update_grip(self, thing: Handled, contacts: set[str], lifted: bool) -> bool:
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
