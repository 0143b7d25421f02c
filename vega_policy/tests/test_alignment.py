"""Every way of aligning a policy: its loss, what it trains, and what recipes it refuses."""

import math
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from vega_policy.alignment.build import build_alignment
from vega_policy.alignment.encoder import EncoderAlignment
from vega_policy.alignment.method import Alignment, Targets
from vega_policy.alignment.projector import AlignmentProjector, alignment_loss, nested_widths
from vega_policy.alignment.spatial_forcing import visual_tokens
from vega_policy.data.plan import open_datasets
from vega_policy.errors import DatasetError, RecipeError
from vega_policy.images import centre_crops
from vega_policy.model.layout import text_batch
from vega_policy.model.policy import PolicyOutput, VegaPolicy
from vega_policy.recipe import PROMPT, LoraRecipe, Recipe, models_dir
from vega_policy.teachers import TEACHERS
from vega_policy.teachers.teacher import TeacherInput
from vega_policy.tests.synthetic import small_inputs, small_policy, small_recipe
from vega_policy.tests.teacher_files import write_fit3d, write_vggt
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.training import lora
from vega_policy.training.objective import Objective

CAMERAS = ("head", "left_wrist", "right_wrist")
LAYERS = "model.llm={dim: 32, ffn: 48, layers: 3, heads: 2, vocab_size: 512, max_positions: 512}"
ROCKET = ("alignment.method=rocket", "alignment.rocket.pairs=[[1, 0], [-1, -1]]")
FORCING = ("alignment.method=spatial_forcing", "alignment.spatial_forcing.layer=2")
DINO = "vision_backbone.featurizer."


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Overrides that name random teachers by what they are."""
    folder = tmp_path_factory.mktemp("teachers")
    fit3d, vggt = write_fit3d(folder / "f.safetensors"), write_vggt(folder / "v.safetensors")
    return {
        "fit3d": ("alignment.teacher=fit3d", f"alignment.fit3d.checkpoint={fit3d}"),
        "vggt": (
            "alignment.teacher=vggt",
            f"alignment.vggt.checkpoint={vggt}",
            "alignment.vggt.image_size=42",
        ),
    }


class Aligned(NamedTuple):
    """A small policy, what it is aligned by, and one pass."""

    policy: VegaPolicy
    alignment: Alignment
    output: PolicyOutput
    batch: TeacherInput

    def loss(self) -> Tensor:
        return self.alignment(self.policy, self.output, self.batch)

    def moved(self) -> set[str]:
        """Names of the weights that the alignment loss moves, the projector's included."""
        self.loss().backward()
        modules = {"": self.policy, "align_projector.": self.alignment.projector}
        return {
            prefix + name
            for prefix, module in modules.items()
            for name, weight in module.named_parameters()
            if weight.grad is not None and weight.grad.any()
        }


def aligned(*overrides, rank=None):
    recipe = small_recipe(LAYERS, "model.full_layout=true", *overrides)
    policy = small_policy(**recipe.model.model_dump()).requires_grad_(True)
    if rank is not None:
        lora.inject(policy, LoraRecipe(rank=rank))
        for name, weight in policy.named_parameters():
            if ".lora_B." in name:  # zero at first, which keeps gradients from A
                torch.nn.init.normal_(weight, std=0.1)
    alignment = build_alignment(recipe, CAMERAS)
    pixels, proprio = small_inputs(policy.config, 2)
    text = text_batch([[1, 5, 6, 7], [1, 8]], policy.config.action_token_count)
    output = policy(pixels, proprio, text, keep_layers=alignment.keep_layers)
    return Aligned(policy, alignment, output, TeacherInput(pixels, centre_crops(6, 0.9), None))


def names(policy, *beginnings):
    return {name for name, _ in policy.named_parameters() if name.startswith(beginnings)}


def is_film(name):
    return ".scale." in name or ".shift." in name


def test_vega_moves_dino_up_to_the_tap_and_the_projector_and_nothing_else(teachers):
    case = aligned(*teachers["fit3d"], "alignment.tap=plain")
    depth = case.policy.config.dino.depth
    never_computed = (f"{DINO}blocks.{depth - 1}.", f"{DINO}norm.")
    student = {
        name
        for name in names(case.policy, DINO)
        if not is_film(name) and not name.startswith(never_computed)
    }
    projector = {
        f"align_projector.{name}" for name, _ in AlignmentProjector(1, 1).named_parameters()
    }
    assert case.moved() == student | projector


