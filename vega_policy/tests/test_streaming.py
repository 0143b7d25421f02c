"""Files: written one at a time, read tensor by tensor, and refused when damaged."""

import json
import subprocess
import sys
import textwrap
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from vega_policy.checkpoint.files import held, read_shards, read_weights
from vega_policy.checkpoint.streaming import write_shards, write_tensors
from vega_policy.errors import CheckpointError

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@settings(max_examples=30, deadline=None)
@given(
    tensors=st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.tuples(st.lists(st.integers(0, 3), max_size=3), st.sampled_from(DTYPES)),
        max_size=5,
    )
)
def test_the_library_reads_what_is_streamed(tmp_path_factory, tensors):
    path = tmp_path_factory.mktemp("streamed") / "x.safetensors"
    state = {key: torch.randn(shape).to(dtype) for key, (shape, dtype) in tensors.items()}
    state.pop("__metadata__", None)  # the format keeps this name for itself
    write_tensors(path, {key: held(value) for key, value in state.items()})
    found = load_file(path)
    ours = read_weights(path)
    assert found.keys() == ours.keys() == state.keys()
    for key, value in state.items():
        assert ours[key].dtype == found[key].dtype == value.dtype
        assert ours[key].shape == tuple(value.shape)
        assert torch.equal(found[key], value)
        assert torch.equal(ours[key].read(), value)


def test_views_are_written_as_what_they_show(tmp_path):
    value = torch.arange(12.0).reshape(3, 4).T
    write_tensors(tmp_path / "x.safetensors", {"x": held(value), "y": held(value[1:])})
    assert torch.equal(load_file(tmp_path / "x.safetensors")["x"], value)
    assert torch.equal(load_file(tmp_path / "x.safetensors")["y"], value[1:])


@pytest.mark.parametrize(("limit", "files"), [(400, 1), (100, 4), (250, 2), (1, 4)])
def test_shards(tmp_path, limit, files):
    state = {f"w{i}": torch.full((25,), float(i)) for i in range(4)}
    lines = []
    write_shards(tmp_path, {k: held(v) for k, v in state.items()}, limit, lines.append)
    assert len(lines) == len(list(tmp_path.glob("*.safetensors"))) == files
    found = read_shards(tmp_path)
    assert {key: float(weight.read()[0]) for key, weight in found.items()} == {
        f"w{i}": float(i) for i in range(4)
    }
    index = tmp_path / "model.safetensors.index.json"
    assert index.exists() == (files > 1)
    if files > 1:
        assert json.loads(index.read_text())["metadata"]["total_size"] == 400


@pytest.fixture
def sharded(tmp_path):
    state = {f"w{i}": held(torch.ones(25)) for i in range(2)}
    write_shards(tmp_path, state, 100, lambda line: None)
    return tmp_path


def test_an_index_and_its_shards_must_agree(sharded):
    index, second = (
        sharded / "model.safetensors.index.json",
        sharded / "model-00002-of-00002.safetensors",
    )
    save_file({"w1": torch.ones(25), "extra": torch.ones(1)}, second)
    with pytest.raises(CheckpointError, match="extra is in the shard alone"):
        read_shards(sharded)
    save_file({}, second)
    with pytest.raises(CheckpointError, match="w1 is in the index alone"):
        read_shards(sharded)
    second.unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00002.* is missing, though .*names it"):
        read_shards(sharded)
    for text, message in (
        ("{", "no readable JSON"),
        ("[]", "expected a JSON object, got list"),
        ('{"weight_map": {"w0": "../../etc/passwd"}}', "is no index of shards"),
    ):
        index.write_text(text)
        with pytest.raises(CheckpointError, match=message):
            read_shards(sharded)
    save_file({}, sharded / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"both model\.safetensors and .*index"):
        read_shards(sharded)


