import mujoco
import numpy as np
import pytest
from vega_description.cell import build_cell
from vega_description.frames import arm_kinematics, frame_poses
from vega_description.transforms import (
    inverse,
    pose,
    quaternion,
    quaternion_matrix,
    rotation_about,
    rotation_vector,
    rpy_matrix,
)

import hw_config

HW = hw_config.load()


@pytest.fixture(scope="module")
def cell():
    model = build_cell(HW).compile()
    return model, mujoco.MjData(model)


def random_joints(seed):
    return np.random.default_rng(seed).uniform(HW.limits.lower, HW.limits.upper)


def forward(cell, joints):
    model, data = cell
    for name, value in zip(HW.joint_names, joints):
        side, part = name.split("_")
        if part == "gripper":
            data.joint(f"{side}_finger1").qpos = -value / 2
            data.joint(f"{side}_finger2").qpos = value / 2
        else:
            data.joint(name).qpos = value
    mujoco.mj_forward(model, data)
    return data


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_is_where_mujoco_has_it(cell, seed):
    joints = random_joints(seed)
    data = forward(cell, joints)
    poses = frame_poses(HW, joints)
    for side in HW.arms:
        for name in [f"{side}_link{n}" for n in range(1, 7)]:
            assert np.abs(poses[name][:3, 3] - data.body(name).xpos).max() < 1e-9
            rotation = data.body(name).xmat.reshape(3, 3)
            assert np.abs(poses[name][:3, :3] - rotation).max() < 1e-9
        fingers = [data.body(f"{side}_finger{n}").xpos for n in (1, 2)]
        # The URDF's fingers are turned by 1.5708, not by pi/2.
        assert np.abs(poses[f"{side}_tool"][:3, 3] - np.mean(fingers, axis=0)).max() < 1e-6
    for camera in HW.cameras.values():
        view = data.camera(camera.name)
        lens = view.xmat.reshape(3, 3) * (1, -1, -1)
        assert np.abs(poses[camera.frame_id][:3, 3] - view.xpos).max() < 1e-9
        assert np.abs(poses[camera.frame_id][:3, :3] - lens).max() < 1e-9


def test_the_opening_is_the_distance_between_the_fingers(cell):
    joints = np.array(HW.home)
    joints[[6, 13]] = 0.05
    data = forward(cell, joints)
    gap = data.body("left_finger1").xpos - data.body("left_finger2").xpos
    assert np.linalg.norm(gap) == pytest.approx(0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_jacobian_is_the_derivative_of_the_tool_pose(seed):
    arm = arm_kinematics(HW)["left"]
    q = random_joints(seed)[:6]
    jacobian, step = arm.jacobian(q), 1e-6
    for i in range(6):
        moved = q + step * np.eye(6)[i]
        before, after = arm.tool(q), arm.tool(moved)
        linear = (after[:3, 3] - before[:3, 3]) / step
        angular = rotation_vector(after[:3, :3] @ before[:3, :3].T) / step
        assert jacobian[:, i] == pytest.approx(np.concatenate([linear, angular]), abs=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_inverse_kinematics_finds_a_reachable_pose_nearby(seed):
    arm = arm_kinematics(HW)["right"]
    rng = np.random.default_rng(seed)
    q = np.array(HW.home[7:13]) + rng.uniform(-0.4, 0.4, 6)
    q = np.clip(q, arm.lower, arm.upper)
    solution = arm.inverse(arm.tool(q), np.array(HW.home[7:13]), iterations=60)
    assert solution.position_error < 1e-3
    assert solution.rotation_error < 1e-2


def test_inverse_kinematics_stays_in_the_limits_when_the_target_is_out_of_reach():
    arm = arm_kinematics(HW)["right"]
    solution = arm.inverse(pose((3.0, 0.0, 3.0)), np.array(HW.home[7:13]))
    assert (arm.lower <= solution.joints).all()
    assert (solution.joints <= arm.upper).all()
    assert solution.position_error > 1.0


def test_a_camera_on_an_unknown_frame_is_refused():
    cameras = dict(HW.cameras)
    cameras["head"] = cameras["head"].model_copy(update={"parent": "left_elbow"})
    with pytest.raises(ValueError, match="left_elbow"):
        build_cell(HW.model_copy(update={"cameras": cameras}))


@pytest.mark.parametrize("seed", range(20))
def test_rotations_convert_back_and_forth(seed):
    rotation = rpy_matrix(np.random.default_rng(seed).uniform(-np.pi, np.pi, 3))
    assert quaternion_matrix(quaternion(rotation)) == pytest.approx(rotation, abs=1e-12)
    assert rotation_about(rotation_vector(rotation)) == pytest.approx(rotation, abs=1e-12)
    transform = pose((1, 2, 3), (0.1, seed, 0.3))
    assert transform @ inverse(transform) == pytest.approx(np.eye(4), abs=1e-12)
