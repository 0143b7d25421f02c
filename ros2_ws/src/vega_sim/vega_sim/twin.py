"""The digital twin of the cell: both arms, three cameras and one task, stepped at 2.5 ms.

`command` sets the target of the arms' position servos, `step` moves physics. The servos behave as
the Piper's: gravity compensated, no faster than the arm's own speed limit, with about 50 ms of lag.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray
from vega_description.cell import build_cell
from vega_description.transforms import Array, pose_from

import hw_config
from vega_sim.contact_monitor import ContactMonitor
from vega_sim.failure_signals import FailureSignals
from vega_sim.motors import Motors
from vega_sim.render import Renderer
from vega_sim.tasks import make_task
from vega_sim.variation import Variation
from vega_sim.world import World

STATE_STEPS = 2  # physics steps in a 200 Hz tick
_SERVO_SPEED = np.array(([3.0] * 6 + [0.3]) * 2)  # rad/s, gripper m/s
_SETTLE_STEPS = 120
_OPTICAL_IN_LENS = np.diag([1.0, -1.0, -1.0])

BASE_CLASSES = ("background", "table", "left_arm", "right_arm")


class CommandError(ValueError):
    """A command that is not 14 finite numbers."""


class Twin:
    """One cell with one task.

    Attributes:
        task: the task's scene (`vega_sim.task.Task`).
        world: the compiled scene, for predicates and operators.
        hw: the hardware configuration that it was built from.
        class_names: names of the classes in the label images, by index.
    """

    def __init__(
        self,
        task: str,
        variant: str = "easy",
        hw: hw_config.HardwareConfig | None = None,
    ) -> None:
        """Builds the scene; call `reset` before anything else.

        Raises:
            hw_config.ConfigError: The task or the variant is unknown; the valid ones are listed.
        """
        self.hw = hw or hw_config.load()
        self.task = make_task(task, variant)
        spec = build_cell(self.hw)
        self._variation = Variation(self.task.hard)
        self._variation.build(spec)
        self.task.build(spec)
        self.world = World(self.hw, spec.compile())
        self._check_servos()
        self.class_names, self._geom_classes = self._label_geoms()
        self._renderer: Renderer | None = None
        places = {str(arm): self.world.arm_slice(arm) for arm in self.hw.arms}
        self._motors = Motors(self.world.model, places)
        self._contacts = ContactMonitor(self.task, self.world)
        self._still: mujoco.MjData | None = None
        self._lower = np.array(self.hw.limits.lower)
        self._upper = np.array(self.hw.limits.upper)
        self._step_limit = _SERVO_SPEED * self.world.model.opt.timestep
        self._target = np.array(self.hw.home)
        self._setpoint = self._target.copy()

    def reset(self, seed: int) -> None:
        """Starts the episode of a seed: arms at home, objects placed and settled, time 0."""
        world = self.world
        rng = self._place_objects(seed)
        self._variation.place_clutter(world, self.task.keep_out(world), rng)
        mujoco.mj_forward(world.model, world.data)
        self.step(_SETTLE_STEPS)
        world.data.time = 0.0
        self._contacts.reset()

    def placement(self, seed: int) -> tuple[float, float, float]:
        """Where the episode of a seed places the task's main object: x, y (m) and yaw (rad).

        The scene is left unfinished: `reset` before anything else.
        """
        self._place_objects(seed)
        mujoco.mj_kinematics(self.world.model, self.world.data)
        pose = self.world.pose(self.task.main)
        yaw = np.arctan2(pose[1, 0], pose[0, 0]) - self.task.main_yaw
        return float(pose[0, 3]), float(pose[1, 3]), float(np.arctan2(np.sin(yaw), np.cos(yaw)))

    def _place_objects(self, seed: int) -> np.random.Generator:
        """Places the task's objects for a seed; returns the generator, to draw the rest from."""
        rng = np.random.default_rng(seed)
        self.world.restore()
        self.move_arms_to(np.array(self.hw.home))
        self._variation.apply(self.world, rng)
        self.task.reset(self.world, rng)
        return rng

    def move_arms_to(self, joints: Array) -> None:
        """Puts the arms at [14] without moving through space, with the servos holding there."""
        self.command(joints)
        self._setpoint = self._target.copy()
        self.world.set_joint_positions(self._target)
        mujoco.mj_forward(self.world.model, self.world.data)

    def command(self, joints: Array) -> None:
        """Sets the servos' target [14] (rad, gripper m), clipped to the joint limits.

        Raises:
            CommandError: Not 14 finite numbers; the former target stays.
        """
        target = np.asarray(joints, dtype=float)
        if target.shape != (14,) or not np.isfinite(target).all():
            raise CommandError(f"a command is 14 finite numbers, got {joints!r}")
        self._target = np.clip(target, self._lower, self._upper)

    def power(self, powered: NDArray[np.bool_], damped: NDArray[np.bool_]) -> None:
        """Gives or takes the power of each joint [14]; a joint without it, or damped, sinks.

        A joint that has power again is held where it is then.
        """
        again = self._motors.set(powered, damped)
        if again.any():
            now = self.positions()
            self._target = np.where(again, now, self._target)
            self._setpoint = np.where(again, now, self._setpoint)

    def step(self, n: int = 1) -> None:
        """Moves physics on by n steps of 2.5 ms."""
        model, data = self.world.model, self.world.data
        for _ in range(n):
            gap = self._target - self._setpoint
            self._setpoint = self._setpoint + np.clip(gap, -self._step_limit, self._step_limit)
            data.ctrl[:] = self._setpoint
            mujoco.mj_step(model, data)

    def advance(self, target: Array) -> None:
        """One policy step: moves the command in a straight line to `target` [14], 200 times a s.

        This is what the command gate does with one step of a chunk; the last command equals
        `target` and is given at the end of the period.
        """
        ticks = round(1.0 / self.hw.rates.control_hz / (STATE_STEPS * self.timestep))
        start = self._target.copy()
        for tick in range(1, ticks + 1):
            self.command(start + (np.asarray(target, dtype=float) - start) * (tick / ticks))
            self.step(STATE_STEPS)

    def positions(self) -> NDArray[np.float64]:
        """Measured positions [14]: rad, gripper openings in m."""
        return self.world.joint_positions()

    def velocities(self) -> NDArray[np.float64]:
        """Measured velocities [14]: rad/s, m/s."""
        return self.world.joint_velocities()

    def efforts(self) -> NDArray[np.float64]:
        """Servo efforts [14]: N m, gripper N."""
        return self.world.data.actuator_force.copy()

    @property
    def timestep(self) -> float:
        """Length of a physics step in s."""
        return float(self.world.model.opt.timestep)

    @property
    def time_s(self) -> float:
        """Simulated time since the reset, s."""
        return float(self.world.data.time)

    def success(self) -> bool:
        """Whether the task is done now."""
        return self.task.success(self.world)

    def milestones(self) -> dict[str, bool]:
        """Which steps of the task hold now."""
        return self.task.milestones(self.world)

    def progress(self) -> str:
        """One short line for people."""
        return self.task.progress(self.world)

    def update_signals(self) -> FailureSignals:
        """What has happened since the reset; call once a control step, it misses what is between.

        Physics is not touched by it.
        """
        return self._contacts.update()

    def render(
        self,
        camera: str,
        height: int | None = None,
        width: int | None = None,
        data: mujoco.MjData | None = None,
    ) -> NDArray[np.uint8]:
        """Colour image [height, width, 3] of a camera, now or of what `still` returned.

        Without a size it is the camera's own.
        """
        own = self.hw.cameras[camera]
        return self._lazy_renderer().colour(
            data or self.world.data, camera, height or own.height, width or own.width
        )

    def still(self) -> mujoco.MjData:
        """The present state, to be rendered while physics moves on; valid until the next call."""
        if self._still is None:
            self._still = mujoco.MjData(self.world.model)
        mujoco.mj_copyData(self._still, self.world.model, self.world.data)
        return self._still

    def render_labels(
        self, camera: str, height: int, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Depth in m and class index (see `class_names`), both [height, width].

        The camera's whole view is squashed to that size.
        """
        depth, geoms = self._lazy_renderer().depth_and_geoms(self.world.data, camera, height, width)
        return depth, self._geom_classes[geoms]

    def camera_pose(self, camera: str) -> Array:
        """Pose [4,4] of a camera's optical frame (z forward, x right, y down) in `footprint`."""
        view = self.world.data.camera(camera)
        return pose_from(view.xmat.reshape(3, 3) @ _OPTICAL_IN_LENS, view.xpos.copy())

    def close(self) -> None:
        """Frees the OpenGL context, if one was made."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _lazy_renderer(self) -> Renderer:
        # Made by the thread that renders first: an OpenGL context belongs to one thread.
        if self._renderer is None:
            self._renderer = Renderer(self.world.model)
        return self._renderer

    def _check_servos(self) -> None:
        model = self.world.model
        names = tuple(model.actuator(i).name for i in range(model.nu))
        if names != self.hw.joint_names:
            raise hw_config.ConfigError(
                f"the arms' servos are {', '.join(names)}; hw_config names the joints "
                f"{', '.join(self.hw.joint_names)}"
            )

    def _label_geoms(self) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
        """Class names and the class of every geom; the last entry stands for "nothing"."""
        names = (*BASE_CLASSES, *self.task.parts, "clutter")
        of_body = {b: names.index(p) for p, bodies in self.task.parts.items() for b in bodies}
        model = self.world.model
        classes = np.zeros(model.ngeom + 1, np.uint8)
        for geom in range(model.ngeom):
            body = model.body(model.geom_bodyid[geom]).name
            prefix = body.split("_")[0]
            if body in of_body:
                classes[geom] = of_body[body]
            elif prefix in ("left", "right"):
                classes[geom] = names.index(f"{prefix}_arm")
            elif prefix in ("table", "clutter"):
                classes[geom] = names.index(prefix)
        return names, classes
