"""Hand over the cucumber: the right arm takes it off one plate and puts it on the other."""

from __future__ import annotations

import colorsys
import itertools
import math
from dataclasses import replace

import mujoco
import numpy as np
from numpy.typing import ArrayLike
from vega_description.transforms import Array

from vega_sim import shapes
from vega_sim.arm_script import Aim, ArmScript, Phase
from vega_sim.grasping import across, pick, put_down
from vega_sim.task import Circle, Handled, Task
from vega_sim.textures import Texture
from vega_sim.world import World

ARM = "right"
CUCUMBER, START, TARGET = "cucumber", "plate_start", "plate_target"

# The cucumber's origin is its middle; x runs along it to the stem, it bends towards y.
HALF_LENGTH, RADIUS = 0.078, 0.0165
_BEND_M = 0.006  # the ends lie so far aside of the middle
_PIECE_ENDS = (-0.060, -0.021, 0.021, 0.060)

PLATE_RADIUS, PLATE_HEIGHT = 0.105, 0.016
_WELL_RADIUS, _WELL_Z = 0.070, 0.006  # the flat middle
START_XY, TARGET_XY = (0.56, -0.28), (0.48, 0.0)
_APART_M = 2 * PLATE_RADIUS + 0.02

LYING = math.sin(math.radians(12.0))
ON_PLATE_M = 0.050
STILL = (0.03, 0.5)  # m/s, rad/s
AWAY_M = 0.06

_OPEN_M, _LET_GO_M = 0.066, 0.060
_TIPS_BELOW_M = 0.010  # finger tips under the cucumber's middle
_LIFT_M = 0.09
_PACE = 0.75

_BLUE, _WHITE = (0.30, 0.48, 0.78), (0.97, 0.96, 0.93)


