"""A session over a real store: every verb in every phase, and what operators do by mistake."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import hw_config
from teleop.dataset.episode import DatasetLayout, TakeEnd, TakeStart
from teleop.dataset.store import Store, Take
from teleop.errors import RecordingFailed
from teleop.session.session import RecordingSession
from teleop.session.state import SessionPhase
from vega_core.stamps import NS

LAYOUT = DatasetLayout.of(hw_config.load())


@dataclass
class Recording:
    """A take that lasts 8 s and records nothing."""

    take: Take
    seconds: float = 8.0
    problems: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    cut_off: str = ""

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")

    def stop(self):
        self.calls.append("stop")

    def finish(self, outcome, notes):
        self.calls.append("finish")
        return TakeEnd(
            end_ns=int(self.seconds * NS),
            outcome=outcome,
            notes=(notes,) if notes else (),
            problems=tuple(self.problems),
        )


class Bench:
    """A session, and its listener."""

    def __init__(self, store, wanted=3, submit=lambda work: work(), plan=lambda infos: None):
        self.store, self.submit, self.plan = store, submit, plan
        self.recordings = []
        self.events = []
        self.now_s = 0.0
        self.session = RecordingSession(
            store, "close_laptop", wanted, self, clock=lambda: self.now_s
        )
        self.session.lack([])

    def begin(self, placement):
        start = TakeStart(
            task="close_laptop", instruction="", operator="me", start_ns=0, robot="sim"
        )
        self.recordings.append(Recording(self.store.begin(start)))
        return self.recordings[-1]

    def notify(self, kind, text):
        self.events.append((kind, text))

    def changed(self):
        pass

    @property
    def recording(self):
        return self.recordings[-1]

    @property
    def saved(self):
        return self.store.episodes("close_laptop")

    def record(self):
        assert self.session.start().done
        assert self.session.save().done

    def said(self, kind):
        return [text for each, text in self.events if each == kind]


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "data", LAYOUT) as store:
        yield store


@pytest.fixture
def bench(store):
    return Bench(store)


def refused(answer, *words):
    assert not answer.done
    for word in words:
        assert word in answer.text, answer.text


def test_takes_are_saved_and_counted_until_all_are_there(bench):
    session = bench.session
    assert session.phase is SessionPhase.READY
    for number in range(3):
        assert session.state.episode == number
        answer = session.start()
        assert answer.done
        assert session.phase is SessionPhase.RECORDING
        bench.now_s += 60.0
        assert session.save().done
    assert session.phase is SessionPhase.FINISHED
    assert session.state.saved == 3
    assert "all 3 episodes are there" in session.state.text
    assert bench.said("saved")[1:] == [
        "episode 1 is saved (8.0 s, success); 2/3, 60 an hour, 1 min left",
        "episode 2 is saved (8.0 s, success); 3/3",
    ]
    refused(session.start(), "all 3 episodes are there", "episodes:=13")


def test_a_session_goes_on_at_the_next_index_and_counts_what_is_good(store, bench):
    bench.record()
    bench.record()
    bench.session.mark(False)
    bench.session.start()
    bench.recording.problems.append("dark")
    bench.session.save()
    bench.session.save()
    assert len(bench.saved) == 3
    again = Bench(store)
    assert again.session.state.episode == 3
    assert again.session.state.saved == 1


def test_nothing_begins_before_everything_is_ready(bench):
    bench.session.lack(["no frames of the head camera", "the left leader is far from its follower"])
    assert bench.session.phase is SessionPhase.WAITING
    assert "no frames of the head camera" in bench.session.state.text
    refused(bench.session.start(), "head camera", "left leader is far")
    bench.session.lack([])
    assert bench.session.start().done


def test_of_many_reasons_a_few_are_told(bench):
    bench.session.lack([f"no image of camera {number}" for number in range(7)])
    text = bench.session.state.text
    assert "no image of camera 2; and 4 more" in text
    assert "camera 3" not in text


def test_a_take_that_cannot_begin_is_no_take(bench, monkeypatch):
    def full(placement):
        raise OSError(28, "No space left on device", "/data")

    monkeypatch.setattr(bench, "begin", full)
    refused(bench.session.start(), "cannot start: /data: No space left on device")
    assert bench.session.phase is SessionPhase.READY


def test_start_twice(bench):
    bench.session.start()
    refused(bench.session.start(), "is being recorded (8 s) already", "save it (Enter)")


def test_save_twice_and_discard_after_save(bench):
    bench.session.start()
    assert bench.session.save().done
    refused(bench.session.save(), "nothing to save: no take runs", "last one saved is episode 0")
    refused(bench.session.discard(), "nothing to discard", "delete it (Backspace)")
    assert len(bench.saved) == 1


def test_keys_while_a_take_is_being_saved(store):
    work = []
    bench = Bench(store, submit=work.append)
    bench.session.start()
    bench.session.save()
    assert bench.session.phase is SessionPhase.SAVING
    for verb in ("start", "save", "discard", "redo", "pause", "resume", "delete_last"):
        refused(getattr(bench.session, verb)(), "episode 0 is being saved")
    refused(bench.session.mark(False), "episode 0 is being saved")
    work.pop()()
    assert bench.session.phase is SessionPhase.READY
    assert bench.session.mark(False).done


def test_a_discarded_take_leaves_nothing(bench):
    bench.session.start()
    assert bench.session.discard().done
    assert not list((bench.store.folder / "recording").iterdir())
    assert bench.recording.calls == ["stop"]
    assert bench.session.state.saved == 0
    refused(bench.session.discard(), "nothing to discard: no take runs")


def test_redo_begins_again_at_once(bench):
    bench.session.start()
    answer = bench.session.redo()
    assert answer.done
    assert bench.session.phase is SessionPhase.RECORDING
    (folder,) = (bench.store.folder / "recording").iterdir()
    assert folder.name == "000001"
    bench.session.save()
    refused(bench.session.redo(), "nothing to discard")


def test_redo_waits_for_what_is_missing_and_can_be_called_off(bench):
    bench.session.start()
    bench.session.lack(["the right_wrist camera stopped"])
    assert bench.session.redo().done
    assert bench.session.phase is SessionPhase.WAITING
    assert "begins by itself as soon as this is mended" in bench.session.state.text
    bench.session.lack([])
    assert bench.session.phase is SessionPhase.RECORDING

    bench.session.lack(["the right_wrist camera stopped"])
    bench.session.redo()
    assert bench.session.discard().done
    bench.session.lack([])
    assert bench.session.phase is SessionPhase.READY


def test_a_bad_take_is_called_out_at_once_with_what_to_do(bench):
    bench.session.start()
    bench.session.update()
    assert bench.said("problem") == []
    bench.recording.problems.append("the head camera stopped for 0.8 s")
    bench.session.update()
    bench.session.update()
    assert bench.said("problem") == ["the head camera stopped for 0.8 s"]
    text = bench.session.state.text
    assert text.startswith("BAD TAKE: the head camera stopped for 0.8 s")
    assert "(d)" in text
    assert "(r)" in text


def test_a_bad_take_is_kept_only_when_asked_for_twice_and_does_not_count(bench):
    bench.session.start()
    bench.recording.problems.append("the head camera stopped for 0.8 s")
    refused(bench.session.save(), "this take is bad", "head camera", "does not count")
    assert bench.session.phase is SessionPhase.RECORDING
    assert bench.session.save().done
    assert bench.session.state.saved == 0
    assert "does not count: the head camera stopped" in bench.session.state.news


def test_a_take_that_cannot_go_on_is_ended_and_kept_but_does_not_count(bench):
    bench.session.start()
    bench.recording.cut_off = "the disk is full"
    bench.recording.problems.append("the disk is full")
    bench.session.update()
    assert bench.said("problem") == ["the disk is full"]
    assert len(bench.saved) == 1
    assert "does not count: the disk is full" in bench.session.state.news


def test_a_take_ended_by_mistake_is_not_saved(bench):
    bench.session.start()
    bench.recording.seconds = 0.3
    refused(bench.session.save(), "only 0.3 s long", "discard it (d)")


def test_pause_and_go_on(bench):
    refused(bench.session.pause(), "no take runs")
    bench.session.start()
    assert bench.session.pause().done
    assert bench.session.phase is SessionPhase.PAUSED
    refused(bench.session.pause(), "paused already")
    refused(bench.session.start(), "go on with it (p)")
    assert bench.session.resume().done
    refused(bench.session.resume(), "not paused")
    assert bench.recording.calls == ["pause", "resume"]
    bench.session.pause()
    assert bench.session.save().done


def test_marks_and_notes_belong_to_the_present_take_or_to_the_last_one(bench):
    refused(bench.session.mark(True), "no take runs and none is saved")
    refused(bench.session.note("  "), "empty")
    bench.session.start()
    bench.session.mark(False)
    bench.session.note("lid\n slipped")
    bench.session.save()
    assert (bench.saved[0].outcome, bench.saved[0].notes) == ("failure", ("lid slipped",))
    assert bench.session.state.saved == 0
    assert "marked as failure" in bench.session.state.news
    assert bench.session.mark(True).done
    assert bench.session.state.saved == 1
    assert bench.session.note("it counts after all").done
    assert bench.saved[0].notes[-1] == "it counts after all"


def test_delete_with_nothing_saved(bench):
    refused(bench.session.delete_last(), "no episode of close_laptop is saved")


def test_delete_undo_and_undo_twice(bench):
    for _ in range(3):
        bench.record()
    assert bench.session.phase is SessionPhase.FINISHED
    answer = bench.session.delete_last()
    assert answer.done
    assert "episode 2 is deleted; undo (u)" in answer.text
    assert bench.session.phase is SessionPhase.READY
    assert bench.session.undo_delete().done
    assert bench.session.state.saved == 3
    refused(bench.session.undo_delete(), "nothing can be undone")


def test_delete_and_undo_during_a_take(bench):
    bench.record()
    bench.session.start()
    refused(bench.session.delete_last(), "episode 1 is being recorded", "discard it (d)")
    refused(bench.session.undo_delete(), "episode 1 is being recorded")
    assert len(bench.saved) == 1


def test_what_cannot_be_saved_stays_and_the_operator_is_told_where(bench, monkeypatch):
    def fail(outcome, notes):
        raise RecordingFailed("episode.mcap: No space left on device")

    bench.session.start()
    monkeypatch.setattr(bench.recording, "finish", fail)
    bench.session.save()
    (text,) = bench.said("failed")
    assert "could NOT be saved" in text
    assert "No space left on device" in text
    assert str(bench.store.folder / "recording" / "000000") in text
    assert bench.session.state.saved == 0
    bench.record()
    assert bench.session.state.saved == 1
    assert len(bench.store.unsealed()) == 1


def test_a_fault_in_saving_does_not_hang_the_session(bench, monkeypatch):
    def fail(outcome, notes):
        raise RuntimeError("a bug")

    bench.session.start()
    monkeypatch.setattr(bench.recording, "finish", fail)
    with pytest.raises(RuntimeError):
        bench.session.save()
    assert bench.session.phase is SessionPhase.READY
    assert "failed, RuntimeError: a bug" in bench.session.state.news
    bench.record()


def test_the_end_asks_nothing_and_leaves_a_running_take_to_be_recovered(bench):
    bench.record()
    bench.session.start()
    text = bench.session.close()
    bench.store.close()
    assert bench.recording.calls == ["stop"]
    assert len(bench.store.unsealed()) == 1
    assert text.startswith("1/3 episodes of close_laptop. Episode 1 was cut off after 8.0 s")
    assert "the next launch recovers it" in text


def test_the_end_between_takes(bench):
    bench.record()
    assert bench.session.close() == "1/3 episodes of close_laptop"


def test_the_next_placement_covers_what_is_missing_but_a_redo_keeps_it(store):
    bench = Bench(store, plan=lambda infos: {"description": f"place {len(infos)}"})
    assert bench.session.state.placement == "place 0"
    bench.session.start()
    bench.session.redo()
    bench.session.save()
    assert bench.session.state.placement == "place 1"
    bench.session.placed({"description": "seed 7"})
    assert bench.session.state.placement == "seed 7"