def test_vega_moves_dinos_lora_up_to_the_tap_and_nothing_else(teachers):
    case = aligned(*teachers["fit3d"], "alignment.tap=plain", rank=2)
    moved = case.moved()
    student = {name for name in names(case.policy, DINO) if ".lora_" in name}
    assert {name for name in moved if not name.startswith("align_projector.")} == student
    assert len(moved) - len(student) == 6
    adapted = {f"{DINO}patch_embed.proj"} | {
        f"{DINO}blocks.{index}.{part}"
        for index in range(case.policy.config.dino.depth - 1)
        for part in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    }
    assert student == {f"{path}.lora_{m}.default.weight" for path in adapted for m in "AB"}


def test_the_film_tap_moves_dinos_film_too(teachers):
    case = aligned(*teachers["fit3d"], "alignment.tap=film")
    moved = case.moved()
    depth = case.policy.config.dino.depth
    computed = tuple(f"{DINO}blocks.{index}." for index in range(depth - 1))
    assert {name for name in names(case.policy, *computed) if is_film(name)} <= moved
    # FiLM listens to the instruction's embedding; nothing else joins in.
    others = {name for name in moved if not name.startswith((DINO, "align_projector."))}
    assert others == {"language_model.model.embed_tokens.weight"}


@pytest.mark.parametrize(("method", "deepest"), [(FORCING, 2), (ROCKET, 2)])
def test_methods_on_the_language_model_move_no_layer_above_the_student(method, deepest, teachers):
    case = aligned(*teachers["vggt"], *method)
    moved = case.moved()
    layers = "language_model.model.layers."
    below = tuple(f"{layers}{index}." for index in range(deepest))
    assert names(case.policy, *below) <= moved
    above = tuple(f"{layers}{index}." for index in range(deepest, case.policy.config.llm.layers))
    untouched = (*above, "language_model.model.norm.", "language_model.lm_head.", "action_head.")
    assert len(names(case.policy, *untouched)) > len(above)
    assert not moved & names(case.policy, *untouched)
    # The visual tokens come from both towers.
    assert f"{DINO}patch_embed.proj.weight" in moved
    assert "vision_backbone.fused_featurizer.patch_embed.proj.weight" in moved


@pytest.mark.parametrize("teacher", ["fit3d", "vggt"])
@pytest.mark.parametrize("method", [(), FORCING, ROCKET], ids=["encoder", "forcing", "rocket"])
def test_each_method_learns_from_each_teacher_that_suits_it(teacher, method, teachers):
    if teacher == "fit3d" and method is ROCKET:
        with pytest.raises(RecipeError, match=r"rocket aligns to layers of VGGT.* teacher fit3d"):
            aligned(*teachers[teacher], *method)
        return
    case = aligned(*teachers[teacher], *method)
    optimizer = torch.optim.Adam(case.alignment.parameters(), lr=1e-2)
    first = case.loss()
    assert first.shape == ()
    assert 0 < first < 2
    for _ in range(5):
        optimizer.zero_grad()
        loss = case.loss()
        loss.backward(retain_graph=True)
        optimizer.step()
    assert loss < first


def test_a_teacher_is_no_part_of_what_is_trained_and_saved(teachers):
    case = aligned(*teachers["vggt"], *ROCKET)
    projector = {f"projector.{name}" for name in case.alignment.projector.state_dict()}
    assert set(case.alignment.state_dict()) == projector
    assert {name for name, _ in case.alignment.named_parameters()} == projector


def test_spatial_forcing_takes_the_patches_or_one_position_late(teachers):
    case = aligned(*teachers["vggt"], *FORCING)
    hidden = case.output.layers[2]
    patches = case.policy.config.patches_per_view * 3
    torch.testing.assert_close(visual_tokens(case.output, 2, False), hidden[:, 1 : patches + 1])
    torch.testing.assert_close(visual_tokens(case.output, 2, True), hidden[:, 2 : patches + 2])
    late = aligned(*teachers["vggt"], *FORCING, "alignment.spatial_forcing.shift_by_one=true")
    assert late.loss() != case.loss()


