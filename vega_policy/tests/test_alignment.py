import math

import numpy as np
import pytest
import torch

from vega_policy.alignment.build import build_alignment
from vega_policy.alignment.config import GeometryConfig
from vega_policy.alignment.geometry import GeometryTeacher
from vega_policy.alignment.projector import AlignmentProjector, alignment_loss
from vega_policy.alignment.teacher import Scene, TeacherInput
from vega_policy.data.dataset import open_datasets
from vega_policy.errors import DatasetError
from vega_policy.images import Crops, centre_crops
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import PROMPT, models_dir
from vega_policy.tests.synthetic import small_recipe
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.training.objective import Objective

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


def test_the_teacher_comes_from_the_recipe():
    recipe = small_recipe()
    alignment = build_alignment(recipe, ("head", "left_wrist", "right_wrist"))
    assert alignment is not None
    assert alignment.projector.fc2.out_features == 6 * 6 + 12 + 1
    with pytest.raises(DatasetError, match="camera belly"):
        build_alignment(recipe, ("head", "belly", "right_wrist"))
    assert build_alignment(small_recipe("alignment.teacher=none"), ("head",)) is None


@pytest.mark.parametrize(("layer_norm", "count"), [(True, 2_101_248), (False, 2_099_200)])
def test_the_papers_projector(layer_norm, count):
    projector = AlignmentProjector(1024, 1024, layer_norm)
    assert sum(parameter.numel() for parameter in projector.parameters()) == count
    bound = math.sqrt(6 / 2048)
    for layer in (projector.fc1, projector.fc2):
        assert layer.bias.abs().max() == 0
        assert 0.99 * bound < layer.weight.abs().max() <= bound


def test_the_loss_is_one_minus_cosine():
    a = torch.randn(2, 5, 7)
    assert alignment_loss(3 * a, a).item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(-a, a).item() == pytest.approx(2, abs=1e-6)
    assert alignment_loss(a.bfloat16(), a).dtype == torch.float32


def gradients(dataset, tap):
    """Names of weights by whether the alignment loss alone moves them."""
    recipe = small_recipe(f"alignment.tap={tap}", "model.full_layout=true")
    tokenizer = InstructionTokenizer(models_dir() / recipe.tokenizer, PROMPT)
    data = open_datasets(dataset, recipe, tokenizer, lambda line: None)
    torch.manual_seed(0)
    policy = VegaPolicy(recipe.model)
    initialize_from_scratch(policy)
    objective = Objective(policy, recipe, build_alignment(recipe, data.facts.camera_names))
    batch = data.train.batch(np.arange(4))
    objective(batch, centre_crops(12, 0.9), None).alignment.backward()
    moved, still = set(), set()
    for name, parameter in objective.named_parameters():
        moves = parameter.grad is not None and bool(parameter.grad.any())
        (moved if moves else still).add(name)
    return moved, still


DINO = "policy.vision_backbone.featurizer."


def test_alignment_moves_dino_up_to_the_tap_and_the_projector_and_nothing_else(dataset):
    moved, still = gradients(dataset, "plain")
    for name in moved | still:
        film = ".scale." in name or ".shift." in name
        unused = name.startswith((f"{DINO}blocks.2", f"{DINO}norm"))
        student = name.startswith(DINO) and not film and not unused
        assert (name in moved) == (student or name.startswith("alignment.projector.")), name


def test_the_film_tap_moves_dinos_film_too(dataset):
    moved, still = gradients(dataset, "film")
    assert f"{DINO}blocks.0.scale.weight" in moved
    assert f"{DINO}blocks.1.shift.bias" in moved
    others = ("siglip", "fused_featurizer", "projector.fc", "action_head", "layers.")
    assert not [
        name
        for name in moved
        if name.startswith("policy.") and any(part in name for part in others)
    ]
    assert still
