"""What the hard variant varies in every task: table, floor, light, table height and clutter.

Everything is compiled into the scene once; a reset only moves, recolours and re-lights, so it
costs no new model and no new OpenGL context.
"""

from __future__ import annotations

import mujoco
import numpy as np

from vega_sim import shapes
from vega_sim.task import Circle
from vega_sim.textures import check, speckle, wood
from vega_sim.world import World

_TABLE_HEIGHT_RANGE_M = (-0.03, 0.015)
_CLUTTER_REGION = ((0.42, 0.98), (-0.52, 0.52))  # x and y in footprint, m
_CLUTTER_RADIUS_M = 0.065
_PARKED_XY = (-1.0, 0.0)  # behind the cameras
_WOODS = ("table_oak", "table_walnut", "table_birch")
_PATTERNS = ("table_check", "table_marble", "table_slate")


class Variation:
    """Appearance of a scene; with `hard` false it is always the same."""

    def __init__(self, hard: bool) -> None:
        self._hard = hard
        self._clutter: list[str] = []

    def build(self, spec: mujoco.MjSpec) -> None:
        """Adds the materials and, for the hard variant, the clutter."""
        shapes.texture(spec, "table_oak", wood((206, 170, 126), seed=1))
        spec.geom("table_top").material = "table_oak"
        if not self._hard:
            return
        shapes.texture(spec, "table_walnut", wood((120, 84, 58), seed=2))
        shapes.texture(spec, "table_birch", wood((222, 204, 170), seed=3))
        shapes.texture(spec, "table_check", check((214, 214, 206), (176, 190, 196)))
        shapes.texture(spec, "table_marble", speckle((216, 216, 220), 14, seed=4))
        shapes.texture(spec, "table_slate", speckle((92, 100, 108), 12, seed=5))
        self._clutter = _add_clutter(spec)

    def apply(self, world: World, rng: np.random.Generator) -> None:
        """Draws table, floor, light and table height."""
        if not self._hard:
            return
        model = world.model
        model.body("table").pos[2] += rng.uniform(*_TABLE_HEIGHT_RANGE_M)
        table = model.geom("table_top")
        table.matid[0] = model.material(str(rng.choice(_WOODS + _PATTERNS))).id
        table.rgba[:3] = rng.uniform(0.8, 1.0, 3)
        model.material("floor").rgba[:3] = rng.uniform(0.25, 0.7) + rng.uniform(-0.06, 0.06, 3)
        self._light(world, rng)

    def place_clutter(self, world: World, keep_out: list[Circle], rng: np.random.Generator) -> None:
        """Puts three to five things on the table, off the task's circles; parks the others."""
        wanted = (
            set(rng.permutation(len(self._clutter))[: rng.integers(3, 6)]) if self._hard else ()
        )
        taken = list(keep_out)
        for index, name in enumerate(self._clutter):
            spot = _free_spot(taken, rng) if index in wanted else None
            if spot is None:
                x, y, z = _PARKED_XY[0], _PARKED_XY[1] + 0.3 * index, 0.1
            else:
                (x, y), z = spot, world.table_z + 0.002
                taken.append((x, y, _CLUTTER_RADIUS_M))
            world.place(name, (x, y, z), (0.0, 0.0, rng.uniform(-np.pi, np.pi)))
            rgb = rng.uniform(0.15, 0.95, 3)
            body = world.model.body(name)
            world.model.geom_rgba[body.geomadr[0], :3] = rgb

    def _light(self, world: World, rng: np.random.Generator) -> None:
        light, headlight = world.model.light("key_light"), world.model.vis.headlight
        tint = 1.0 + rng.uniform(-0.12, 0.12) * np.array([1.0, 0.1, -1.0])
        light.diffuse[:] = rng.uniform(0.3, 0.7) * tint
        direction = np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.7, 0.7), -1.0])
        light.dir[:] = direction / np.linalg.norm(direction)
        headlight.ambient[:] = rng.uniform(0.32, 0.52) * tint
        headlight.diffuse[:] = rng.uniform(0.12, 0.32)


def _free_spot(
    taken: list[Circle], rng: np.random.Generator, tries: int = 40
) -> tuple[float, float] | None:
    for _ in range(tries):
        x, y = (rng.uniform(*span) for span in _CLUTTER_REGION)
        if all(np.hypot(x - cx, y - cy) > r + _CLUTTER_RADIUS_M for cx, cy, r in taken):
            return x, y
    return None


def _add_clutter(spec: mujoco.MjSpec) -> list[str]:
    """Adds the things that can lie around, and returns their names. Origins are at the bottom."""
    grey = (0.7, 0.7, 0.7)
    mug = shapes.free_body(spec, "clutter_mug")
    shapes.solid(mug, shapes.CYLINDER, (0.038, 0.045), grey, mass=0.25, pos=(0, 0, 0.045))
    shapes.drawn(mug, shapes.CYLINDER, (0.033, 0.001), (0.2, 0.12, 0.08), pos=(0, 0, 0.0905))
    shapes.drawn(mug, shapes.BOX, (0.012, 0.005, 0.022), grey, pos=(0.046, 0, 0.045))
    can = shapes.free_body(spec, "clutter_can")
    shapes.solid(can, shapes.CYLINDER, (0.033, 0.058), grey, mass=0.3, pos=(0, 0, 0.058))
    shapes.drawn(can, shapes.CYLINDER, (0.028, 0.002), (0.8, 0.8, 0.82), pos=(0, 0, 0.117))
    book = shapes.free_body(spec, "clutter_book")
    shapes.solid(book, shapes.BOX, (0.055, 0.04, 0.012), grey, mass=0.3, pos=(0, 0, 0.012))
    shapes.drawn(book, shapes.BOX, (0.056, 0.036, 0.009), (0.95, 0.94, 0.9), pos=(0.001, 0, 0.012))
    puck = shapes.free_body(spec, "clutter_puck")
    shapes.solid(puck, shapes.CYLINDER, (0.04, 0.015), grey, mass=0.2, pos=(0, 0, 0.015))
    block = shapes.free_body(spec, "clutter_block")
    shapes.solid(block, shapes.BOX, (0.025, 0.025, 0.025), grey, mass=0.15, pos=(0, 0, 0.025))
    bottle = shapes.free_body(spec, "clutter_bottle")
    shapes.solid(bottle, shapes.CYLINDER, (0.03, 0.06), grey, mass=0.4, pos=(0, 0, 0.06))
    shapes.drawn(bottle, shapes.CYLINDER, (0.013, 0.02), (0.9, 0.9, 0.9), pos=(0, 0, 0.14))
    return [b.name for b in (mug, can, book, puck, block, bottle)]
