"""Plans of training runs: memory by part, time, what fits, and what is refused."""

import json

import pytest
import torch

from vega_policy.alignment.build import build_alignment
from vega_policy.errors import RecipeError
from vega_policy.plan import check, gpus, layouts
from vega_policy.plan.__main__ import main
from vega_policy.plan.check import check_device, check_fits
from vega_policy.plan.layouts import AVERAGING, CONTEXT, DDP, FSDP2, GATHERED
from vega_policy.plan.options import FITS, NOT, TIGHT, plan_for, run_of
from vega_policy.plan.recorder import StorageRecorder
from vega_policy.plan.step import Part, Sketch
from vega_policy.recipe import load_recipe
from vega_policy.teachers import vggt
from vega_policy.tests.small_models import OVERRIDES, TRAINED
from vega_policy.training import loop
from vega_policy.training.objective import Objective
from vega_policy.training.optimizer import MasterAdamW
from vega_policy.training.ranks import Ranks
from vega_policy.training.start import starting_policy

CAMERAS = ("head", "left_wrist", "right_wrist")
PARTS = ("weights", "masters", "moments", "gradients", "activations")


def small(name="twin_vega", *overrides):
    return load_recipe(name, [*OVERRIDES, *overrides])


def test_every_recipe_can_be_planned_without_files():
    for name in TRAINED:
        step = Sketch(small(name, "base_checkpoint=nowhere")).step(2)
        assert step.flops > 0
        assert step.peak[Part.ACTIVATIONS] > 0, name


def test_a_teacher_that_only_its_file_tells_the_size_of_is_not_counted(monkeypatch):
    monkeypatch.setattr(vggt, "KIND", vggt.KIND._replace(sized=None))
    for name in ("vega_vggt", "rocket"):
        step = Sketch(small(name, "base_checkpoint=nowhere")).step(2)
        assert step.kept[Part.TEACHER] == 0
        assert step.peak[Part.ACTIVATIONS] > 0


def test_what_stays_between_steps_is_what_the_trainer_holds():
    recipe = small("twin_vega", "training.optimizer.ema=0.9", "training.precision=bfloat16")
    objective = Objective(
        starting_policy(recipe, torch.device("cpu")), recipe, build_alignment(recipe, CAMERAS)
    )
    trained = [weight for weight in objective.parameters() if weight.requires_grad]
    state = MasterAdamW(trained, recipe.training.optimizer, Ranks()).state_bytes()
    kept = Sketch(recipe).step(2).kept
    held = [*objective.parameters(), *objective.buffers()]
    assert kept[Part.WEIGHTS] == sum(weight.nbytes for weight in held)
    assert kept[Part.MASTERS] + kept[Part.MOMENTS] + kept[Part.AVERAGES] == state


def test_frozen_weights_have_neither_masters_nor_gradients():
    fields = ("lora=null", "lora.rank=2")
    whole, lora = (Sketch(small("oft", field)).step(2, 2) for field in fields)
    assert lora.kept[Part.MASTERS] < whole.kept[Part.MASTERS]
    assert lora.gradients == lora.kept[Part.MASTERS]
    assert lora.peak[Part.GRADIENTS] < whole.peak[Part.GRADIENTS]


def test_gradients_of_the_passes_before_are_there_in_the_last():
    sketch = Sketch(small())
    once, twice = sketch.step(2, 1), sketch.step(2, 2)
    assert twice.peak[Part.GRADIENTS] >= twice.gradients > once.peak[Part.GRADIENTS]
    assert twice.flops == 2 * once.flops


def test_activations_and_operations_grow_with_the_samples():
    sketch = Sketch(small())
    two, four = sketch.step(2), sketch.step(4)
    assert four.flops == pytest.approx(2 * two.flops, rel=0.02)
    assert four.peak[Part.ACTIVATIONS] == pytest.approx(2 * two.peak[Part.ACTIVATIONS], rel=0.05)
    assert four.kept == two.kept


def test_policies_of_any_number_of_views_can_be_planned():
    one, five = (Sketch(small("twin_vega", f"model.views={n}")).step(2) for n in (1, 5))
    assert one.peak[Part.ACTIVATIONS] < five.peak[Part.ACTIVATIONS]


def test_checkpointing_trades_memory_for_operations():
    sketch = Sketch(small("oft", "model.llm.layers=6"))
    plain = sketch.step(4)
    sketch.checkpoint_gradients()
    twice = sketch.step(4)
    assert twice.peak[Part.ACTIVATIONS] < plain.peak[Part.ACTIVATIONS]
    assert sum(twice.peak.values()) < sum(plain.peak.values())
    assert twice.flops > plain.flops


