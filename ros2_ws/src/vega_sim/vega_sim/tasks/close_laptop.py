"""Close the laptop: the right arm reaches over an open screen and folds it down."""

from __future__ import annotations

import math

import mujoco
import numpy as np
from vega_description.transforms import Array

from vega_sim import shapes
from vega_sim.arm_script import Aim, ArmScript, Phase, reach_pose
from vega_sim.task import Circle, Handled, Task
from vega_sim.textures import Texture
from vega_sim.world import World

ARM = "right"
DEPTH, WIDTH, BASE_HEIGHT = 0.21, 0.30, 0.018  # of the laptop, m
LID_THICKNESS = 0.008
HINGE_X = DEPTH / 2 - 0.004  # in the laptop's frame: x towards the hinge, y left, z up
CENTRE_XY = (0.51, -0.14)

CLOSED_BELOW = math.radians(10.0)
FOLDED_BELOW = math.radians(60.0)
MAX_BASE_SHIFT_M = 0.06
MAX_BASE_TURN = math.radians(15.0)

_SHELL = (0.72, 0.74, 0.77)
_SHELL_GEOMS = ("laptop_shell", "laptop_lid_shell")


class CloseLaptopScene(Task):
    """A laptop with a hinged screen that stays where it is put.

    Easy: placement within 5 cm, turned by at most 12 degrees, screen opened 85 to 115 degrees.
    Hard: within 8 cm and 20 degrees, 80 to 120 degrees, any shell colour, and what every hard
    variant varies.
    """

    parts = {"laptop_base": ("laptop",), "laptop_lid": ("laptop_lid",)}
    main = "laptop"

    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the laptop: `laptop` is the base (free), `laptop_lid` the screen on its hinge."""
        base = shapes.free_body(spec, "laptop")
        half = (DEPTH / 2, WIDTH / 2, BASE_HEIGHT / 2)
        shapes.solid(
            base, shapes.BOX, half, _SHELL, mass=1.6, pos=(0, 0, half[2]), name="laptop_shell"
        ).friction = (1.0, 0.005, 0.0001)
        shapes.drawn(
            base,
            shapes.BOX,
            (DEPTH / 2 - 0.004, WIDTH / 2 - 0.004, 0.001),
            pos=(0, 0, BASE_HEIGHT),
            material=shapes.texture(spec, "laptop_keys", np.rot90(_keyboard(), -1)),
        )
        for y in (-0.09, 0.09):
            shapes.drawn(
                base,
                shapes.CAPSULE,
                (0.006,),
                (0.25, 0.26, 0.28),
                fromto=(HINGE_X, y - 0.03, BASE_HEIGHT, HINGE_X, y + 0.03, BASE_HEIGHT),
            )
        self._build_lid(spec, base)

    def _build_lid(self, spec: mujoco.MjSpec, base: mujoco.MjsBody) -> None:
        lid = base.add_body(name="laptop_lid", pos=(HINGE_X, 0, BASE_HEIGHT + 0.002))
        # Friction holds the screen (its weight turns it with less than 0.3 N m).
        lid.add_joint(
            name="laptop_hinge",
            axis=(0, 1, 0),
            range=(0.0, math.radians(135)),
            limited=True,
            damping=0.05,
            frictionloss=0.60,
            solimp_friction=(0.998, 0.9999, 0.001, 0.5, 2.0),
            armature=0.002,
        )
        middle = (-DEPTH / 2, 0, LID_THICKNESS / 2)
        shapes.solid(
            lid,
            shapes.BOX,
            (DEPTH / 2, WIDTH / 2, LID_THICKNESS / 2),
            _SHELL,
            mass=0.28,
            pos=middle,
            name="laptop_lid_shell",
        )
        shapes.drawn(
            lid,
            shapes.BOX,
            (DEPTH / 2 - 0.002, WIDTH / 2 - 0.002, 0.0005),
            (0.05, 0.05, 0.06),
            pos=(-DEPTH / 2, 0, 0),
        )
        shapes.drawn(
            lid,
            shapes.BOX,
            (DEPTH / 2 - 0.010, WIDTH / 2 - 0.010, 0.0005),
            pos=(-DEPTH / 2 - 0.002, 0, -0.0007),
            material=shapes.texture(spec, "laptop_screen", _desktop().transpose(1, 0, 2)),
        )
        shapes.drawn(
            lid,
            shapes.CYLINDER,
            (0.018, 0.0006),
            (0.35, 0.38, 0.42),
            pos=(-DEPTH / 2, 0, LID_THICKNESS),
        )

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Places the laptop and opens its screen."""
        reach, turn, opening = (0.08, 20, (80, 120)) if self.hard else (0.05, 12, (85, 115))
        x, y = np.array(CENTRE_XY) + rng.uniform(-reach, reach, 2)
        yaw = np.deg2rad(rng.uniform(-turn, turn))
        world.place("laptop", (x, y, world.table_z + 0.001), (0, 0, yaw))
        world.set_angle("laptop_hinge", np.deg2rad(rng.uniform(*opening)))
        if self.hard:
            shell = rng.uniform(0.15, 0.9) + rng.uniform(-0.12, 0.12, 3)
            for geom in _SHELL_GEOMS:
                world.paint(geom, np.clip(shell, 0, 1))
        self._start_xy, self._start_yaw = np.array([x, y]), yaw

    def success(self, world: World) -> bool:
        """The screen is closed and the laptop still stands where it stood.

        True while the lid's angle is below 10 degrees, the base has moved less than 6 cm and
        turned less than 15 degrees since the reset, and the base lies flat on the table.
        """
        return self._lid(world) < CLOSED_BELOW and self._in_place(world)

    def milestones(self, world: World) -> dict[str, bool]:
        """`touched` (arm or fingers on the screen), `folded` (below 60 degrees), `closed`."""
        touched = any(
            world.touching(f"{ARM}_{part}", "laptop_lid")
            for part in ("finger1", "finger2", "link6")
        )
        folded = self._lid(world) < FOLDED_BELOW
        return {"touched": touched or folded, "folded": folded, "closed": self.success(world)}

    def progress(self, world: World) -> str:
        """Angle of the lid, and whether the laptop was pushed away."""
        text = f"lid at {np.rad2deg(self._lid(world)):.0f} deg"
        return text if self._in_place(world) else f"{text}, laptop pushed away"

    def handled(self, world: World) -> list[Handled]:
        """The screen: its edge is pushed down."""
        to_go_m, closed = DEPTH * max(self._lid(world), 0.0), self.success(world)
        return [Handled("laptop_lid", to_go_m, near=False, arrived=closed, grasped=False)]

    def keep_out(self, world: World) -> list[Circle]:
        """The laptop, the strip in front of it and both bases."""
        x, y = self._start_xy
        return [(x, y, 0.20), (x + 0.14, y, 0.16), (0.36, -0.3, 0.14), (0.36, 0.3, 0.10)]

    def _lid(self, world: World) -> float:
        return world.angle("laptop_hinge")

    def _in_place(self, world: World) -> bool:
        pose = world.pose("laptop")
        yaw = np.arctan2(pose[1, 0], pose[0, 0])
        turned = abs((yaw - self._start_yaw + np.pi) % (2 * np.pi) - np.pi)
        return bool(
            np.linalg.norm(pose[:2, 3] - self._start_xy) < MAX_BASE_SHIFT_M
            and turned < MAX_BASE_TURN
            and abs(pose[2, 3] - world.table_z) < 0.01
            and pose[2, 2] > math.cos(math.radians(5.0))
        )

    def scripts(self, world: World) -> list[ArmScript]:
        """Reach over the screen, hook a closed gripper behind its edge, fold it down, retreat."""

        def over() -> Aim:
            aim = self._hook(world, self._lid(world)).shifted(up=0.08, forward=0.02)
            here = world.tool(ARM)[:3, 3]
            if self._in_front(world):
                return reach_pose(world, ARM, np.array([*here[:2], aim.xyz[2]]), pitch=0.6)
            # Come from above: the farther off, the higher.
            return aim.shifted(up=0.5 * min(_distance(aim.xyz[:2], here[:2]), 0.16))

        def behind() -> Aim:
            return self._hook(world, self._lid(world))

        def fold() -> Aim:
            return self._hook(world, max(self._lid(world) - 0.45, -0.12))

        def away() -> Aim:
            return self._hook(world, 0.0).shifted(up=0.14, forward=-0.03)

        def folded() -> bool:
            return self._lid(world) < math.radians(4.0)

        phases = [
            Phase("over", over, reach=0.04, skip=folded),
            Phase(
                "behind",
                behind,
                reach=0.025,
                skip=folded,
                speed=0.15,
                abort=lambda: self._in_front(world),
                timeout_s=2.0,
                otherwise="over",
            ),
            Phase(
                "fold",
                fold,
                until=folded,
                speed=0.14,
                abort=lambda: self._in_front(world),
                timeout_s=4.0,
                otherwise="over",
            ),
            Phase("away", away, reach=0.03),
            Phase.home(),
        ]
        return [ArmScript(world, ARM, phases)]

    def _tip_on_lid(self, world: World) -> tuple[float, float, float]:
        """Finger tips seen from the lid: from the hinge along it, sideways, behind its screen."""
        lid = world.pose("laptop_lid")
        along, aside, back = lid[:3, :3].T @ (world.tool(ARM)[:3, 3] - lid[:3, 3])
        return float(-along), float(aside), float(back)

    def _in_front(self, world: World) -> bool:
        """Whether the finger tips are right before an upright lid, below its edge."""
        along, aside, back = self._tip_on_lid(world)
        beside = along > DEPTH or abs(aside) > WIDTH / 2 + 0.02
        upright = self._lid(world) > math.radians(40.0)
        return upright and -0.05 < back < LID_THICKNESS and not beside

    def _hook(self, world: World, angle: float) -> Aim:
        """Tool pose that holds the lid at `angle`.

        An upright lid has the fingers laid across its edge, tips behind it and the gripper clear
        above; a lid that is nearly down has the finger tips on its back.
        """
        degrees = np.rad2deg(angle)
        along = DEPTH + np.interp(degrees, (30, 90, 115), (-0.045, -0.025, 0.010))
        back = np.interp(degrees, (20, 85), (LID_THICKNESS + 0.004, 0.075))
        pitch = np.deg2rad(np.interp(degrees, (0, 95), (76.0, 50.0)))
        cosine, sine = np.cos(angle), np.sin(angle)
        point = np.array(
            [
                HINGE_X - along * cosine + back * sine,
                -0.02,
                BASE_HEIGHT + along * sine + back * cosine,
            ]
        )
        laptop = world.pose("laptop")
        xyz: Array = laptop[:3, :3] @ point + laptop[:3, 3]
        return reach_pose(world, ARM, xyz, pitch=float(pitch))