class Malicious:
    def __reduce__(self):
        return (print, ("code that a checkpoint ran",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"w": Malicious()}, "holds more than tensors"),
        ({"w": 3}, "is no state dict"),
        ([torch.ones(1)], "is no state dict"),
        ({"w": torch.ones(1, dtype=torch.int64)}, "dtype torch.int64, which no weight has"),
    ],
)
def test_pickles_of_anything_but_weights_are_refused(tmp_path, capfd, content, message):
    path = tmp_path / "x.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message):
        read_weights(path)
    assert "code that a checkpoint ran" not in capfd.readouterr().out


def test_damaged_files_are_refused(tmp_path):
    for name in ("x.pt", "x.safetensors"):
        path = tmp_path / name
        with pytest.raises(CheckpointError, match=f"{name} is missing"):
            read_weights(path)
        state = {"w": torch.ones(1000)}
        if path.suffix == ".pt":
            torch.save(state, path)
        else:
            save_file(state, path)
        whole = path.read_bytes()
        for size in (len(whole) - 300, 100, 7, 0):
            path.write_bytes(whole[:size])
            with pytest.raises(CheckpointError, match=f"{name} is truncated"):
                read_weights(path)
        path.write_bytes(b"\xff" * 64 + whole[64:-200] + b"\xff" * 200)
        with pytest.raises(CheckpointError, match=name):
            read_weights(path)


def test_old_pickles_and_foreign_zips_are_refused(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"from before 1\.6"):
        read_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        read_weights(path)


def test_tensors_of_other_dtypes_are_refused(tmp_path):
    save_file({"w": torch.ones(2, dtype=torch.int8)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="w has dtype I8; weights are one of"):
        read_weights(tmp_path / "x.safetensors")


MEASURE = """
    import re, sys
    from pathlib import Path

    import torch

    from vega_policy import checkpoint
    import vega_policy.model.llama  # what takes memory itself is imported before
    from vega_policy.checkpoint import gathering, names
    from vega_policy.checkpoint.streaming import write_shards
    from vega_policy.tests.test_streaming import large_config

    def peak_kib():
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

    torch.set_num_threads(1)
    folder, base, task = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.ones(8, 8) @ torch.ones(8, 8)
    checkpoint.load_policy
    before = peak_kib()
    if task == "load":
        config = large_config().model_copy(update={"full_layout": False})
        policy = checkpoint.load_policy(folder, config, base=base)
    else:
        state = gathering.gather(folder, base)
        model = {k: w for k, w in state.items() if names.part_of(k) == names.MODEL}
        (folder / "out").mkdir()
        write_shards(folder / "out", model, 10**8, print)
    print(1024 * (peak_kib() - before))
"""


def large_config():
    """Sizes of about 80 million weights."""
    from vega_policy.tests.public_layout import PUBLIC
    from vega_policy.tests.synthetic import small_recipe

    sizes = (
        "model.llm={dim: 768, ffn: 2048, layers: 8, heads: 12, vocab_size: 16000, "
        "max_positions: 512}"
    )
    return small_recipe(sizes, "model.film=false").model.model_copy(update=PUBLIC)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A run's folder of LoRA and heads, its base, and the size of the weights that are loaded."""
    from vega_policy.model.initialization import random_on
    from vega_policy.tests import public_layout

    folder = tmp_path_factory.mktemp("large")
    run, base = folder / "run", folder / "base"
    policy = random_on(large_config(), "cpu", torch.float32)
    public_layout.write_description(run, policy.config)
    public_layout.write_heads(run, policy)
    public_layout.write_adapter(run, public_layout.random_adapter(policy))
    public_layout.write_shards(base, policy.state_dict(), shards=3)
    size = sum(value.nbytes for value in policy.state_dict().values())
    assert size > 300e6
    yield run, base, size
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


@pytest.mark.parametrize(("task", "share"), [("load", 1.4), ("stream", 0.6)])
def test_weights_are_never_held_twice(large, task, share):
    run, base, size = large
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), str(run), str(base), task]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    grown = int(result.stdout.splitlines()[-1])
    assert grown < share * size, f"{grown / size:.2f} of the weights"
