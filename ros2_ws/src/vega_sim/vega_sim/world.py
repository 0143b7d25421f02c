"""A compiled scene and its state, with the questions that tasks and operators ask of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import mujoco
import numpy as np
from vega_description.frames import arm_kinematics
from vega_description.transforms import Array, pose_from, rpy_matrix

from hw_config import HardwareConfig

_VARIED = (
    "body_pos",
    "body_quat",
    "geom_rgba",
    "geom_matid",
    "geom_size",
    "mat_rgba",
    "light_pos",
    "light_dir",
    "light_diffuse",
)


class World:
    """Model and data of one scene. Positions are in `footprint`, m; angles in rad.

    Attributes:
        hw: the cell's hardware configuration.
        model, data: MuJoCo's model and data.
        arms: kinematics of each arm in `footprint`.
    """

    def __init__(self, hw: HardwareConfig, model: mujoco.MjModel) -> None:
        self.hw = hw
        self.model = model
        self.data = mujoco.MjData(model)
        self.arms = arm_kinematics(hw)
        self._original = {name: getattr(model, name).copy() for name in _VARIED}
        self._headlight = (
            model.vis.headlight.ambient.copy(),
            model.vis.headlight.diffuse.copy(),
        )
        self._index_joints()

    def _index_joints(self) -> None:
        names, qpos, dofs = list(self.hw.joint_names), [], []
        self._grippers = [i for i, name in enumerate(names) if name.endswith("gripper")]
        fingers = []
        for name in names:
            side = name.split("_")[0]
            if name.endswith("gripper"):
                fingers.append([self.model.joint(f"{side}_finger{n}").id for n in (1, 2)])
                name = f"{side}_finger2"
            joint = self.model.joint(name)
            qpos.append(joint.qposadr[0])
            dofs.append(joint.dofadr[0])
        self._qpos, self._dofs = np.array(qpos), np.array(dofs)
        self._fingers = np.array([[self.model.jnt_qposadr[j] for j in pair] for pair in fingers])
        self._finger_dofs = np.array([[self.model.jnt_dofadr[j] for j in pair] for pair in fingers])

    def restore(self) -> None:
        """Puts the model and the state back to what was compiled, whatever was varied since."""
        for name, value in self._original.items():
            getattr(self.model, name)[:] = value
        headlight = self.model.vis.headlight
        headlight.ambient[:], headlight.diffuse[:] = self._headlight
        mujoco.mj_resetData(self.model, self.data)

    def joint_positions(self) -> Array:
        """[14] rad, gripper openings in m, in the order of `hw.joint_names`."""
        result = self.data.qpos[self._qpos]
        result[self._grippers] = self.data.qpos[self._fingers] @ (-1.0, 1.0)
        return result

    def joint_velocities(self) -> Array:
        """[14] rad/s, gripper m/s."""
        result = self.data.qvel[self._dofs]
        result[self._grippers] = self.data.qvel[self._finger_dofs] @ (-1.0, 1.0)
        return result

    def set_joint_positions(self, joints: Array) -> None:
        """Moves both arms at once to [14] (used at reset)."""
        self.data.qpos[self._qpos] = joints
        half = np.asarray(joints)[self._grippers, None] / 2
        self.data.qpos[self._fingers] = half * (-1.0, 1.0)
        self.data.qvel[self._dofs] = 0.0
        self.data.qvel[self._finger_dofs] = 0.0

    def arm_positions(self, side: str) -> Array:
        """[7] measured positions of one arm: joints 1-6 in rad, gripper opening in m."""
        return self.joint_positions()[self.arm_slice(side)]

    def arm_slice(self, side: str) -> slice:
        """Where an arm's 7 numbers stand among the 14."""
        start = 7 * [*map(str, self.hw.arms)].index(side)
        return slice(start, start + 7)

    def tool(self, side: str) -> Array:
        """Measured tool pose [4,4] of an arm."""
        return self.arms[side].tool(self.arm_positions(side))

    @property
    def table_z(self) -> float:
        """Height of the table's surface."""
        return float(self.model.body("table").pos[2])

    def pose(self, body: str) -> Array:
        """Pose [4,4] of a body."""
        view = self.data.body(body)
        return pose_from(view.xmat.reshape(3, 3).copy(), view.xpos.copy())

    def speed(self, body: str) -> tuple[float, float]:
        """Linear (m/s) and angular (rad/s) speed of a free body."""
        velocity = self.data.joint(self._free_joint(body)).qvel
        return float(np.linalg.norm(velocity[:3])), float(np.linalg.norm(velocity[3:]))

    def place(self, body: str, xyz: Sequence[float], rpy: Sequence[float] = (0, 0, 0)) -> None:
        """Puts a free body at a pose, at rest."""
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, rpy_matrix(rpy).ravel())
        joint = self.data.joint(self._free_joint(body))
        joint.qpos[:3], joint.qpos[3:], joint.qvel[:] = xyz, quat, 0.0

    def angle(self, joint: str) -> float:
        """Position of a hinge (rad) or slide (m)."""
        return float(self.data.joint(joint).qpos[0])

    def set_angle(self, joint: str, value: float) -> None:
        """Moves a hinge or slide, at rest."""
        self.data.joint(joint).qpos[0] = value
        self.data.joint(joint).qvel[0] = 0.0

    def paint(self, geom: str, rgb: Sequence[float] | Array) -> None:
        """Gives a geom another colour, keeping its opacity."""
        self.model.geom(geom).rgba[:3] = rgb

    def touching(self, first: str, second: str) -> bool:
        """Whether two bodies are in contact."""
        ids = {self.model.body(first).id, self.model.body(second).id}
        pairs = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        return any(set(pair.tolist()) == ids for pair in pairs)

    def in_contact(self, body: str) -> set[str]:
        """Names of the bodies that a body is in contact with."""
        here = self.model.body(body).id
        pairs = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        others = pairs[(pairs == here).any(axis=1)].sum(axis=1) - here
        return {self.model.body(other).name for other in set(others.tolist())}

    def pressing(self, body: str, others: set[str]) -> float:
        """Sum of the normal forces with which other bodies press on a body, N."""
        here, force, total = self.model.body(body).id, np.empty(6), 0.0
        pairs = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        for number in np.flatnonzero((pairs == here).any(axis=1)):
            if self.model.body(pairs[number].sum() - here).name in others:
                mujoco.mj_contactForce(self.model, self.data, number, force)
                total += float(force[0])
        return total

    def meeting_geoms(self, body: str, others: Iterable[str]) -> list[tuple[int, int]]:
        """Pairs of geoms, of a body and of others, that can come into contact."""
        kinds, affinities = self.model.geom_contype, self.model.geom_conaffinity
        theirs = [geom for other in others for geom in self._geoms(other)]
        return [
            (a, b)
            for a, b in itertools.product(self._geoms(body), theirs)
            if kinds[a] & affinities[b] or kinds[b] & affinities[a]
        ]

    def gap(self, geoms: Iterable[tuple[int, int]]) -> float:
        """Least distance between the geoms of the pairs, m; 0 where they touch."""
        model, data = self.model, self.data
        far = float(model.stat.extent) * 10.0
        least = min(mujoco.mj_geomDistance(model, data, a, b, far, None) for a, b in geoms)
        return max(least, 0.0)

    def held(self, side: str, body: str) -> bool:
        """Whether both fingers of an arm touch a body."""
        return all(self.touching(f"{side}_finger{n}", body) for n in (1, 2))

    def _geoms(self, body: str) -> range:
        view = self.model.body(body)
        first = int(view.geomadr[0])
        return range(first, first + int(view.geomnum[0]))

    def _free_joint(self, body: str) -> int:
        return int(self.model.body(body).jntadr[0])