def _distance(first: Array, second: Array) -> float:
    return float(np.linalg.norm(first - second))


def _keyboard(height: int = 168, width: int = 240) -> Texture:
    """The base from above; rows run from the hinge (first) to the user."""
    texture = np.full((height, width, 3), (188, 192, 200), np.uint8)
    top, bottom, left, right = 18, 100, 16, width - 16
    texture[top:bottom, left:right] = (42, 44, 50)
    for row in range(5):
        keys = 13 - row % 2
        y = top + 3 + row * 16
        for key in range(keys):
            x = left + 3 + (right - left - 6) * key // keys
            wide = (right - left - 6) // keys - 3
            texture[y : y + 12, x : x + wide] = (96, 100, 110) if (row, key) != (2, 12) else 200
    texture[112:158, width // 2 - 38 : width // 2 + 38] = (160, 165, 174)
    return texture


def _desktop(height: int = 168, width: int = 240) -> Texture:
    """A blue desktop with two windows and a row of icons."""
    fade = np.linspace(0, 1, height)[:, None, None]
    sky = ((1 - fade) * (24, 52, 128) + fade * (36, 132, 196)) * np.ones((1, width, 1))
    texture = sky.astype(np.uint8)
    texture[16:112, 20:128] = (244, 246, 250)
    texture[16:28, 20:128] = (250, 150, 50)
    for row in range(5):
        texture[38 + 14 * row : 44 + 14 * row, 30 : 118 - 12 * (row % 3)] = (120, 130, 150)
    texture[44:134, 140:222] = (30, 36, 48)
    texture[44:56, 140:222] = (60, 190, 120)
    for row in range(5):
        texture[66 + 12 * row : 70 + 12 * row, 148 : 206 - 10 * (row % 2)] = (110, 230, 160)
    for icon, rgb in enumerate(((240, 80, 80), (250, 200, 60), (90, 200, 120), (180, 120, 240))):
        x = 66 + 30 * icon
        texture[146:160, x : x + 18] = rgb
    return texture
