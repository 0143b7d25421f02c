"""The public figures, counted without allocating anything."""

import json

import pytest

from vega_policy.inspect import PUBLISHED, inspect, main
from vega_policy.recipe import load_recipe


@pytest.fixture(scope="module")
def report():
    return inspect(load_recipe("openvla_oft_7b"))


def test_the_public_size(report):
    counts = report.counts()
    assert {name: counts[name] for name in PUBLISHED} == {
        "base layout": 7_541_237_184,
        "FiLM": 456_241_920,
        "action head": 268_644_366,
        "proprio projector": 16_842_752,
        "alignment projector": 2_101_248,
        "LoRA": 110_828_288,
    }


def test_parts_add_up(report):
    counts = report.counts()
    base = ("DINOv2 tower", "SigLIP tower", "fused projector", "language model", "lm_head")
    assert sum(counts[name] for name in base) == counts["base layout"]
    whole = ("base layout", "FiLM", "action head", "proprio projector", "noisy action projector")
    assert sum(counts[name] for name in whole) == counts["policy"]


def test_the_reference_adapts_modules_that_nothing_computes(report):
    # A block of each tower (4 layers each), SigLIP's pooling (5) and lm_head.
    assert report.lora_modules == (439, 439 - 4 - 4 - 5 - 1)


def test_what_a_pass_computes(report):
    computed = {part.name: part.computed for part in report.parts}
    assert computed["lm_head"] == 0
    assert computed["language model"] == report.counts()["language model"]
    discrete = inspect(load_recipe("openvla_oft_7b", ["model.head=discrete"]))
    assert discrete.lora_modules == (439, 426)


def test_a_sequence_of_three_views(report):
    assert report.tokens == {
        "patches": 768,
        "state": 1,
        "noise level": 0,
        "prompt": 25,
        "queries": 350,
        "stop": 1,
        "sequence": 1145,
    }


def test_seven_joints_and_diffusion():
    seven = inspect(load_recipe("openvla_oft_7b", ["model.action_dim=7", "model.head=diffusion"]))
    assert seven.counts()["action head"] == 151_117_831
    assert seven.counts()["noisy action projector"] == 2 * 4096 + 4096 * 4097
    assert seven.tokens["noise level"] == 1


@pytest.mark.parametrize(
    ("recipe", "student", "teacher"),
    [
        ("openvla_oft_7b", 1024, 1024),
        ("vega", 1024, 1024),
        ("vega_vggt", 1024, 2048),
        ("oft_sf", 4096, 2048),
        ("rocket", 4096, 2048),
        ("twin_close_laptop", 128, 49),
    ],
)
def test_the_projector_of_each_alignment(recipe, student, teacher):
    expected = 2 * student + (student + 1) * teacher + (teacher + 1) * teacher
    assert inspect(load_recipe(recipe)).counts()["alignment projector"] == expected


def test_the_command(capsys, tmp_path):
    file = tmp_path / "figures.json"
    assert main(["--recipe", "openvla_oft_7b", "--check", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "7,541,237,184" in shown
    assert "all published figures met" in shown
    assert json.loads(file.read_text())["parameters"]["FiLM"] == 456_241_920


def test_a_missed_figure_fails_the_check(capsys):
    assert main(["--recipe", "openvla_oft_7b", "--check", "model.action_dim=7"]) == 1
    assert "action head: 151,117,831 parameters, published are 268,644,366" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nonesuch"], "no recipe 'nonesuch'; there are:"),
        (["--recipe", "mid", "--check"], "only openvla_oft_7b has"),
        (["--recipe", "mid", "model.nonesuch=1"], "Extra inputs"),
        (["--recipe", "mid", "--json", "/nonesuch/figures.json"], "cannot write"),
    ],
)
def test_wrong_arguments(capsys, arguments, message):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
