"""A worker on another machine: it must have the same of everything."""

from __future__ import annotations

import pytest
from vega_eval.provenance import Provenance
from vega_eval.trials.blinding import PolicyIdentity, digest_of
from vega_eval.twin import worker
from vega_eval.twin.jobs import Job, JobFailure, Ready

HERE = Provenance("config", "commit", ())


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "provenance_now", lambda: HERE)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return PolicyIdentity(name="mine", checkpoint=str(tmp_path), sha256=digest_of(tmp_path))


def compared(policy, home=HERE):
    return worker.Worker().compare((policy,), home)


def test_the_same_of_everything_is_ready(policy):
    assert compared(policy) == Ready()


def test_a_checkpoint_that_is_not_there_is_named(policy):
    answer = compared(policy.model_copy(update={"checkpoint": "/nowhere/mine"}))
    assert isinstance(answer, JobFailure)
    assert "has no /nowhere/mine: copy the checkpoint there" in answer.reason


def test_another_checkpoint_at_the_same_path_is_named(policy):
    answer = compared(policy.model_copy(update={"sha256": "0" * 64}))
    assert f"{policy.checkpoint} on " in answer.reason
    assert "is another checkpoint than here" in answer.reason


def test_another_configuration_or_code_is_told(policy):
    assert "another hw_config" in compared(policy, HERE._replace(config_sha256="x")).reason
    assert "has the code of commit" in compared(policy, HERE._replace(commit="x")).reason


def test_where_git_says_nothing_code_is_not_compared(policy):
    assert compared(policy, HERE._replace(commit="")) == Ready()


def test_what_goes_wrong_in_a_trial_is_no_failure_of_the_policy(policy, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("division by zero")

    ours = worker.Worker()
    monkeypatch.setattr(ours, "_ready", {"mine": None})
    monkeypatch.setattr(ours, "_twin_for", fails)
    job = Job("close_laptop", "easy", 0, "mine", timing=None)
    assert ours.play(job) == JobFailure("ZeroDivisionError: division by zero", permanent=False)
