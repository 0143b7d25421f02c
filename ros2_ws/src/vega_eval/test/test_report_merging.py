"""What may stand in one report, and what may not."""

import json

import pytest
from vega_eval.errors import MixError, SessionError
from vega_eval.report.evaluation import merge
from vega_eval.report.failure_tables import amended_table
from vega_eval.report.reading import read_source
from vega_eval.trials import journal
from vega_eval.trials.record import Amendment, TrialOutcome, TrialVerdict

SHA_A, SHA_B = "a" * 64, "b" * 64


def merged(*folders, blinded=False):
    return merge([read_source(folder, blinded) for folder in folders])


def refusal(*folders):
    with pytest.raises(MixError) as caught:
        merged(*folders)
    return str(caught.value)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"robot": "real"}, ("the robot differs", "twin", "real")),
        ({"robot": "sim"}, ("the robot differs", "twin", "sim")),
        ({"judge": "operator"}, ("who judged differs", "rules", "operator")),
        ({"config_sha256": "d" * 64}, ("hw_config differs", "cccccccccccc", "dddddddddddd")),
        ({"timing": (("replan", 4),)}, ("the timing of chunks differs", "replan 8", "replan 4")),
        (
            {"task_spec": {"success": "it is shut"}},
            ("what counts as success differs", "it is shut"),
        ),
        ({"task_spec": {"time_limit_s": 30.0}}, ("the time limit differs", "15 s", "30 s")),
        ({"task_spec": {"instruction": "shut it"}}, ("the instruction differs", "shut it")),
        ({"task_spec": {"milestones": ("shut",)}}, ("the milestones differs", "touched", "shut")),
        ({"sha256": {"oft": SHA_B}}, ("'oft' is checkpoint", SHA_A[:12], SHA_B[:12])),
        ({"seed": 1}, ("the same 1 simulated scenes", "seeds 1")),
    ],
)
def test_what_may_not_be_mixed_is_refused_and_both_sides_are_named(played, other, words):
    first = played("first", {"oft": "s1"}, sha256={"oft": SHA_A})
    second = played("second", {"oft": "s1"}, **{"seed": 50, "sha256": {"oft": SHA_A}, **other})
    said = refusal(first, second)
    for word in (str(first), str(second), *words):
        assert word in said


def test_the_same_session_twice_is_refused(played):
    folder = played("one", {"oft": "s1"})
    assert "are the same session" in refusal(folder, folder)


def test_cards_of_different_tasks_may_differ(played):
    laptop = played("laptop", {"oft": "s1"})
    vase = played("vase", {"oft": "11"}, task="flowers_to_vase")
    hard = played("hard", {"oft": "11"}, variant="hard", task_spec={"time_limit_s": 40.0})
    evaluation = merged(vase, laptop, hard)
    titles = ["close_laptop (easy)", "flowers_to_vase (easy)", "close_laptop (hard)"]
    assert [part.title for part in evaluation.parts] == titles
    assert [part.group for part in evaluation.parts] == ["Single-Arm", "Bimanual", "Single-Arm"]


def test_a_checkpoint_is_one_policy_whatever_it_is_called(played):
    first = played("first", {"oft": "s1"}, sha256={"oft": SHA_A})
    second = played("second", {"run2/oft": "ss"}, sha256={"run2/oft": SHA_A}, seed=50)
    evaluation = merged(first, second)
    assert [policy.name for policy in evaluation.policies] == ["oft"]
    assert len(evaluation.parts[0].of(evaluation.policies[0])) == 4


def test_sessions_with_the_same_simulated_scenes_are_paired(played):
    evaluation = merged(played("a", {"oft": "s1s"}), played("b", {"vega": "ss1"}))
    part = evaluation.parts[0]
    oft, vega = evaluation.policies
    assert part.at(oft).keys() == part.at(vega).keys()


def test_real_scenes_are_laid_anew_in_every_session(played):
    robot = {"robot": "real", "judge": "operator"}
    evaluation = merged(played("a", {"oft": "s1s"}, **robot), played("b", {"oft": "ss1"}, **robot))
    assert len(evaluation.parts[0].scenes()) == 6


def test_an_open_session_is_reported_by_letters_only(played):
    folder = played("open", {"oft": "s1", "vega": "s."}, closed=False)
    with pytest.raises(SessionError, match=r"still open \(3 of 4 trials.*give --blinded"):
        merged(folder)
    evaluation = merged(folder, blinded=True)
    assert [policy.name for policy in evaluation.policies] == ["policy A", "policy B"]
    assert all(policy.checkpoint is None for policy in evaluation.policies)


def test_invalid_attempts_do_not_count(played):
    evaluation = merged(played("one", {"oft": "si1"}))
    assert len(evaluation.trials) == 3
    assert [trial.record.verdict.reason for trial in evaluation.invalid] == ["a cable came loose"]


def test_a_damaged_line_is_told(played):
    folder = played("one", {"oft": "s1s"})
    path = folder / "trials.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace('"success"', '"fail"')
    path.write_text("\n".join(lines) + "\n")
    problems = merged(folder).sources[0].problems
    assert any("line 3" in problem and "edited" in problem for problem in problems)
    assert any("closed with 2 of 3 trials" in problem for problem in problems)


def test_a_session_that_was_closed_early_says_so(played):
    problems = merged(played("one", {"oft": "s.", "vega": "s."})).sources[0].problems
    assert "closed with 2 of 4 trials" in problems[0]
    assert "only the sequential test" in problems[0]


def test_a_folder_that_is_no_session_is_told(tmp_path):
    with pytest.raises(SessionError, match="no such folder"):
        merged(tmp_path / "nowhere")
    with pytest.raises(SessionError, match="is no session"):
        merged(tmp_path)


def test_a_judgement_that_was_changed_counts_and_is_told(played):
    folder = played("one", {"oft": "s11"})
    success = TrialVerdict(
        outcome=TrialOutcome.SUCCESS, progress=1.0, note="the lid was shut after all"
    )
    amendment = Amendment(
        trial=2, attempt=1, verdict=success, by="Ben", at="2026-11-28T10:00:00.000Z"
    )
    journal.append(folder, amendment)
    evaluation = merged(folder)
    assert sum(trial.record.success for trial in evaluation.trials) == 2
    (row,) = amended_table(evaluation).rows
    assert row.cells[3:5] == ("fail → success", "Ben")
    assert row.cells[6] == "the lid was shut after all"


def test_a_trial_of_another_checkpoint_than_the_key_names_is_told(played, tmp_path):
    folder = played("one", {"oft": "s1"})
    other = played("two", {"oft": "11"}, sha256={"oft": SHA_B})
    said = json.loads((folder / "session.json").read_text())
    key = json.loads((other / "session.json").read_text())["key_sha256"]
    (folder / "session.json").write_text(json.dumps({**said, "key_sha256": key}))
    (folder / "key.sealed").write_bytes((other / "key.sealed").read_bytes())
    (problem,) = merged(folder).sources[0].problems
    assert "trials 1, 2 lack the proof" in problem
