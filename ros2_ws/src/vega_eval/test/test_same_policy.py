"""One policy twice in a session: refused, unless an A/A session is asked for by name."""

import shutil
from dataclasses import replace

import pytest
from sessions import plan
from vega_eval.checkpoints import policies_of, same_policy
from vega_eval.errors import EvalError
from vega_eval.report.reading import read_source
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import TrialOutcome, TrialVerdict

import hw_config
from vega_policy.kinds import hold

SUCCESS = TrialVerdict(outcome=TrialOutcome.SUCCESS, progress=1.0)


@pytest.fixture
def holding(tmp_path):
    """The folder of a policy, and a copy of it under another name."""
    hold.make(tmp_path / "holding")
    return tmp_path / "holding", shutil.copytree(tmp_path / "holding", tmp_path / "copy")


def test_the_same_folder_or_a_copy_is_refused_with_the_way_out(holding):
    folder, copy = holding
    for pair in ((folder, folder), (folder, copy)):
        assert same_policy(pair) == pair
        with pytest.raises(EvalError, match=r"are the same policy: .* or aa:=true for an A/A"):
            policies_of(pair, hw_config.load())


def test_an_a_a_session_tells_its_two_sides_apart(holding, tmp_path):
    folder, _ = holding
    policies = policies_of((folder, folder), hw_config.load(), aa=True)
    assert len({policy.name for policy in policies}) == 2
    assert len({policy.sha256 for policy in policies}) == 1
    wanted = plan(policies=policies, trials=2)
    for _ in range(2):  # the second time as after an interruption
        session = SessionFolder.open_or_resume(tmp_path / "session", wanted)
        for number in session.status.missing[:2]:
            session.add(session.record(session.begin(number), SUCCESS))
        session.close()
    assert [len(session.status.of(letter)) for letter in "AB"] == [2, 2]
    source = read_source(tmp_path / "session", blinded=True)
    revealed = replace(source, key=session.key)
    assert len({revealed.policy_id(letter) for letter in "AB"}) == 2
