"""Carrots to bowls: both arms at once put a carrot each into the bowl that is nearest to it."""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import mujoco
import numpy as np
from vega_description.transforms import Array, quaternion, rpy_matrix

from vega_sim import shapes
from vega_sim.arm_script import Aim, ArmScript, Phase
from vega_sim.grasping import across, pick, put_down
from vega_sim.task import Circle, Handled, Task
from vega_sim.textures import Texture
from vega_sim.world import World

Spot = tuple[float, float]

SIDES = {"left": 1.0, "right": -1.0}  # and the direction of y there

# A carrot's origin is where it is best held; x runs along it to the tip. Where the fingers close
# it has the same radius all along: jaws squeeze a cone out.
HEAD_X, TIP_X = -0.0575, 0.058
_CAPSULES = ((-0.043, -0.022, 0.0145), (-0.014, 0.022, 0.0122), (0.026, 0.0495, 0.0085))
_LEAVES = ((10, 0.015), (20, 0.013), (14, 0.016), (24, 0.012), (17, 0.014))  # lean (deg), half (m)
_LENGTH_M, _DROP_M = (
    0.044,
    0.0145 - 0.0122,
)  # from where its thick end lies to where its middle lies
_TILT = math.asin(_DROP_M / _LENGTH_M)
_LYING_Z = 0.0145 - _DROP_M / 2

RIM_RADIUS, FOOT_RADIUS, BOWL_HEIGHT = 0.082, 0.048, 0.050
_FLOOR = 0.006

INSIDE_RADIUS_M = 0.055
CLEAR_M = 0.05
STILL = (0.05, 1.0)  # m/s, rad/s
UPRIGHT = math.cos(math.radians(12.0))

CARROT_XY, BOWL_XY = (0.47, 0.155), (0.61, 0.305)  # of the left arm, m
_APART_M = 0.165  # a hand takes a carrot without touching the bowl beside it
_NEARER_M = 0.06  # by which the own bowl is nearer than the other one

_ORANGE = (0.95, 0.45, 0.08)
_GREENS = (0.24, 0.58, 0.17), (0.18, 0.46, 0.13)
_RIM = (0.96, 0.95, 0.92)
_GLAZES = {"left": (0.16, 0.46, 0.86), "right": (0.98, 0.82, 0.22)}

_TIPS_BELOW_M = 0.005  # finger tips under the carrot's axis
_OPEN_M, _LET_GO_M = 0.060, 0.050
_LIFT_M = 0.10
_PACE = 0.75  # both hands at once: slower than one alone
_RELEASE_Z = 0.038  # of the carrot over the table
_LEAVES_BEYOND_M = 0.010  # by which a carrot's middle, leaves included, is off its origin

# (radius, along the axis) as `shapes.revolved` takes it
_CARROT_PROFILE = (
    (0.0, HEAD_X + 0.004),
    (0.006, HEAD_X + 0.001),
    (0.0105, HEAD_X),
    (0.0140, HEAD_X + 0.005),
    (0.0150, HEAD_X + 0.014),
    (0.0144, -0.022),
    (0.0126, 0.010),
    (0.0098, 0.036),
    (0.0068, 0.051),
    (0.0024, TIP_X + 0.004),
    (0.0, TIP_X + 0.008),
)
_RIM_PROFILE = (
    (RIM_RADIUS - 0.001, BOWL_HEIGHT - 0.005),
    (RIM_RADIUS + 0.003, BOWL_HEIGHT + 0.0005),
    (RIM_RADIUS + 0.001, BOWL_HEIGHT + 0.003),
    (RIM_RADIUS - 0.003, BOWL_HEIGHT + 0.0025),
    (RIM_RADIUS - 0.005, BOWL_HEIGHT - 0.003),
    (RIM_RADIUS - 0.001, BOWL_HEIGHT - 0.005),
)
_BOWL_PROFILE = (
    (0.0, 0.001),
    (0.036, 0.0),
    (0.038, 0.004),
    (0.052, 0.012),
    (0.070, 0.030),
    (RIM_RADIUS + 0.001, BOWL_HEIGHT),
    (RIM_RADIUS - 0.002, BOWL_HEIGHT + 0.001),
    (0.066, 0.031),
    (0.049, 0.014),
    (0.034, 0.0065),
    (0.0, 0.006),
)