def test_input_embeddings_may_be_the_student_and_are_the_projected_patches(teachers):
    case = aligned(*teachers["vggt"], *FORCING, "alignment.spatial_forcing.layer=0")
    patches = case.policy.config.patches_per_view * 3
    student = visual_tokens(case.output, 0, False)
    torch.testing.assert_close(student, case.output.inserted[:, :patches])


def test_rocket_averages_its_pairs_over_nested_shares_of_one_projector(teachers):
    case = aligned(*teachers["vggt"], *ROCKET, "alignment.rocket.position_embedding=false")
    assert case.alignment.keep_layers == (1, 2)  # -1 is the input of the last of 3 layers
    projector = case.alignment.projector
    hidden = projector.fc1.out_features
    assert case.alignment.widths == [int(0.2 * hidden), hidden]
    losses = []
    for layer, width in zip((1, 2), case.alignment.widths):
        x = projector.norm(visual_tokens(case.output, layer, False))
        x = x @ projector.fc1.weight[:width].T + projector.fc1.bias[:width]
        x = torch.nn.functional.gelu(x) @ projector.fc2.weight[:, :width].T + projector.fc2.bias
        teacher = build_alignment(
            small_recipe(
                LAYERS,
                *teachers["vggt"],
                *FORCING,
                f"alignment.vggt.layer={layer - 1}",
                "alignment.spatial_forcing.position_embedding=false",
            ),
            CAMERAS,
        )
        [target] = teacher.targets(case.batch)
        losses.append(alignment_loss(x, target))
    torch.testing.assert_close(case.loss(), torch.stack(losses).mean())


def test_widths_of_the_nested_projector():
    assert nested_widths(2048, 10, 0.2) == [
        int(2048 * (0.2 + 0.8 * step / 9)) for step in range(10)
    ]
    assert nested_widths(2048, 10, 0.2)[-1] == 2048
    assert nested_widths(3, 2, 0.2) == [1, 3]


def test_the_first_hidden_units_are_trained_by_every_pair(teachers):
    case = aligned(*teachers["vggt"], *ROCKET, "alignment.rocket.pairs=[[1, 0]]")
    case.loss().backward()
    width = case.alignment.widths[0]
    grad = case.alignment.projector.fc1.weight.grad
    assert grad[:width].any()
    assert not grad[width:].any()


def test_the_head_view_may_be_aligned_alone(teachers):
    both = [
        aligned(*teachers["fit3d"], f"alignment.head_view_only={flag}") for flag in (True, False)
    ]
    for case in both:
        case.alignment.projector.load_state_dict(both[0].alignment.projector.state_dict())
    per_view = case.policy.config.patches_per_view
    assert [case.alignment.targets(case.batch)[0].shape[1] for case in both] == [
        per_view,
        3 * per_view,
    ]
    changed = both[0].batch.pixels.clone()
    changed[:, 6:] = torch.randn_like(changed[:, 6:])
    for case, same in zip(both, (True, False)):
        before = case.loss()
        after = case._replace(batch=case.batch._replace(pixels=changed)).loss()
        assert torch.equal(before, after) == same


def test_the_position_embedding_is_off_for_vega_and_on_for_the_others(teachers):
    for method, flag in ((("alignment.method=encoder",), False), (FORCING, True), (ROCKET, True)):
        alignment = build_alignment(small_recipe(LAYERS, *teachers["vggt"], *method), CAMERAS)
        assert alignment.target_form.position_embedding == flag
        assert alignment.target_form == Targets(2, flag, False)


