"""Flowers to the vase: each arm takes a flower from its stand and puts it into one narrow vase."""

from __future__ import annotations

import math
from dataclasses import replace

import mujoco
import numpy as np
from vega_description.transforms import Array, pose_from

from vega_sim.arm_script import Aim, ArmScript, Phase, reach_pose
from vega_sim.grasping import kept, pick
from vega_sim.task import Circle, Handled, Task
from vega_sim.tasks._flowers_model import (
    LEAN,
    MOUTH_RADIUS,
    PETALS,
    SHADES,
    STAND_FLOOR,
    STAND_PARTS,
    VASE_HEIGHT,
    build_flower,
    build_stand,
    build_vase,
)
from vega_sim.world import World

SIDES = {"left": 1.0, "right": -1.0}  # and the direction of y there
VASE_XY = (0.62, 0.0)
STAND_XY = (0.45, 0.23)  # of the left one

INSIDE_M = 0.03
_NEAR_M = 0.10
UPRIGHT = math.cos(math.radians(45.0))  # least height of a unit vector
VASE_UPRIGHT = math.cos(math.radians(8.0))
STILL = (0.05, 1.0)  # m/s, rad/s

_GRIP = 0.125  # where the stem is taken, from its end
_TIP_BEYOND = 0.010  # finger tips past the stem
_STEEPEST = math.radians(90.0)  # of the hand when it takes a stem
_OPEN, _CLOSED = 0.065, 0.003
# Wide at first, so that the stem falls without a finger; then as the other stem leaves room.
_RELEASE = {"left": 0.065, "right": 0.028}
_HAND_PITCH = math.radians(25.0)  # of the hand when the stem is upright: level is out of reach
_PITCHES = (math.radians(4.0), math.radians(60.0))  # what the wrist allows there
# A flower is let go leaning ahead and to its arm's side: there no finger of the other arm comes.
_OUTWARDS = math.radians(8.0)
_OFF_MIDDLE = 0.005  # of the mouth, to its arm's side, so that both find room
_AT_NECK = ("over", "lower", "open", "away")

_BLOSSOMS = {"left": (0.88, 0.10, 0.22), "right": (0.99, 0.74, 0.06)}
_HUES = (
    (0.88, 0.10, 0.22),
    (0.99, 0.74, 0.06),
    (0.95, 0.45, 0.70),
    (0.55, 0.25, 0.80),
    (0.96, 0.96, 0.94),
    (0.98, 0.45, 0.10),
    (0.20, 0.35, 0.90),
)