class CarrotsToBowlsScene(Task):
    """A carrot and a bowl on either side.

    Easy: each within 4 cm of its place, carrots turned by at most 25 degrees, a blue bowl on the
    left and a yellow one on the right. Hard: carrots and bowls anywhere in front of their arm,
    carrots turned by at most 50 degrees with either end ahead, other colours, and what every hard
    variant varies.
    """

    parts = {
        "carrot": ("carrot_left", "carrot_right"),
        "bowl": ("bowl_left", "bowl_right"),
    }
    main, main_yaw = "carrot_left", np.pi  # leaves ahead

    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the free bodies `carrot_left`, `carrot_right`, `bowl_left` and `bowl_right`."""
        shapes.mesh(spec, "carrot", shapes.revolved(_CARROT_PROFILE, segments=16))
        shapes.mesh(spec, "bowl", shapes.revolved(_BOWL_PROFILE, segments=28))
        shapes.mesh(spec, "bowl_rim", shapes.revolved(_RIM_PROFILE, segments=28))
        shapes.texture(spec, "glaze", _glaze())
        for side in SIDES:
            _build_carrot(spec, f"carrot_{side}")
            _build_bowl(spec, f"bowl_{side}", _GLAZES[side])

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Places carrots and bowls, and notes which bowl is nearest to each carrot."""
        spots = self._draw_spots(rng)
        turn = 50.0 if self.hard else 25.0
        for side in SIDES:
            yaw = np.pi + np.deg2rad(rng.uniform(-turn, turn))  # leaves ahead
            if self.hard and rng.random() < 0.5:
                yaw += np.pi
            spin, bowl_yaw = rng.uniform(-np.pi, np.pi, 2)
            carrot, bowl, z = f"carrot_{side}", f"bowl_{side}", world.table_z + 0.0005
            world.place(carrot, (*spots[carrot], z + _LYING_Z), (spin, _TILT, yaw))
            world.place(bowl, (*spots[bowl], z), (0, 0, bowl_yaw))
        self._spots = spots
        self._nearest = {carrot: _nearest_bowl(spots, carrot) for carrot in self.parts["carrot"]}
        if self.hard:
            _paint(world, rng)

    def _draw_spots(self, rng: np.random.Generator) -> dict[str, Spot]:
        """x and y of every body: the own bowl is near, but not too near, to each carrot."""
        while True:
            spots = {}
            for side, sign in SIDES.items():
                for name, (x, y) in {"carrot": CARROT_XY, "bowl": BOWL_XY}.items():
                    if self.hard:
                        x, y = rng.uniform(0.43, 0.62), rng.uniform(0.12, 0.36)
                    else:
                        x, y = np.array([x, y]) + rng.uniform(-0.04, 0.04, 2)
                    spots[f"{name}_{side}"] = (float(x), float(sign * y))
            if _unmistakable(spots):
                return spots

    def success(self, world: World) -> bool:
        """Each carrot lies in the bowl that was nearest to it at the start.

        True while for both carrots: the carrot's middle is within 5.5 cm of that bowl's axis,
        above its bottom and below its rim; no finger touches the carrot and no finger tips are
        within 5 cm of its middle; it moves slower than 5 cm/s and turns slower than 1 rad/s; and
        the bowl stands upright (within 12 degrees) on the table (foot within 1 cm of its height).
        """
        return all(self._placed(world, carrot) for carrot in self._nearest)

    def milestones(self, world: World) -> dict[str, bool]:
        """For each carrot `grasped` (in a hand or placed) and `placed`; then `done`."""
        placed = {side: self._placed(world, f"carrot_{side}") for side in SIDES}
        steps = {}
        for side in SIDES:
            steps[f"{side}_grasped"] = placed[side] or _in_hand(world, f"carrot_{side}")
            steps[f"{side}_placed"] = placed[side]
        return {**steps, "done": all(placed.values())}

    def progress(self, world: World) -> str:
        """Where each carrot is."""
        return ", ".join(
            f"{side} carrot {self._whereabouts(world, f'carrot_{side}')}" for side in SIDES
        )

    def handled(self, world: World) -> list[Handled]:
        """The carrots; one is near its bowl where the two overlap."""
        things = []
        for carrot, bowl in self._nearest.items():
            gap = world.pose(bowl)[:2, 3] - world.pose(carrot)[:2, 3]
            to_go_m = float(np.linalg.norm(gap))
            near = to_go_m < RIM_RADIUS + TIP_X
            things.append(Handled(carrot, to_go_m, near, self._in_bowl(world, carrot)))
        return things

    def keep_out(self, world: World) -> list[Circle]:
        """Carrots and bowls, the way between them, and the table under the hands at home."""
        circles = [(0.42, 0.3, 0.12), (0.42, -0.3, 0.12)]
        for carrot, bowl in self._nearest.items():
            (x, y), (u, v) = self._spots[carrot], self._spots[bowl]
            circles += [(x, y, 0.10), ((x + u) / 2, (y + v) / 2, 0.10), (u, v, 0.11)]
        return circles

    def scripts(self, world: World) -> list[ArmScript]:
        """Both arms: take the carrot across its middle, carry it over its bowl, let it in."""
        return [self._script(world, side) for side in SIDES]

    def _script(self, world: World, side: str) -> ArmScript:
        carrot = f"carrot_{side}"
        bowl = self._nearest[carrot]

        def grasp() -> Aim:
            pose = world.pose(carrot)
            tips = pose[:3, 3] - (0, 0, _TIPS_BELOW_M)
            return across(world, side, tips, pose[:3, 0])

        def release() -> Array:
            towards_tip = np.append(world.pose(carrot)[:2, 0], 0.0)
            # Over the table, not the bowl: one that sticks to the hand is put down.
            middle = np.append(world.pose(bowl)[:2, 3], world.table_z + _RELEASE_Z)
            return middle + _LEAVES_BEYOND_M * towards_tip

        def placed() -> bool:
            return self._placed(world, carrot)

        phases = [
            *pick(world, side, carrot, grasp, open_m=_OPEN_M, lift_m=_LIFT_M, done=placed),
            *put_down(world, side, carrot, release, open_m=_LET_GO_M, lift_m=_LIFT_M, done=placed),
            Phase("check", None, until=placed, timeout_s=1.0, otherwise="above"),
            Phase.home(),
        ]
        return ArmScript(world, side, [replace(p, speed=_PACE * p.speed) for p in phases])

    def _placed(self, world: World, carrot: str) -> bool:
        if not self._in_bowl(world, carrot) or not _released(world, carrot):
            return False
        speed, turning = world.speed(carrot)
        return speed < STILL[0] and turning < STILL[1]

    def _in_bowl(self, world: World, carrot: str) -> bool:
        bowl = world.pose(self._nearest[carrot])
        x, y, z = bowl[:3, :3].T @ (world.pose(carrot)[:3, 3] - bowl[:3, 3])
        standing = bowl[2, 2] > UPRIGHT and abs(bowl[2, 3] - world.table_z) < 0.01
        return bool(standing and math.hypot(x, y) < INSIDE_RADIUS_M and 0 < z < BOWL_HEIGHT)

    def _whereabouts(self, world: World, carrot: str) -> str:
        if _in_hand(world, carrot):
            return "in the hand"
        return "in its bowl" if self._in_bowl(world, carrot) else "on the table"