class HandoverCucumberScene(Task):
    """Two plates, and a cucumber on the right-hand one.

    Easy: plates within 4 cm of their places, cucumber turned by at most 25 degrees and within
    1 cm of the middle of its plate; the start plate is blue, the target plate white.
    Hard: plates within 7 cm, cucumber turned by at most 50 degrees and within 2 cm, plates and
    cucumber of other colours, and what every hard variant varies.
    """

    parts = {"cucumber": (CUCUMBER,), "plate_start": (START,), "plate_target": (TARGET,)}
    main = CUCUMBER

    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the free bodies `cucumber`, `plate_start` and `plate_target`."""
        shapes.mesh(spec, "plate", shapes.revolved(_PLATE_PROFILE, segments=48))
        _build_plate(spec, START, _glaze((255, 255, 255), (214, 226, 244)), _BLUE)
        _build_plate(spec, TARGET, _glaze((255, 255, 255), (226, 140, 62)), _WHITE)
        _build_cucumber(spec)

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Places the plates, and the cucumber on one of them."""
        reach, turn, aside = (0.07, 50.0, 0.02) if self.hard else (0.04, 25.0, 0.01)
        self._plates = _draw_plates(reach, rng)
        z = world.table_z + 0.0005
        for name, xy in self._plates.items():
            world.place(name, (*xy, z), (0, 0, rng.uniform(-np.pi, np.pi)))
        x, y = self._plates[START] + rng.uniform(-aside, aside, 2)
        yaw = np.deg2rad(rng.uniform(-turn, turn)) + np.pi * rng.integers(2)
        world.place(CUCUMBER, (x, y, z + _WELL_Z + RADIUS + 0.0005), (0, 0, yaw))
        if self.hard:
            _paint(world, rng)

    def success(self, world: World) -> bool:
        """The cucumber lies on the target plate, let go of.

        True while the cucumber's middle is within 5 cm of the target plate's axis, its long axis
        within 12 degrees of level, it touches that plate and neither the table nor the other
        plate; no finger of either arm touches it and the right finger tips are more than 6 cm from
        its middle; it moves slower than 3 cm/s and turns slower than 0.5 rad/s; and the target
        plate stands flat on the table (its foot within 1 cm of the table's height, level within
        5 degrees).
        """
        return self._placed(world) and self._released(world)

    def milestones(self, world: World) -> dict[str, bool]:
        """`grasped` by both fingers, `lifted` 3 cm, `over` the target plate, `placed`.

        Each includes the later ones.
        """
        placed = self.success(world)
        held = world.held(ARM, CUCUMBER)
        over = placed or self._aside(world) < PLATE_RADIUS
        lifted = over or (held and self._height(world) > _WELL_Z + RADIUS + 0.03)
        return {"grasped": held or lifted, "lifted": lifted, "over": over, "placed": placed}

    def progress(self, world: World) -> str:
        """Where the cucumber is."""
        if self.success(world):
            return "cucumber on the target plate"
        where = "in the hand" if world.held(ARM, CUCUMBER) else "not held"
        return f"cucumber {where}, {100 * self._aside(world):.0f} cm from the target plate's middle"

    def handled(self, world: World) -> list[Handled]:
        """The cucumber; it is near the target plate where the two overlap."""
        to_go_m = self._aside(world)
        near = to_go_m < PLATE_RADIUS + HALF_LENGTH
        return [Handled(CUCUMBER, to_go_m, near, self._placed(world))]

    def keep_out(self, world: World) -> list[Circle]:
        """Both plates, the way between them, and before the arms' bases."""
        start, target = self._plates[START], self._plates[TARGET]
        middle = (start + target) / 2
        around = [(float(x), float(y), PLATE_RADIUS + 0.03) for x, y in (start, target, middle)]
        return [*around, (0.40, -0.3, 0.12), (0.40, 0.3, 0.10)]

    def scripts(self, world: World) -> list[ArmScript]:
        """Grasp the cucumber across its middle, carry it over, lay it down, let go."""

        def grasp() -> Aim:
            pose = world.pose(CUCUMBER)
            tips = pose[:3, 3] - (0.0, 0.0, _TIPS_BELOW_M)
            return across(world, ARM, tips, pose[:3, 0])

        def spot() -> Array:
            return world.pose(TARGET)[:3, 3] + (0.0, 0.0, _WELL_Z + RADIUS + 0.001)

        def placed() -> bool:
            return self._placed(world) and not world.held(ARM, CUCUMBER)

        def down() -> bool:
            near = self._height(world) < _WELL_Z + RADIUS + 0.004
            return near and world.touching(CUCUMBER, TARGET)

        phases = [
            *pick(world, ARM, CUCUMBER, grasp, open_m=_OPEN_M, lift_m=_LIFT_M, done=placed),
            *put_down(
                world,
                ARM,
                CUCUMBER,
                spot,
                open_m=_LET_GO_M,
                lift_m=_LIFT_M,
                down=down,
                done=placed,
            ),
            Phase("check", None, until=placed, timeout_s=0.5, otherwise="above"),
            Phase.home(),
        ]
        return [ArmScript(world, ARM, [replace(p, speed=_PACE * p.speed) for p in phases])]

    def _placed(self, world: World) -> bool:
        """Whether the cucumber lies still on the target plate, in a hand or not."""
        plate = world.pose(TARGET)
        flat = abs(plate[2, 3] - world.table_z) < 0.01 and plate[2, 2] > math.cos(math.radians(5.0))
        lying = self._aside(world) < ON_PLATE_M and abs(world.pose(CUCUMBER)[2, 0]) < LYING
        if not (flat and lying and world.touching(CUCUMBER, TARGET)):
            return False
        elsewhere = world.touching(CUCUMBER, "table") or world.touching(CUCUMBER, START)
        speed, turning = world.speed(CUCUMBER)
        return not elsewhere and speed < STILL[0] and turning < STILL[1]

    def _released(self, world: World) -> bool:
        gap = np.linalg.norm(world.tool(ARM)[:3, 3] - world.pose(CUCUMBER)[:3, 3])
        fingers = (f"{side}_finger{n}" for side in world.arms for n in (1, 2))
        return bool(gap > AWAY_M) and not any(world.touching(f, CUCUMBER) for f in fingers)

    def _aside(self, world: World) -> float:
        """Distance of the cucumber's middle from the target plate's axis."""
        gap = world.pose(CUCUMBER)[:2, 3] - world.pose(TARGET)[:2, 3]
        return float(np.linalg.norm(gap))

    def _height(self, world: World) -> float:
        """Height of the cucumber's middle over the table."""
        return float(world.pose(CUCUMBER)[2, 3]) - world.table_z


# (radius, z) as `shapes.revolved` takes them
_PLATE_PROFILE = (
    (0.0, 0.001),
    (0.062, 0.001),
    (0.066, 0.0),
    (0.070, 0.002),
    (PLATE_RADIUS - 0.002, PLATE_HEIGHT - 0.003),
    (PLATE_RADIUS, PLATE_HEIGHT - 0.001),
    (PLATE_RADIUS - 0.002, PLATE_HEIGHT),
    (0.084, 0.0105),
    (_WELL_RADIUS, _WELL_Z),
    (0.0, _WELL_Z),
)


def _draw_plates(reach: float, rng: np.random.Generator) -> dict[str, Array]:
    """x and y of both plates, which do not touch."""
    while True:
        plates = {
            name: np.array(xy) + rng.uniform(-reach, reach, 2)
            for name, xy in ((START, START_XY), (TARGET, TARGET_XY))
        }
        if np.linalg.norm(plates[START] - plates[TARGET]) > _APART_M:
            return plates


