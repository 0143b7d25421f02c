"""The benchmark: its formula against PyTorch's counter, its fields, what it refuses."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benches.policy import __main__ as command
from benches.policy import workload
from benches.policy.flops import bf16_peak, flops_of, tokens_of
from benches.policy.report import Measurement, Setting, table
from benches.policy.timing import Latency, interleave, summarise
from vega_policy.inference import sequence_length
from vega_policy.model.layout import text_batch
from vega_policy.recipe import load_recipe
from vega_policy.tests import synthetic

RECIPE = "twin_close_laptop"
TINY = [*synthetic.SMALL[:5]]
PROMPT = 11


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"action_tokens": "per_dim"},
        {"proprio": False, "views": 2},
        {"head": "discrete", "action_tokens": "per_dim"},
        {"head": "diffusion", "diffusion": {"train_steps": 4, "inference_steps": 2}},
    ],
)
def test_the_formula_is_what_a_pass_costs(changes):
    # In bfloat16 attention is matrix products on a CPU, which the counter knows.
    policy = synthetic.small_policy(full_layout=False, **changes).to_compute_dtype(torch.bfloat16)
    config = policy.config
    text = text_batch([list(range(1, PROMPT + 1))], config.action_token_count)
    pixels = torch.randn(1, 6 * config.views, config.image_size, config.image_size)
    with torch.no_grad():
        modulation = policy.modulation(text)
        with FlopCounterMode(display=False) as counter:
            policy.predict(pixels, torch.zeros(1, config.proprio_dim), text, modulation)
    assert counter.get_total_flops() == flops_of(config, PROMPT).total


def test_the_public_network():
    config = load_recipe("openvla_oft_7b").model
    tokens = tokens_of(config, 20)
    assert tokens.total == sequence_length(config, 20) == 768 + 1 + 20 + 350 + 1
    assert flops_of(config, 20).total == pytest.approx(17.1e12, rel=0.05)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("A machine's own CPU", None),
    ],
)
def test_known_peaks(name, peak):
    assert bf16_peak(name) == peak


def test_every_run_has_its_turn():
    order = []

    def run(name, laps):
        def one():
            order.append(name)
            return {"total": laps}

        return one

    runs = {"a": run("a", 1.0), "b": run("b", 3.0)}
    passes = interleave(runs, warm_up=1, repeats=2, progress=lambda line: None)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert summarise(passes["b"]) == {"total": Latency(3.0, 3.0)}


def bench(*arguments):
    return command.main(["--recipe", RECIPE, *arguments, *TINY])


def test_a_recipe_is_measured(tmp_path, capsys):
    path = tmp_path / "bench.json"
    assert bench("--repeats", "2", "--warm-up", "1", "--json", str(path)) == 0
    (result,) = json.loads(path.read_text())["measurements"]
    assert (result["recipe"], result["device"]) == (RECIPE, "CPU")
    assert (result["dtype"], result["threads"], result["repeats"]) == ("float32", 1, 2)
    assert result["overrides"] == TINY
    assert result["tokens"]["sequence"] == 3 * 4 + 1 + 20 + 5 + 1
    assert result["flops"]["total"] == sum(result["flops"][s] for s in ("vision", "llm", "head"))
    assert result["fraction_of_bf16_peak"] is None
    stages = {"preprocess", "vision", "llm", "head", "model", "total"}
    assert set(result["latency"]) == stages
    for latency in result["latency"].values():
        assert 0 < latency["p50_ms"] <= latency["p95_ms"]
    printed = capsys.readouterr()
    assert all(stage in printed.out for stage in stages)
    assert "measured 2 of 2" in printed.err


@pytest.mark.parametrize("head", ["discrete", "diffusion"])
def test_other_heads(head, capsys):
    overrides = [f"model.head={head}", "model.action_tokens=per_dim", "model.diffusion={}"]
    arguments = ["--recipe", RECIPE, "--repeats", "1", "--warm-up", "1", *TINY, *overrides]
    assert command.main(arguments) == 0
    assert "model" in capsys.readouterr().out


def test_kinds_of_query_tokens_are_compared(tmp_path, capsys):
    path = tmp_path / "bench.json"
    assert bench("--compare-action-tokens", "--repeats", "1", "--json", str(path)) == 0
    results = json.loads(path.read_text())
    assert [entry["tokens"]["queries"] for entry in results["measurements"]] == [5, 70]
    assert "one query token a step is" in capsys.readouterr().out


def reference_file(tmp_path, **changes):
    path = tmp_path / "reference.json"
    public = {"recipe": RECIPE, "dtype": "float32", "threads": 1, "p50_ms": 1e9, "p95_ms": 1e9}
    path.write_text(json.dumps({**public, **changes}))
    return str(path)


def test_a_reference_is_compared_with(tmp_path, capsys):
    assert bench("--repeats", "1", "--reference", reference_file(tmp_path)) == 0
    assert "the figure is 1.5: met" in capsys.readouterr().out
    slow = reference_file(tmp_path, p50_ms=1e-6)
    assert bench("--repeats", "1", "--reference", slow) == 0
    assert "the figure is 1.5: MISSED" in capsys.readouterr().out


def test_a_missed_figure_fails_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "TOKENS_FIGURE", 1e9)
    assert bench("--check", "--repeats", "1") == 1
    monkeypatch.setattr(command, "TOKENS_FIGURE", 0.0)
    assert bench("--check", "--repeats", "1") == 0


def test_a_reference_measured_otherwise_is_refused(tmp_path, capsys):
    other = reference_file(tmp_path, threads=2, dtype="bfloat16")
    assert bench("--repeats", "1", "--reference", other) == 2
    message = capsys.readouterr().err
    assert "dtype bfloat16, here it is float32; threads 2, here it is 1" in message
    (tmp_path / "reference.json").write_text("{}")
    assert bench("--repeats", "1", "--reference", other) == 2
    assert "expected a JSON object" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nothing"], "no recipe 'nothing'"),
        (["--recipe", "mid", "--check"], "give --reference"),
        (["--recipe", "openvla_oft_7b", "--check"], "--check has a figure for mid and for twin"),
        (["--recipe", RECIPE, "--device", "toaster"], "device toaster"),
        (["--recipe", RECIPE, "model.image_size=13"], "not a multiple of patch size"),
    ],
)
def test_what_cannot_be_measured(arguments, message, capsys):
    assert command.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_weights_that_do_not_fit_are_not_made(monkeypatch, capsys):
    monkeypatch.setattr(workload, "free_bytes", lambda device: 10 * 2**30)
    assert command.main(["--recipe", "openvla_oft_7b", "--dtype", "bfloat16"]) == 2
    message = capsys.readouterr().err
    assert "the weights need 15" in message
    assert "has 10.0 GiB free" in message


def test_a_gpu_is_held_against_its_peak_and_the_aim():
    config = load_recipe("openvla_oft_7b").model
    setting = Setting("openvla_oft_7b", (), "NVIDIA H100 80GB HBM3", "bfloat16", 1, True, 10)
    stages = ("preprocess", "vision", "llm", "head", "model", "total")
    latency = {stage: Latency(40.0, 41.0) for stage in stages}
    measured = Measurement(setting, tokens_of(config, 20), flops_of(config, 20), latency)
    assert measured.fraction_of_peak == pytest.approx(flops_of(config, 20).total / 0.04 / 989e12)
    assert "% of the dense bfloat16 peak" in table(measured)
    assert "the aim is 35 ms on one H100" in table(measured)