def _build_carrot(spec: mujoco.MjSpec, name: str) -> None:
    body = shapes.free_body(spec, name)
    for start, end, radius in _CAPSULES:
        shapes.solid(
            body,
            shapes.CAPSULE,
            (radius,),
            _ORANGE,
            mass=0.025,
            fromto=(start, 0, 0, end, 0, 0),
            group=shapes.UNSEEN,
            # Rolling friction: a carrot comes to rest instead of rolling off the table.
            condim=6,
            friction=(0.7, 0.005, 0.0015),
        )
    # The leaves hold the carrot off the wall of a bowl, as stiff as they look.
    shapes.solid(
        body,
        shapes.CAPSULE,
        (0.006,),
        _GREENS[0],
        mass=0.002,
        fromto=(HEAD_X, 0, 0, HEAD_X - 0.018, 0, 0),
        group=shapes.UNSEEN,
        friction=(0.4, 0.005, 0.0001),
    )
    along = quaternion(rpy_matrix((0, np.pi / 2, 0)))
    shapes.drawn(body, shapes.MESH, (), _ORANGE, meshname="carrot", quat=along, name=f"{name}_body")
    for i, (lean, half) in enumerate(_LEAVES):
        turned = rpy_matrix((2 * np.pi * i / len(_LEAVES), 0, 0))
        turned = turned @ rpy_matrix((0, 0, np.pi - np.deg2rad(lean)))
        shapes.drawn(
            body,
            shapes.ELLIPSOID,
            (half, 0.0035, 0.0035),
            _GREENS[i % 2],
            pos=np.array([HEAD_X + 0.004, 0, 0]) + half * turned[:, 0],
            quat=quaternion(turned),
        )