def test_the_teacher_comes_from_the_recipe():
    alignment = build_alignment(small_recipe(), CAMERAS)
    assert isinstance(alignment, EncoderAlignment)
    assert alignment.projector.fc2.out_features == 6 * 6 + 12 + 1
    with pytest.raises(DatasetError, match="camera belly"):
        build_alignment(small_recipe(), ("head", "belly", "right_wrist"))
    assert build_alignment(small_recipe("alignment.teacher=none"), ("head",)) is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("alignment.method=spatial_forcing",),
            r"spatial_forcing.layer: the language model has 2 layers, .* 0 \(its input\) to 2; 24",
        ),
        (
            ("alignment.method=rocket", "alignment.teacher=vggt"),
            r"rocket.pairs: the language model has 2 layers",
        ),
        (
            (
                "alignment.method=rocket",
                "alignment.teacher=vggt",
                "alignment.rocket.pairs=[[2, 0], [1, 1]]",
            ),
            r"have to rise, shallow to deep; they are \[2, 1\]",
        ),
        (("alignment.teacher=fit3d",), r"fit3d.checkpoint names no file.*hf download"),
        (("alignment.teacher=vggt",), r"vggt.checkpoint names no file.*hf download"),
        (
            ("alignment.teacher=vggt", "alignment.vggt.checkpoint=teachers/none.pt"),
            r"models/teachers/none.pt are missing.*hf download",
        ),
        (
            ("alignment.encoder.position_embedding=true",),
            r"49 wide.*multiple of 4: set alignment.encoder.position_embedding=false",
        ),
        (("alignment.vggt.layer=-2",), r"alignment.vggt.layer"),
    ],
)
def test_impossible_alignments_are_refused_with_what_to_do(overrides, message):
    with pytest.raises(RecipeError, match=message):
        build_alignment(small_recipe(*overrides), CAMERAS)


def test_an_unknown_teacher_is_answered_with_those_that_exist():
    with pytest.raises(RecipeError, match="'dino'; there are: none, geometry, fit3d, vggt"):
        small_recipe("alignment.teacher=dino")
    with pytest.raises(RecipeError, match=r"alignment\.dino: Extra inputs"):
        small_recipe("alignment.dino.checkpoint=a")


def test_two_teachers_of_one_name_are_both_named():
    with pytest.raises(ValueError, match=r"'vggt' is registered twice: .*vggt:KIND and other:KIND"):
        TEACHERS.register_lazily("vggt", "other:KIND")


def test_the_public_figures_are_the_defaults():
    config = Recipe.model_fields["alignment"].default
    assert (config.weight, config.method, config.tap, config.layer_norm) == (
        0.1,
        "encoder",
        "plain",
        True,
    )
    assert config.spatial_forcing.layer == 24
    assert config.vggt.image_size == 518
    student = [pair[0] for pair in config.rocket.pairs]
    assert student == [pair[1] for pair in config.rocket.pairs]
    assert student == [2, 4, 6, 8, 10, 12, 14, 16, 18, -1]


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


@pytest.mark.parametrize("head", ["l1", "diffusion", "discrete"])
def test_the_objective_adds_the_weighted_alignment_to_any_heads_action_loss(head, dataset):
    recipe = small_recipe(
        "alignment.weight=0.3", f"model.head={head}", "model.action_tokens=per_dim"
    )
    tokenizer = InstructionTokenizer(models_dir() / recipe.tokenizer, PROMPT)
    data = open_datasets(dataset, recipe, tokenizer, lambda line: None)
    policy = small_policy(**recipe.model.model_dump())
    alignment = build_alignment(recipe, data.facts.camera_names)
    objective = Objective(policy, recipe, alignment)
    assert objective.align_projector is alignment.projector
    batch, crops = data.train.batch(np.arange(4)), centre_crops(12, 0.9)
    torch.manual_seed(0)
    losses = objective(batch, crops, None)
    torch.testing.assert_close(losses.total, losses.action + 0.3 * losses.alignment)
    assert losses.alignment > 0
    assert losses.action != losses.first_action
    alone = Objective(policy, recipe, None)
    assert alone.align_projector is None
    torch.manual_seed(0)
    without = alone(batch, crops, None)
    assert without.alignment == 0
    assert without.total == without.action == losses.action


def test_inference_imports_of_alignment_no_more_than_the_recipes_fields():
    code = (
        "import sys, vega_policy.inference\n"
        "parts = ('vega_policy.alignment.', 'vega_policy.teachers.')\n"
        "print(*(name for name in sys.modules if name.startswith(parts)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    declared = {f"vega_policy.teachers.{name}" for name in ("kind", *TEACHERS)}
    declared |= {f"vega_policy.teachers.{name}.config" for name in TEACHERS}
    assert set(done.stdout.split()) <= {"vega_policy.alignment.config", *declared}