class FlowersToVaseScene(Task):
    """A vase in the middle, and on either side a flower that leans in a stand.

    Easy: vase and stands within 3 cm of their places, stands turned by at most 8 degrees, a red
    flower on the left and a yellow one on the right. Hard: within 5 cm and 18 degrees, any colours,
    and what every hard variant varies.
    """

    parts = {
        "flower": ("flower_left", "flower_right"),
        "vase": ("vase",),
        "flower_stand": ("stand_left", "stand_right"),
    }
    main = "vase"

    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the bodies `vase`, `flower_left`, `flower_right`, `stand_left`, `stand_right`."""
        build_vase(spec)
        for side in SIDES:
            build_stand(spec, f"stand_{side}")
            build_flower(spec, f"flower_{side}", _BLOSSOMS[side])

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Places the vase and the stands, with the flowers in them."""
        spread, turn = (0.05, 18.0) if self.hard else (0.03, 8.0)
        z = world.table_z + 0.001
        vase = np.array(VASE_XY) + rng.uniform(-spread, spread, 2)
        world.place("vase", (*vase, z))
        self._stands = []
        for side, sign in SIDES.items():
            x, y = np.array([STAND_XY[0], sign * STAND_XY[1]]) + rng.uniform(-spread, spread, 2)
            base = world.arms[side].base[:3, 3]
            yaw = np.arctan2(y - base[1], x - base[0]) + np.deg2rad(rng.uniform(-turn, turn))
            world.place(f"stand_{side}", (x, y, z), (0, 0, yaw))
            world.place(f"flower_{side}", (x, y, z + STAND_FLOOR), (0, math.pi / 2 - LEAN, yaw))
            self._stands.append((x, y, yaw))
        self._vase_xy = vase
        if self.hard:
            self._paint(world, rng)

    def _paint(self, world: World, rng: np.random.Generator) -> None:
        world.paint("vase_glaze", rng.uniform(0.35, 1.0, 3))
        wood = rng.uniform(0.2, 0.8) + rng.uniform(-0.15, 0.15, 3)
        for side in SIDES:
            for part in STAND_PARTS:
                world.paint(f"stand_{side}_{part}", np.clip(wood, 0, 1))
            hue = np.array(_HUES[rng.integers(len(_HUES))])
            blossom = np.clip(hue + rng.uniform(-0.08, 0.08, 3), 0, 1)
            for petal in range(PETALS):
                world.paint(f"flower_{side}_petal{petal}", blossom * SHADES[petal % 2])

    def success(self, world: World) -> bool:
        """Both flowers stand in the upright vase and were let go.

        True while, for either flower, the end of its stem is inside the vase at least 3 cm below
        the rim, the stem leans less than 45 degrees from upright, the vase holds it, no finger
        touches it and it is at rest (below 5 cm/s and 1 rad/s); and the vase leans less than 8
        degrees.
        """
        return bool(world.pose("vase")[2, 2] > VASE_UPRIGHT) and all(
            self._in_vase(world, side) and self._released(world, side) for side in SIDES
        )

    def milestones(self, world: World) -> dict[str, bool]:
        """For each flower `picked` (in the hand, off its stand) and `in_vase`; then `done`."""
        result = {}
        for side in SIDES:
            inside = self._in_vase(world, side)
            result[f"{side}_picked"] = inside or self._picked(world, side)
            result[f"{side}_in_vase"] = inside
        return {**result, "done": self.success(world)}

    def progress(self, world: World) -> str:
        """Where each flower is, and whether the vase fell."""

        def where(side: str) -> str:
            if self._in_vase(world, side):
                return "in the vase"
            return "in the hand" if self._picked(world, side) else "not picked"

        text = ", ".join(f"{side} flower {where(side)}" for side in SIDES)
        return text if world.pose("vase")[2, 2] > VASE_UPRIGHT else f"{text}, vase fell over"

    def handled(self, world: World) -> list[Handled]:
        """The flowers; one is near the vase while the end of its stem is 10 cm aside at most."""
        vase, things = world.pose("vase"), []
        inside = vase[:3, 3] + (VASE_HEIGHT - INSIDE_M) * vase[:3, 2]
        for side in SIDES:
            way = inside - world.pose(f"flower_{side}")[:3, 3]
            near = math.hypot(way[0], way[1]) < _NEAR_M
            arrived = self._in_vase(world, side)
            to_go_m = float(np.linalg.norm(way))
            things.append(Handled(f"flower_{side}", to_go_m, near, arrived))
        return things

    def keep_out(self, world: World) -> list[Circle]:
        """The vase, the stands with what leans in them, and the arms' way between them."""
        circles = [(*self._vase_xy, 0.11), (0.36, 0.3, 0.10), (0.36, -0.3, 0.10)]
        for x, y, yaw in self._stands:
            middle = (x + 0.09 * math.cos(yaw), y + 0.09 * math.sin(yaw))
            circles += [(*middle, 0.15), ((x + self._vase_xy[0]) / 2, y / 2, 0.10)]
        return [(float(x), float(y), float(radius)) for x, y, radius in circles]

    def _in_vase(self, world: World, side: str) -> bool:
        vase, flower = world.pose("vase"), world.pose(f"flower_{side}")
        x, y, z = vase[:3, :3].T @ (flower[:3, 3] - vase[:3, 3])
        return bool(
            math.hypot(x, y) < MOUTH_RADIUS
            and 0.0 < z < VASE_HEIGHT - INSIDE_M
            and flower[2, 2] > UPRIGHT
        )

    def _released(self, world: World, side: str) -> bool:
        flower = f"flower_{side}"
        fingers = [f"{arm}_finger{n}" for arm in SIDES for n in (1, 2)]
        slow = all(speed < limit for speed, limit in zip(world.speed(flower), STILL))
        rests = slow and world.touching(flower, "vase")
        return rests and not any(world.touching(finger, flower) for finger in fingers)

    def _picked(self, world: World, side: str) -> bool:
        flower = f"flower_{side}"
        return world.held(side, flower) and not world.touching(flower, f"stand_{side}")

    def scripts(self, world: World) -> list[ArmScript]:
        """Take the stem, turn it upright beside the vase, and put it in, the left arm first."""
        scripts: dict[str, ArmScript] = {}
        for side in SIDES:
            scripts[side] = ArmScript(world, side, self._phases(world, side, scripts))
        return list(scripts.values())

    def _phases(self, world: World, side: str, scripts: dict[str, ArmScript]) -> list[Phase]:
        flower, sign = f"flower_{side}", SIDES[side]

        def held() -> bool:
            return world.held(side, flower)

        def inside() -> bool:
            return self._in_vase(world, side)

        def lost() -> bool:
            return not held() and not inside()

        def my_turn() -> bool:
            if side == "left":
                return scripts["right"].phase not in _AT_NECK
            return scripts["left"].passed("away")

        def stem(depth: float, aside: float = 0.0) -> Aim:
            """The stem's end so deep in the vase, or so far beside it."""
            vase = world.pose("vase")
            aslant = math.sin(_OUTWARDS) * np.array([0.8, sign * 0.6, 0.0])
            up = aslant + np.array([0.0, 0.0, math.cos(_OUTWARDS)])
            mouth = vase[:3, 3] + VASE_HEIGHT * vase[:3, 2]
            start = mouth + np.array([-0.3 * aside, sign * (aside + _OFF_MIDDLE), 0.0])
            return _stem_aim(world, side, start - depth * up, up)

        def beside() -> Aim:
            return stem(-0.055, aside=0.14)

        def over() -> Aim:
            return stem(-0.03)

        def in_neck() -> Aim:
            tool, pose = world.tool(side)[:3, 3], world.pose(flower)
            return stem(float((tool - pose[:3, 3]) @ pose[:3, 2]) - 0.03)

        lowered = kept(in_neck, fresh=held)

        def back() -> Aim:
            pose = lowered().pose
            assert pose is not None
            forward, left, up = -0.10 * pose[:3, 0]
            return replace(lowered().shifted(up + 0.02, forward, left), opening_m=_RELEASE[side])

        return [
            *pick(
                world,
                side,
                flower,
                lambda: _grasp(world, side),
                open_m=_OPEN,
                closed_m=_CLOSED,
                lift_m=0.12,
                done=inside,
            ),
            Phase(
                "turn", beside, reach=0.03, skip=inside, speed=0.25, abort=lost, otherwise="above"
            ),
            Phase(
                "wait",
                beside,
                until=my_turn,
                skip=inside,
                abort=lost,
                timeout_s=math.inf,
                otherwise="above",
            ),
            Phase("over", over, reach=0.008, skip=inside, abort=lost, otherwise="turn"),
            Phase(
                "lower",
                lowered,
                reach=0.008,
                speed=0.10,
                abort=lost,
                timeout_s=2.5,
                otherwise="turn",
            ),
            Phase("open", lambda: replace(lowered(), opening_m=_RELEASE[side]), pause_s=0.5),
            Phase("away", back, reach=0.03),
            Phase("look", None, skip=inside, abort=lambda: True, otherwise="above"),
            Phase.home(),
        ]


