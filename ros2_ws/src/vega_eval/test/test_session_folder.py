"""A session on the disk: taken up again after anything, never overwritten, identities hidden."""

import base64
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from sessions import plan, policy
from vega_eval.errors import SessionBusy, SessionError
from vega_eval.trials import journal
from vega_eval.trials.blinding import digest_of, names_of
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import Figures, SessionEvent, TrialOutcome, TrialVerdict

SUCCESS = TrialVerdict(outcome=TrialOutcome.SUCCESS, progress=1.0)
FAIL = TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0, failure_type="I")
INVALID = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason="the light went out")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def play(session, verdict=SUCCESS):
    started = session.begin(session.status.missing[0])
    session.add(session.record(started, verdict, figures=Figures(duration_s=3.0, policy_steps=75)))
    return started


def test_trials_are_played_in_order_until_all_are_valid(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    while session.status.missing:
        play(session)
    assert [record.trial for record in session.status.valid] == [1, 2, 3, 4, 5, 6]
    assert [len(session.status.of(letter)) for letter in "AB"] == [3, 3]
    assert [row[0].placement for row in session.status.rows("AB")] == [0, 1, 2]


def test_an_invalid_trial_is_played_again(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    play(session, INVALID)
    assert play(session).attempt == 2
    assert [(r.trial, r.attempt) for r in session.status.valid] == [(1, 2)]


def test_the_same_command_goes_on_where_it_stood(folder):
    first = SessionFolder.open_or_resume(folder, plan())
    play(first)
    first.close()
    second = SessionFolder.open_or_resume(folder, plan())
    assert (second.resumed, len(second.status.valid)) == (True, 1)
    assert second.session == first.session
    assert second.key == first.key


def test_an_attempt_that_a_crash_cut_off_is_invalid_and_its_folder_is_kept(folder):
    first = SessionFolder.open_or_resume(folder, plan())
    cut_off = first.begin(first.status.missing[0])
    video = first.attempt_folder(cut_off) / "video.mp4"
    video.write_text("half a video")
    first.close()
    second = SessionFolder.open_or_resume(folder, plan())
    (record,) = second.status.attempts
    assert record.verdict.outcome is TrialOutcome.INVALID
    assert "ended during this trial" in record.verdict.reason
    again = second.begin(second.status.missing[0])
    assert (again.trial, again.attempt) == (1, 2)
    assert video.read_text() == "half a video"


def test_a_killed_process_leaves_every_trial_that_it_reported(folder, tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from sessions import plan
        from test_session_folder import play
        from vega_eval.trials.folder import SessionFolder
        session = SessionFolder.open_or_resume(Path(sys.argv[1]), plan(trials=400))
        for number in range(800):
            play(session)
            print(number + 1, flush=True)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    reported = 0
    while reported < 7:
        reported = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    session = SessionFolder.open_or_resume(folder, plan(trials=400))
    done = [record.trial for record in session.status.valid]
    assert done == list(range(1, len(done) + 1))
    assert len(done) >= max([reported, *map(int, rest)])
    assert not session.damaged


@pytest.mark.parametrize("torn", [b'{"kind": "trial", "tri', b"\x00\xff\xfe garbage", b"[1, 2]"])
def test_a_torn_line_is_told_kept_and_its_trial_played_again(folder, torn):
    first = SessionFolder.open_or_resume(folder, plan())
    play(first)
    first.close()
    path = folder / journal.FILE_NAME
    path.write_bytes(path.read_bytes() + torn)
    second = SessionFolder.open_or_resume(folder, plan())
    (told,) = second.damaged
    assert "line 4" in told
    play(second)
    assert [record.trial for record in second.status.valid] == [1, 2]
    assert torn in path.read_bytes()


def test_a_line_that_somebody_edited_does_not_count(folder):
    first = SessionFolder.open_or_resume(folder, plan())
    play(first, FAIL)
    first.close()
    path = folder / journal.FILE_NAME
    path.write_text(path.read_text().replace('"outcome": "fail"', '"outcome": "partial"'))
    second = SessionFolder.open_or_resume(folder, plan())
    assert "somebody edited it" in second.damaged[0]
    assert second.status.missing[0].number == 1


def test_a_full_disk_loses_nothing(folder, monkeypatch):
    session = SessionFolder.open_or_resume(folder, plan())
    play(session)
    before = (folder / journal.FILE_NAME).read_bytes()
    written = os.write

    def full(descriptor, data):
        written(descriptor, bytes(data)[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SessionError, match=r"No space left on device.*make space"):
        session.note("paused")
    monkeypatch.undo()
    assert (folder / journal.FILE_NAME).read_bytes() == before
    play(session)
    assert len(session.status.valid) == 2


def test_two_processes_may_not_run_one_session(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    with pytest.raises(SessionBusy, match="being evaluated into by process"):
        SessionFolder.open_or_resume(folder, plan())
    session.close()
    SessionFolder.open_or_resume(folder, plan()).close()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trials": 4}, "trials a policy was 3, is now 4"),
        ({"seed": 1}, "the seed was 0, is now 1"),
        ({"robot": "real"}, "robot was 'sim', is now 'real'"),
        ({"judge": "operator"}, "who judges"),
        ({"names": ("ours", "another")}, "other policies"),
        ({"policies": (policy("ours", "retrained"), policy("theirs"))}, "checkpoint has changed"),
    ],
)
def test_another_session_does_not_go_into_the_same_folder(folder, changes, told):
    SessionFolder.open_or_resume(folder, plan()).close()
    with pytest.raises(SessionError, match=told):
        SessionFolder.open_or_resume(folder, plan(**changes))
    with pytest.raises(SessionError, match=told):
        SessionFolder.check(folder, plan(**changes))


def test_policies_may_be_given_in_another_order(folder):
    first = SessionFolder.open_or_resume(folder, plan())
    first.close()
    assert SessionFolder.open_or_resume(folder, plan(names=("theirs", "ours"))).key == first.key


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(SessionError, match=r"is not empty and no session \(it has holiday.jpg\)"):
        SessionFolder.open_or_resume(tmp_path, plan())
    with pytest.raises(SessionError, match="no folder"):
        SessionFolder.open_or_resume(tmp_path / "holiday.jpg", plan())


def test_nothing_in_the_folder_tells_the_policies_before_the_end(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    play(session)
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(name in text for text in texts for name in (b"ours", b"theirs", b"sha of"))
    assert not (folder / "key.json").exists()


def test_closing_opens_the_identities_and_each_trial_can_be_checked_against_them(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    while session.status.missing:
        play(session)
    session.finish("every trial has been played")
    opened = json.loads((folder / "key.json").read_text())
    assert {p["name"] for p in opened["policies"].values()} == {"ours", "theirs"}
    assert session.status.closed
    for record in session.status.valid:
        assert record.checkpoint_tag == session.key.tag(record.policy)
    assert session.key.tag("A") != session.key.tag("B")


def test_a_key_that_was_swapped_is_refused(folder):
    SessionFolder.open_or_resume(folder, plan()).close()
    sealed = folder / "key.sealed"
    key = json.loads(base64.b64decode(sealed.read_text()))
    key["policies"]["A"], key["policies"]["B"] = key["policies"]["B"], key["policies"]["A"]
    sealed.write_text(base64.b64encode(json.dumps(key).encode()).decode())
    with pytest.raises(SessionError, match="not the key with which this session began"):
        SessionFolder.open_or_resume(folder, plan())
    sealed.write_text("no base64!")
    with pytest.raises(SessionError, match="damaged"):
        SessionFolder.open_or_resume(folder, plan())


def test_an_amendment_counts_and_the_first_judgement_stays_readable(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    play(session, SUCCESS)
    session.amend(session.status.valid[0], FAIL, "ada")
    assert not session.status.valid[0].success
    kinds = [line.kind for line in journal.read(folder).lines]
    assert kinds == ["session", "begun", "trial", "amended"]


def test_records_of_another_session_do_not_count(folder):
    session = SessionFolder.open_or_resume(folder, plan())
    started = session.begin(session.status.missing[0])
    strange = session.record(started, SUCCESS).model_copy(update={"session": "another"})
    session.add(strange)
    assert session.status.valid == ()


def test_a_line_of_a_newer_kind_is_told(folder):
    SessionFolder.open_or_resume(folder, plan()).close()
    event = SessionEvent(event="opened", at="now").model_dump(mode="json") | {"kind": "telemetry"}
    text = json.dumps({**event, "check": journal._check(event)}) + "\n"
    path = folder / journal.FILE_NAME
    path.write_text(path.read_text() + text)
    assert "unknown kind 'telemetry'" in journal.read(folder).damaged[0]


def test_a_checkpoint_s_digest_depends_on_names_and_contents(tmp_path):
    (tmp_path / "policy.yaml").write_text("a")
    (tmp_path / "model.safetensors").write_text("b")
    before = digest_of(tmp_path)
    assert digest_of(tmp_path) == before
    (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors")
    renamed = digest_of(tmp_path)
    (tmp_path / "policy.yaml").write_text("c")
    assert len({before, renamed, digest_of(tmp_path)}) == 3


def test_policies_are_named_by_as_much_of_their_folder_as_tells_them_apart(tmp_path):
    paths = [tmp_path / "oft" / "last", tmp_path / "vega" / "last", tmp_path / "best"]
    assert names_of(paths) == ["oft/last", "vega/last", "best"]


def test_the_session_s_file_keeps_its_keys(folder):
    SessionFolder.open_or_resume(folder, plan()).close()
    written = json.loads((folder / "session.json").read_text())
    assert list(written)[:5] == ["format", "id", "created", "card", "robot"]
    assert set(written["card"]) >= {"task", "variant", "success", "milestones", "time_limit_s"}
    assert "task_spec" not in written
