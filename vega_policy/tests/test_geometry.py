import math

import numpy as np
import pytest
import torch

from vega_policy.errors import DatasetError
from vega_policy.images import Crops
from vega_policy.teachers.geometry.config import GeometryConfig
from vega_policy.teachers.geometry.features import GeometryTeacher
from vega_policy.teachers.teacher import Scene, TeacherInput

CONFIG = GeometryConfig(classes=4, frequencies=3)
TANGENTS = [(0.8, 0.6)]
OMEGA = [2 * math.pi / length for length in np.geomspace(CONFIG.longest_m, CONFIG.shortest_m, 3)]
PLACE = 6 * CONFIG.frequencies


def plane(depth=1.0, pixels=16, pose=None):
    """One view that looks straight at a wall."""
    shape = (1, 1, pixels, pixels)
    pose = torch.eye(4) if pose is None else pose
    return Scene(
        torch.full(shape, depth, dtype=torch.float16),
        torch.zeros(shape, dtype=torch.uint8),
        pose.expand(1, 1, 4, 4),
    )


def targets(scene, crops=None, grid=4):
    crops = crops or Crops(torch.zeros(1), torch.zeros(1), 1.0)
    teacher = GeometryTeacher(CONFIG, grid, TANGENTS)
    [features] = teacher.targets(TeacherInput(torch.zeros(1, 6, 1, 1), crops, scene))
    assert features.shape == (1, 1, grid**2, teacher.dim)
    assert features.dtype == torch.float32
    return features.reshape(grid, grid, teacher.dim)


def encoded(x, y, z):
    angle = [omega * value for value in (x, y, z) for omega in OMEGA]
    return [math.sin(a) for a in angle] + [math.cos(a) for a in angle]


def test_patches_of_a_wall_know_where_they_are():
    features = targets(plane(depth=1.5))
    for row in range(4):
        for column in range(4):
            x = 1.5 * 0.8 * ((column + 0.5) / 2 - 1)
            y = 1.5 * 0.6 * ((row + 0.5) / 2 - 1)
            assert features[row, column, :PLACE].tolist() == pytest.approx(
                encoded(x, y, 1.5), abs=1e-4
            )


def test_points_are_in_the_robots_frame():
    # 2 m above the robot's origin, looking straight down: image right is -y, image down is -x.
    pose = torch.tensor([[0.0, -1, 0, 0.3], [-1, 0, 0, 0.1], [0, 0, -1, 2], [0, 0, 0, 1]])
    features = targets(plane(depth=1.25, pose=pose))
    x, y = 0.3 + 0.75 * 1.25 * 0.6, 0.1 + 0.75 * 1.25 * 0.8  # the patch at the top left
    assert features[0, 0, :PLACE].tolist() == pytest.approx(encoded(x, y, 0.75), abs=1e-4)


def test_targets_follow_the_crop():
    rng = np.random.default_rng(0)
    shape = (1, 1, 64, 64)
    scene = Scene(
        torch.from_numpy(rng.uniform(0.5, 2, shape).astype(np.float16)),
        torch.from_numpy(rng.integers(0, 4, shape).astype(np.uint8)),
        torch.eye(4).expand(1, 1, 4, 4),
    )
    whole = targets(scene, grid=8)
    cropped = targets(scene, Crops(torch.tensor([0.25]), torch.tensor([0.5]), 0.5))
    torch.testing.assert_close(cropped, whole[2:6, 4:8], atol=1e-4, rtol=1e-4)


def test_shares_of_classes_and_surface():
    scene = plane()
    scene.segmentation[0, 0, :, :8] = 3
    scene.depth[0, 0, :2] = 0  # no surface
    scene.depth[0, 0, 2:4] = 9  # too far
    features = targets(scene)
    classes, surface = features[..., PLACE:-1], features[..., -1]
    weight = CONFIG.class_weight
    assert classes[0, 0].tolist() == pytest.approx([0, 0, 0, weight])
    assert classes[0, 3].tolist() == pytest.approx([weight, 0, 0, 0])
    assert surface[0].tolist() == [0] * 4
    assert surface[1:].flatten().tolist() == pytest.approx([1] * 12)
    assert features[0, :, :PLACE].abs().max() == 0


def test_what_the_geometry_teacher_cannot_teach():
    with pytest.raises(DatasetError, match="needs depth, segmentation and camera poses"):
        targets(None)
    scene = plane()
    scene.segmentation[0, 0, 0, 0] = 4
    with pytest.raises(DatasetError, match="segmentation class 4, the recipe provides for 4"):
        targets(scene)