def _build_bowl(spec: mujoco.MjSpec, name: str, rgb: tuple[float, float, float]) -> None:
    body = shapes.free_body(spec, name)
    shapes.solid(
        body,
        shapes.CYLINDER,
        (FOOT_RADIUS, _FLOOR / 2),
        rgb,
        mass=0.15,
        pos=(0, 0, _FLOOR / 2),
        group=shapes.UNSEEN,
        friction=(0.6, 0.005, 0.0001),
    )
    outwards, up = RIM_RADIUS - FOOT_RADIUS, BOWL_HEIGHT - _FLOOR
    shapes.solid_ring(
        body,
        (RIM_RADIUS + FOOT_RADIUS) / 2,
        math.hypot(outwards, up),
        z=(BOWL_HEIGHT + _FLOOR) / 2,
        mass=0.15,
        lean=math.atan2(outwards, up),
        friction=(0.6, 0.005, 0.0001),
    )
    shapes.drawn(
        body, shapes.MESH, (), rgb, meshname="bowl", material="glaze", name=f"{name}_shell"
    )
    shapes.drawn(body, shapes.MESH, (), _RIM, meshname="bowl_rim")


def _glaze(height: int = 64, width: int = 8) -> Texture:
    """Shades of a bowl, rows along its profile: its inside is darker to the bottom."""
    rim = height // 2
    shades = np.full(height, 225.0)
    shades[rim:] = np.linspace(250, 175, height - rim)
    return np.broadcast_to(shades[:, None, None], (height, width, 3)).astype(np.uint8)


def _nearest_bowl(spots: dict[str, Spot], carrot: str) -> str:
    distance = {
        bowl: math.dist(spots[bowl], spots[carrot]) for bowl in CarrotsToBowlsScene.parts["bowl"]
    }
    return min(distance, key=distance.__getitem__)


def _unmistakable(spots: dict[str, Spot]) -> bool:
    """Whether hands can work, and which bowl is nearest to a carrot can be seen."""
    for side, other in (("left", "right"), ("right", "left")):
        own, foreign = (
            math.dist(spots[f"carrot_{side}"], spots[f"bowl_{which}"]) for which in (side, other)
        )
        if own < _APART_M or foreign < own + _NEARER_M:
            return False
    return True


def _paint(world: World, rng: np.random.Generator) -> None:
    """Any two bowls that differ in hue, and carrots from yellow to red."""
    hue = rng.random()
    for side in SIDES:
        world.paint(f"carrot_{side}_body", (rng.uniform(0.80, 1.0), rng.uniform(0.30, 0.52), 0.06))
        rgb = colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(0.3, 0.8), rng.uniform(0.45, 0.95))
        world.paint(f"bowl_{side}_shell", rgb)
        hue += rng.uniform(0.25, 0.75)


def _released(world: World, carrot: str) -> bool:
    middle = world.pose(carrot)[:3, 3]
    return all(
        np.linalg.norm(world.tool(side)[:3, 3] - middle) > CLEAR_M
        and not any(world.touching(f"{side}_finger{n}", carrot) for n in (1, 2))
        for side in SIDES
    )


def _in_hand(world: World, carrot: str) -> bool:
    return any(world.held(side, carrot) for side in SIDES)