def _grasp(world: World, side: str) -> Aim:
    """Tool pose that takes a flower at its stem, in the arm's plane, rolled to suit the stem."""
    flower = world.pose(f"flower_{side}")
    stem = flower[:3, 2]
    where = flower[:3, 3] + _GRIP * stem
    rise = math.asin(float(np.clip(stem[2], -1, 1)))
    pitch = min(_HAND_PITCH + math.pi / 2 - rise, _STEEPEST)
    level = reach_pose(world, side, where, pitch=pitch)
    _, y, z = _rotation(level).T @ stem
    aim = reach_pose(world, side, where, pitch=pitch, roll=math.atan2(-y, z))
    x, y, z = _TIP_BEYOND * _rotation(aim)[:, 0]
    return aim.shifted(up=max(z, world.table_z + 0.004 - where[2]), forward=x, left=y)


def _stem_aim(world: World, side: str, end: Array, up: Array) -> Aim:
    """Tool pose that brings the end of the held stem to `end` and the stem's direction to `up`.

    It is computed from how the stem lies in the hand now, and keeps the hand in the arm's plane.
    """
    hand, flower = world.tool(side), world.pose(f"flower_{side}")
    stem = hand[:3, :3].T @ flower[:3, 2]
    offset = hand[:3, :3].T @ (flower[:3, 3] - hand[:3, 3])
    where = end
    for _ in range(3):  # the arm's plane depends on where the hand comes
        forward, left, rise = _rotation(reach_pose(world, side, where, pitch=0.0)).T @ up
        across = math.hypot(forward, rise)
        pitch = math.acos(float(np.clip(stem[0] / across, -1, 1))) - math.atan2(rise, forward)
        pitch = float(np.clip(pitch, *_PITCHES))
        below = math.sin(pitch) * forward + math.cos(pitch) * rise
        roll = math.atan2(below, left) - math.atan2(stem[2], stem[1])
        roll = (roll + math.pi) % (2 * math.pi) - math.pi
        aim = reach_pose(world, side, where, pitch=pitch, roll=roll)
        where = end - _rotation(aim) @ offset
    return Aim(pose_from(_rotation(aim), where), opening_m=_CLOSED)


def _rotation(aim: Aim) -> Array:
    assert aim.pose is not None
    return aim.pose[:3, :3]