def _build_plate(
    spec: mujoco.MjSpec, name: str, glaze: Texture, rgb: tuple[float, float, float]
) -> None:
    plate = shapes.free_body(spec, name)
    rough = (0.8, 0.005, 0.0002)
    shapes.solid(
        plate,
        shapes.CYLINDER,
        (_WELL_RADIUS, _WELL_Z / 2),
        rgb,
        mass=0.35,
        pos=(0, 0, _WELL_Z / 2),
        group=shapes.UNSEEN,
        friction=rough,
    )
    outwards, up = PLATE_RADIUS - _WELL_RADIUS, PLATE_HEIGHT - _WELL_Z
    shapes.solid_ring(
        plate,
        (PLATE_RADIUS + _WELL_RADIUS) / 2,
        math.hypot(outwards, up),
        z=(PLATE_HEIGHT + _WELL_Z) / 2 - 0.002,
        mass=0.15,
        lean=math.atan2(outwards, up),
        friction=rough,
    )
    shapes.drawn(
        plate,
        shapes.MESH,
        (),
        rgb,
        meshname="plate",
        name=f"{name}_glaze",
        material=shapes.texture(spec, name, glaze),
    )


def _build_cucumber(spec: mujoco.MjSpec) -> None:
    cucumber = shapes.free_body(spec, CUCUMBER)
    for first, last in itertools.pairwise(_PIECE_ENDS):
        shapes.solid(
            cucumber,
            shapes.CAPSULE,
            (RADIUS,),
            (0.2, 0.45, 0.15),
            mass=0.04,
            fromto=(first, _bend(first), 0, last, _bend(last), 0),
            group=shapes.UNSEEN,
            # Rolling friction: it comes to rest where it is put.
            condim=6,
            friction=(0.8, 0.005, 0.001),
        )
    shapes.drawn(
        cucumber,
        shapes.MESH,
        (),
        meshname=shapes.mesh(spec, "cucumber", _cucumber_surface()),
        name="cucumber_skin",
        material=shapes.texture(spec, "cucumber", _skin()),
    )


def _bend(x: ArrayLike) -> Array:
    """How far the middle line lies aside at `x`, m."""
    return _BEND_M * (np.asarray(x) / HALF_LENGTH) ** 2


def _cucumber_surface() -> shapes.Surface:
    """A blunt, slightly bent cucumber along x with bumps, thinner at the stem."""
    x = HALF_LENGTH * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 27))
    blunt = (1.0 - np.abs(x / HALF_LENGTH) ** 3.2) ** (1 / 2.2)
    radius = RADIUS * 1.02 * blunt * np.interp(x, (-0.03, HALF_LENGTH), (1.0, 0.86))
    surface = shapes.revolved([*zip(radius.tolist(), x.tolist())], segments=24)
    sideways, up, along = surface.vertices.T
    bumps = 1.0 + 0.07 * (np.random.default_rng(7).random((len(x), 25)) < 0.12)
    bumps[:, -1] = bumps[:, 0]
    vertices = np.stack(
        [along, sideways * bumps.ravel() + _bend(along), up * bumps.ravel()], axis=1
    )
    return shapes.Surface(vertices, surface.faces, surface.uv)


def _skin(height: int = 128, width: int = 128) -> Texture:
    """Dark green with lighter stripes that fade towards the stem, and pale ends."""
    rng = np.random.default_rng(11)
    along, around = np.linspace(0, 1, height)[:, None], np.arange(width) / width
    stripes = np.clip(np.cos(2 * np.pi * 9 * around) * 2.5 - 1.2, 0, 1) * (1.0 - 0.55 * along)
    ends = np.clip(1.0 - np.minimum(along, 1.0 - along) / 0.09, 0, 1) ** 2
    light = np.clip(0.75 * stripes + ends, 0, 1)[:, :, None]
    speckles = rng.normal(0.0, 5.0, (height, width, 1))
    skin = (1.0 - light) * np.array((36.0, 88.0, 30.0)) + light * np.array((158.0, 188.0, 84.0))
    return np.clip(skin + speckles, 0, 255).astype(np.uint8)


def _glaze(ground: tuple[int, int, int], band: tuple[int, int, int]) -> Texture:
    """A plate's colours along its profile: one ground, a broad band on the rim, a fine line."""
    radius, z = np.array(_PLATE_PROFILE).T
    along = np.cumsum(np.hypot(np.diff(radius, prepend=0.0), np.diff(z, prepend=z[0])))
    rows = np.linspace(0.0, along[-1], 256)
    here = np.interp(rows, along, radius)
    inside = rows > along[5]
    texture = np.full((256, 4, 3), ground, np.uint8)
    texture[inside & (here > 0.088) & (here < 0.101)] = band
    texture[inside & (here > 0.0695) & (here < 0.0715)] = band
    return texture


def _paint(world: World, rng: np.random.Generator) -> None:
    """Two plates that differ in hue, and a cucumber from dark to fresh green."""
    hue = rng.random()
    for name in (START, TARGET):
        rgb = colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(0.1, 0.7), rng.uniform(0.5, 1.0))
        world.paint(f"{name}_glaze", rgb)
        hue += rng.uniform(0.25, 0.75)
    world.paint("cucumber_skin", rng.uniform(0.7, 1.0) * rng.uniform((0.7, 0.9, 0.6), 1.0))
