"""`python -m vega_eval.twin`: real twins and policies, processes that are stopped and killed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkpoints import untrained, with_nan, with_swapped_wrists
from vega_eval.failure_types import TIMEOUT
from vega_eval.trials import journal
from vega_eval.trials.folder import read_session
from vega_eval.trials.record import TrialRecord
from vega_eval.trials.session_status import replay
from vega_eval.twin import __main__ as command

TRIALS = 6
# Of processes that share their cores with whatever else runs: several times what they ever took.
PATIENCE_S = 400.0
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def one_worker(short_tasks, aimless, tmp_path_factory):
    """The folder of an evaluation that nothing disturbed."""
    output = tmp_path_factory.mktemp("runs") / "one"
    assert command.main(arguments(aimless, output, "--workers", "1")) == 0
    return output / "close_laptop-easy"


def arguments(checkpoint, output, *more, trials=TRIALS) -> list[str]:
    values = ("--checkpoint", checkpoint, "--trials", trials, "--output", output, *more)
    return [str(value) for value in values]


def judged(folder: Path) -> list[object]:
    """What must not depend on who played when: all of the valid trials but times of day."""
    found = replay(read_session(folder), journal.read(folder).lines)
    keep = {"trial", "seed", "cell", "placement", "verdict", "figures"}
    drop = {"figures": {"inference_ms"}}
    return [record.model_dump(mode="json", include=keep, exclude=drop) for record in found.valid]


def attempts(folder: Path) -> list[TrialRecord]:
    return [line for line in journal.read(folder).lines if isinstance(line, TrialRecord)]


class Run:
    """The command as a process of its own."""

    def __init__(self, *argv: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vega_eval.twin", *argv],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_trials(self, folder: Path, count: int) -> None:
        """Returns when so many attempts are on the disk."""
        deadline = time.monotonic() + PATIENCE_S
        while len(attempts(folder)) < count:
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.02)

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def end(self) -> str:
        """Waits for it; returns what it has said."""
        return self.process.communicate(timeout=PATIENCE_S)[1]


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_every_trial_is_judged_and_measured(one_worker):
    records = attempts(one_worker)
    assert [record.seed for record in records] == list(range(TRIALS))
    figures = records[0].figures
    assert (figures.duration_s, figures.policy_steps) == (0.6, 0.6 * 25)
    assert figures.chunks == 3
    assert 0.0 < figures.moved_rad < 1.0
    assert 0.0 < figures.inference_ms.p50 <= figures.inference_ms.p95
    assert records[0].verdict.reason == "not done within 0.6 s"
    assert records[0].verdict.failure_type is TIMEOUT
    assert list(records[0].verdict.milestones) == ["touched", "folded", "closed"]


def test_stopped_killed_and_taken_up_by_more_workers_the_results_are_the_same(
    one_worker, aimless, tmp_path
):
    folder = tmp_path / "close_laptop-easy"
    argv = arguments(aimless, tmp_path, "--workers", "2")

    stopped = Run(*argv[:-1], "1")
    stopped.until_trials(folder, 1)
    stopped.process.send_signal(signal.SIGINT)
    assert f"--output {tmp_path} goes on" in stopped.end()
    assert stopped.process.returncode == 130

    killed = Run(*argv)
    killed.until_trials(folder, len(attempts(folder)) + 1)
    workers = killed.children()
    killed.process.kill()
    killed.end()
    before = (folder / "trials.jsonl").read_bytes()
    deadline = time.monotonic() + PATIENCE_S
    while not all(map(gone, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert command.main(argv) == 0
    assert (folder / "trials.jsonl").read_bytes().startswith(before)
    assert judged(folder) == judged(one_worker)
    lost = [record for record in attempts(folder) if not record.valid]
    assert lost
    assert all("ended during this trial" in record.verdict.reason for record in lost)


def test_a_worker_that_is_killed_costs_its_trial_an_attempt(one_worker, aimless, tmp_path):
    folder = tmp_path / "close_laptop-easy"
    run = Run(*arguments(aimless, tmp_path, "--workers", "1"))
    run.until_trials(folder, 1)
    worker = next(pid for pid in run.children() if b"spawn_main" in _command_line(pid))
    os.kill(worker, signal.SIGKILL)
    said = run.end()
    assert run.process.returncode == 0
    assert "to be played again: the worker's process ended (SIGKILL)" in said
    assert judged(folder) == judged(one_worker)


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_figures_are_written_and_too_few_successes_are_told(one_worker, aimless, tmp_path):
    file = tmp_path / "figures.json"
    argv = arguments(aimless, one_worker.parent, "--json", file, "--check")
    assert command.main(argv) == 1
    figures = json.loads(file.read_text())
    assert figures["played"] == 0
    (policy,) = figures["sessions"][0]["policies"]
    assert (policy["name"], policy["trials"], policy["successes"]) == ("aimless", TRIALS, 0)


def test_videos_lie_beside_their_trials(short_tasks, aimless, tmp_path):
    assert command.main(arguments(aimless, tmp_path, "--videos", trials=1)) == 0
    folder = tmp_path / "close_laptop-easy"
    (record,) = attempts(folder)
    assert (folder / record.files.video).read_bytes()[4:8] == b"ftyp"


def test_a_policy_that_is_not_finite_is_refused_chunk_by_chunk_and_fails(short_tasks, tmp_path):
    spoiled = with_nan(untrained(tmp_path / "nan"))
    assert command.main(arguments(spoiled, tmp_path / "run", trials=1)) == 0
    (record,) = attempts(tmp_path / "run" / "close_laptop-easy")
    assert record.verdict.outcome.value == "fail"
    assert record.figures.refused == record.figures.chunks > 0
    assert record.figures.policy_steps == 0


def _without_weights(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(b"nothing")
    return folder


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_without_weights, "does not load: "),
        (with_swapped_wrists, "cameras in order"),
        (lambda folder: folder / "nowhere", "no policy.yaml"),
    ],
)
def test_a_bad_checkpoint_is_named_before_anything_is_written(
    spoil, says, short_tasks, tmp_path, capsys
):
    spoiled = spoil(untrained(tmp_path / "spoiled"))
    assert command.main(arguments(spoiled, tmp_path / "run")) == 2
    said = capsys.readouterr().err
    assert str(spoiled) in said
    assert says in said
    assert not (tmp_path / "run").exists()


def test_the_same_policy_twice_is_refused(short_tasks, aimless, tmp_path, capsys):
    argv = arguments(aimless, tmp_path / "run", "--checkpoint", aimless)
    assert command.main(argv) == 2
    assert "the same policy: give each of them once" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_s_workers_play_the_same(one_worker, aimless, tmp_path):
    assert command.main(arguments(aimless, tmp_path, "--ray", "--workers", "2")) == 0
    assert judged(tmp_path / "close_laptop-easy") == judged(one_worker)


def test_ray_is_optional(short_tasks, aimless, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert command.main(arguments(aimless, tmp_path / "run", "--ray")) == 2
    assert "pip install -e '.[ray]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--task", "close_laptop,juggle"], "expected some of"),
        (["--variant", "easy,odd"], "expected some of easy, hard: 'odd'"),
        (["--trials", "0"], "1 or more"),
        (["--workers", "0"], "1 or more"),
        (["--seed", "-1"], "0 or more"),
        (["--delay-steps", "8"], "must be less than --replan-steps"),
        (["--json", "/nowhere/x.json"], "there is no folder /nowhere"),
    ],
)
def test_a_wrong_argument_is_refused_before_any_work(more, says, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(["--checkpoint", "models/twin", *more])
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err
