"""Phases for picking a thing up with two fingers and putting it down, for the operator's scripts.

A task joins them: `[*pick(...), *put_down(...), Phase.home()]`. Every aim follows the thing until
a finger touches it and stays from then on, so that hand and thing cannot chase each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from vega_description.transforms import Array, pose_from

from vega_sim.arm_script import Aim, Phase
from vega_sim.world import World

LEAN = 0.27  # of the hand from straight down, away from the base, rad: straight down reaches less
CLOSE_S = 0.45  # closing jaws and letting the force build up


def across(world: World, side: str, xyz: Array, along: Array, *, lean: float = LEAN) -> Aim:
    """A tool pose that reaches down to `xyz` with the jaws closing level across a long thing.

    Args:
        world: the scene.
        side: the arm.
        xyz: where the finger tips go, in footprint, m.
        along: direction [3] of the thing's long axis; either end may be meant.
        lean: how far the hand leans from straight down, as far as `along` allows, rad.
    """
    ahead = _ahead(world, side, xyz)
    jaws = np.cross((0.0, 0.0, 1.0), along)
    jaws /= np.linalg.norm(jaws)
    if jaws @ np.cross((0.0, 0.0, 1.0), ahead) < 0:
        jaws = -jaws
    approach = np.sin(lean) * ahead - np.array([0.0, 0.0, np.cos(lean)])
    approach = approach - (approach @ jaws) * jaws
    approach /= np.linalg.norm(approach)
    return Aim(pose_from(np.stack([approach, jaws, np.cross(approach, jaws)], axis=1), xyz))


def outwards(world: World, side: str, xyz: Array) -> Aim:
    """A tool pose that reaches down to `xyz` with the jaws closing sideways, as the arm sees it."""
    return across(world, side, xyz, _ahead(world, side, xyz))


def _ahead(world: World, side: str, xyz: Array) -> Array:
    """Level direction [3] from the arm's base to a point."""
    x, y = (xyz - world.arms[side].base[:3, 3])[:2]
    return np.array([x, y, 0.0]) / np.hypot(x, y)


def kept(make: Callable[[], Aim], fresh: Callable[[], bool]) -> Callable[[], Aim]:
    """The aim that `make` gave when `fresh` last held."""
    last: list[Aim] = []

    def aim() -> Aim:
        if not last or fresh():
            last[:] = [make()]
        return last[0]

    return aim


def pick(
    world: World,
    side: str,
    body: str,
    grasp: Callable[[], Aim],
    *,
    open_m: float,
    closed_m: float = 0.0,
    lift_m: float = 0.10,
    done: Callable[[], bool] = lambda: False,
) -> list[Phase]:
    """Phases `above`, `down`, `close`, `lift`; a miss or a slip starts anew at `above`.

    Args:
        world: the scene.
        side: the arm.
        body: what is picked up.
        grasp: tool pose at which the jaws close on the body, from where it is now.
        open_m, closed_m: jaw opening before, and the one commanded to squeeze.
        lift_m: how high above the grasp the hand comes down from and goes up to.
        done: skips all of it where it holds, because the body has arrived.
    """

    def held() -> bool:
        return world.held(side, body)

    def free() -> bool:
        return not any(world.touching(f"{side}_finger{n}", body) for n in (1, 2))

    steady = kept(grasp, fresh=free)

    def skip() -> bool:
        return done() or held()

    return [
        Phase(
            "above",
            lambda: replace(grasp().shifted(up=lift_m), opening_m=open_m),
            reach=0.025,
            skip=skip,
            speed=0.25,
        ),
        Phase(
            "down",
            lambda: replace(steady(), opening_m=open_m),
            reach=0.006,
            skip=skip,
            speed=0.16,
            timeout_s=2.5,
            otherwise="above",
        ),
        Phase(
            "close",
            lambda: replace(steady(), opening_m=closed_m),
            until=held,
            skip=done,
            pause_s=CLOSE_S,
            timeout_s=1.2,
            otherwise="above",
        ),
        Phase(
            "lift",
            lambda: replace(steady().shifted(up=lift_m), opening_m=closed_m),
            reach=0.03,
            skip=done,
            abort=lambda: not held(),
            otherwise="above",
        ),
    ]


def put_down(
    world: World,
    side: str,
    body: str,
    xyz: Callable[[], Array],
    *,
    open_m: float,
    closed_m: float = 0.0,
    lift_m: float = 0.10,
    down: Callable[[], bool] | None = None,
    done: Callable[[], bool] = lambda: False,
) -> list[Phase]:
    """Phases `carry`, `lower`, `open`, `away` after `pick`; a body that is lost is picked again.

    The hand turns on the way until its jaws close sideways, so that the body's long axis comes to
    point away from the arm.

    Args:
        world: the scene.
        side: the arm.
        body: what is put down.
        xyz: where the body's origin is to come, in footprint, m, before the jaws open.
        open_m, closed_m: jaw opening that lets the body go, and the one commanded to squeeze.
        lift_m: how high above `xyz` the body is carried and the hand goes away.
        down: ends `lower` before `xyz` is reached, when the body has met the ground.
        done: skips `carry` and `lower` where it holds, because the body has arrived.
    """

    def held() -> bool:
        return world.held(side, body)

    def lost() -> bool:
        return not held()

    def target() -> Aim:
        # What counts is where the body comes, and it need not lie in the middle of the hand.
        aim = outwards(world, side, xyz())
        assert aim.pose is not None
        hand = world.tool(side)
        in_hand = hand[:3, :3].T @ (hand[:3, 3] - world.pose(body)[:3, 3])
        return Aim(
            pose_from(aim.pose[:3, :3], aim.xyz + aim.pose[:3, :3] @ in_hand), None, closed_m
        )

    steady = kept(target, fresh=held)
    return [
        Phase(
            "carry",
            lambda: target().shifted(up=lift_m),
            reach=0.02,
            skip=done,
            speed=0.25,
            abort=lost,
            otherwise="above",
        ),
        Phase(
            "lower",
            target,
            until=down,
            reach=0.008,
            skip=done,
            speed=0.12,
            abort=lost,
            timeout_s=3.0,
            otherwise="above" if down is None else None,
        ),
        Phase(
            "open",
            lambda: replace(steady(), opening_m=open_m),
            until=lambda: not held(),
            pause_s=CLOSE_S,
            timeout_s=1.2,
        ),
        Phase(
            "away",
            lambda: replace(steady().shifted(up=lift_m), opening_m=open_m),
            reach=0.03,
        ),
    ]