def test_fused_attention_keeps_no_scores():
    """On a GPU; the CPU's bfloat16 attention does keep them."""
    recipe = small("twin_oft", "training.precision=bfloat16", "model.action_tokens=per_dim")
    sketch = Sketch(recipe)
    gpu, cpu = sketch.step(4, device="cuda"), sketch.step(4, device="cpu")
    assert gpu.peak[Part.ACTIVATIONS] < cpu.peak[Part.ACTIVATIONS]


def test_sharding_divides_what_is_kept_and_gathers_what_is_computed():
    step = Sketch(small()).step(2)
    alone, whole, shared = (
        layouts.memory(step, layout, ranks).parts
        for layout, ranks in ((DDP, 1), (DDP, 4), (FSDP2, 4))
    )
    for part in (Part.WEIGHTS, Part.MASTERS, Part.MOMENTS):
        assert whole[part] == alone[part]
        assert shared[part] == -(-alone[part] // 4)
    assert shared[GATHERED] > 0
    assert layouts.memory(step, FSDP2, 1).parts == alone


def test_averaging_takes_a_copy_where_the_update_is_the_fullest_moment():
    step = Sketch(small()).step(1)._replace(trace=StorageRecorder("empty"))
    parts = layouts.memory(step, DDP, 2).parts
    assert parts[AVERAGING] == parts[Part.GRADIENTS] == step.gradients


def test_a_recorder_counts_what_is_freed_and_shares_storages():
    recorder = StorageRecorder("rest")
    kept = torch.zeros(10)
    recorder.name("kept", [kept, kept[2:]])
    with recorder:
        first = torch.zeros(100)
        view = first[10:] * 1
        del first
        second = view.view(9, 10)
    assert recorder.peak() == {"kept": 40, "rest": 400 + 360}
    del view
    assert recorder.held() == {"kept": 40, "rest": 360}
    recorder.name_rest("second")
    assert recorder.peak() == {"kept": 40, "rest": 400, "second": 360}
    del second
    assert recorder.held() == {"kept": 40}


def test_the_command_prints_every_part_and_writes_them(capsys, tmp_path):
    file = tmp_path / "plan.json"
    command = ["--recipe", "vega", "--gpu", "h100-80", "--gpus", "4", "--batch", "4"]
    assert main([*command, "--json", str(file), *OVERRIDES, "alignment.fit3d.dim=16"]) == 0
    out = capsys.readouterr().out
    for word in (*PARTS, "teacher", "reserve", "LoRA, DDP", "full, FSDP2, checkpointing", "fits"):
        assert word in out
    assert "torchrun --nproc-per-node 4 -m vega_policy.train --recipe vega" in out
    plan = json.loads(file.read_text())
    assert plan["batch"] == 16
    assert len(plan["options"]) == 8
    for option in plan["options"]:
        assert option["total"] == sum(option["memory"].values()) + option["reserve"]
        assert option["step_s"] > 0
    assert plan["options"][plan["recommended"]]["offered"]


def test_what_does_not_fit_is_said_and_the_exit_code_says_so(capsys, monkeypatch):
    monkeypatch.setitem(gpus.GPUS, "small", gpus.GPUS["l4-24"]._replace(memory=CONTEXT + 1e5))
    assert main(["--recipe", "twin_oft", "--gpu", "small", *OVERRIDES]) == 1
    out = capsys.readouterr().out
    assert "DOES NOT FIT" in out
    assert "lower --batch or training.micro_batch" in out


def test_a_recipe_without_a_base_is_not_planned_with_lora():
    plan = plan_for(small("twin_oft"), "a100-40", 1, None, 0.4)
    assert [option.lora for option in plan.options] == [False, False]
    assert {option.layout for option in plan.options} == {DDP}


def test_tight_is_what_fits_without_reserve():
    plan = plan_for(small("twin_oft"), "a100-40", 1, None, 0.4)
    memory = plan.options[0].memory
    verdict = [check.verdict(memory, free) for free in (memory.total, memory.tensors, 0)]
    assert verdict == [FITS, TIGHT, NOT]


def test_sharing_sends_less_than_it_saves_time_for_nobody_alone():
    step = Sketch(small()).step(2)
    gpu = gpus.find("h100-80")
    alone = layouts.time(step, DDP, 1, gpu, gpu.bf16, 0.4)
    four = layouts.time(step, DDP, 4, gpu, gpu.bf16, 0.4)
    assert alone.communication == 0
    assert four.communication > 0
    assert four.total == pytest.approx(four.compute + four.communication + four.update)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "h200"], "no GPU 'h200'; there are: a100-40, a100-80, h100-80, h200-141"),
        (["--gpu", "h100-80", "--recipe", "vegas"], "no recipe 'vegas'; there are: "),
        (["--gpu", "h100-80", "--gpus", "3"], "a batch of 8 does not divide among 3 processes"),
        (
            ["--gpu", "l4-24", "--gpus", "16"],
            "a batch of 8 does not divide among 16 processes: set",
        ),
        (["--gpu", "l4-24", "--batch", "6", "training.micro_batch=4"], "in micro-batches of 4"),
        (["--gpu", "l4-24", "model.views=none"], "model.views: Input should be a valid integer"),
    ],
)
def test_what_cannot_be_planned_is_named(capsys, arguments, message):
    assert main(["--recipe", "twin_oft", *OVERRIDES, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [["--batch", "0"], ["--gpus", "-1"], ["--share", "1.5"], ["--json", "/nowhere/plan.json"]],
)
def test_what_a_plan_cannot_be_asked(capsys, wrong):
    with pytest.raises(SystemExit) as exit_:
        main(["--recipe", "twin_oft", "--gpu", "l4-24", *wrong])
    assert exit_.value.code == 2
    assert "expected" in (error := capsys.readouterr().err) or "no folder" in error


def test_a_micro_batch_larger_than_the_share_is_the_share():
    run = run_of(small("oft", "training.micro_batch=4"), gpus.find("l4-24"), 2, 2)
    assert (run.samples, run.micro_batches, run.batch) == (2, 1, 4)


def test_a_run_that_cannot_fit_is_refused_with_what_to_lower():
    recipe = small("oft", "model.llm.layers=6")
    need = [layouts.memory(Sketch(recipe).step(samples), DDP, 1) for samples in (8, 2)]
    with pytest.raises(
        RecipeError, match=r"a step of oft takes .* GiB on each GPU, .* are free: "
    ) as e:
        check_fits(recipe, 8, 1, 1, need[1].total, print)
    assert "training.micro_batch=2 or " in str(e.value)
    assert "training.gradient_checkpointing=true fits" in str(e.value)
    assert "activations" in str(e.value)


def test_a_run_for_which_nothing_helps_is_refused_too():
    with pytest.raises(RecipeError, match=r"No micro-batch fits: train low-rank changes"):
        check_fits(small("twin_oft"), 8, 1, 1, 1000, print)
    with pytest.raises(RecipeError, match=r"No micro-batch fits: take GPUs with more memory"):
        check_fits(small("oft"), 8, 1, 1, 1000, print)


def test_a_run_that_fits_just_so_is_said_to():
    recipe, lines = small("twin_oft"), []
    memory = layouts.memory(Sketch(recipe).step(8), DDP, 1)
    check_fits(recipe, 8, 1, 1, memory.total, lines.append)
    assert not lines
    for free in (memory.tensors, int(memory.tensors / 1.029)):  # a prediction, not a measurement
        check_fits(recipe, 8, 1, 1, free, lines.append)
        assert lines.pop().startswith("memory is tight")
    with pytest.raises(RecipeError, match="a step of twin_oft takes"):
        check_fits(recipe, 8, 1, 1, int(memory.tensors / 1.031), lines.append)


def test_on_the_cpu_nothing_is_checked(monkeypatch):
    monkeypatch.setattr(check, "Sketch", None)
    ranks = Ranks()
    monkeypatch.setattr(ranks, "device", torch.device("cpu"))
    check_device(small(), 8, 1, ranks, print)


def test_the_trainer_checks_before_it_loads_anything(dataset, tmp_path, monkeypatch):
    def refuse(recipe, samples, micro_batches, ranks, report):
        raise RecipeError(f"{micro_batches} x {samples} do not fit")

    monkeypatch.setattr(loop, "check_device", refuse)
    monkeypatch.setattr(loop, "starting_policy", None)
    with pytest.raises(RecipeError, match="2 x 4 do not fit"):
        loop.Trainer(small("twin_oft", "training.micro_batch=4"), dataset, tmp_path, Ranks(), print)
