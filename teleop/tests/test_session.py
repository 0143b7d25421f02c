"""A session over a real store: every verb in every phase, and what operators do by mistake."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import hw_config
from teleop.dataset.episode import DatasetLayout, TakeEnd, TakeStart
from teleop.dataset.store import Store, Take
from teleop.errors import RecordingFailed
from teleop.session.session import Session
from teleop.session.state import Phase
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


class Cell:
    """A session with everything it talks to."""

    def __init__(self, store, wanted=3, **more):
        self.store = store
        self.recordings = []
        self.events = []
        self.now_s = 0.0
        self.session = Session(
            store,
            "close_laptop",
            wanted,
            self.begin,
            tell=lambda kind, text: self.events.append((kind, text)),
            clock=lambda: self.now_s,
            **more,
        )
        self.session.lack([])

    def begin(self, placement):
        start = TakeStart(
            task="close_laptop", instruction="", operator="me", start_ns=0, robot="sim"
        )
        self.recordings.append(Recording(self.store.begin(start)))
        return self.recordings[-1]

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
def cell(store):
    return Cell(store)


def refused(answer, *words):
    assert not answer.done
    for word in words:
        assert word in answer.text, answer.text


def test_takes_are_saved_and_counted_until_all_are_there(cell):
    session = cell.session
    assert session.phase is Phase.READY
    for number in range(3):
        assert session.state.episode == number
        answer = session.start()
        assert answer.done
        assert session.phase is Phase.RECORDING
        cell.now_s += 60.0
        assert session.save().done
    assert session.phase is Phase.FINISHED
    assert session.state.saved == 3
    assert "all 3 episodes are there" in session.state.text
    assert cell.said("saved")[1:] == [
        "episode 1 is saved (8.0 s, success); 2/3, 60 an hour, 1 min left",
        "episode 2 is saved (8.0 s, success); 3/3",
    ]
    refused(session.start(), "all 3 episodes are there", "episodes:=13")


def test_a_session_goes_on_at_the_next_index_and_counts_what_is_good(store, cell):
    cell.record()
    cell.record()
    cell.session.mark(False)
    cell.session.start()
    cell.recording.problems.append("dark")
    cell.session.save()
    cell.session.save()
    assert len(cell.saved) == 3
    again = Cell(store)
    assert again.session.state.episode == 3
    assert again.session.state.saved == 1


def test_nothing_begins_before_everything_is_ready(cell):
    cell.session.lack(["no frames of the head camera", "the left leader is far from its follower"])
    assert cell.session.phase is Phase.WAITING
    assert "no frames of the head camera" in cell.session.state.text
    refused(cell.session.start(), "head camera", "left leader is far")
    cell.session.lack([])
    assert cell.session.start().done


def test_of_many_reasons_a_few_are_told(cell):
    cell.session.lack([f"no picture of camera {number}" for number in range(7)])
    text = cell.session.state.text
    assert "no picture of camera 2; and 4 more" in text
    assert "camera 3" not in text


def test_a_take_that_cannot_begin_is_no_take(cell, monkeypatch):
    def full(placement):
        raise OSError(28, "No space left on device", "/data")

    monkeypatch.setattr(cell.session, "_begin", full)
    refused(cell.session.start(), "cannot start: /data: No space left on device")
    assert cell.session.phase is Phase.READY


def test_start_twice(cell):
    cell.session.start()
    refused(cell.session.start(), "is being recorded (8 s) already", "save it (Enter)")


def test_save_twice_and_discard_after_save(cell):
    cell.session.start()
    assert cell.session.save().done
    refused(cell.session.save(), "nothing to save: no take runs", "last one saved is episode 0")
    refused(cell.session.discard(), "nothing to discard", "delete it (Backspace)")
    assert len(cell.saved) == 1


def test_keys_while_a_take_is_being_saved(store):
    work = []
    cell = Cell(store, submit=work.append)
    cell.session.start()
    cell.session.save()
    assert cell.session.phase is Phase.SAVING
    for verb in ("start", "save", "discard", "redo", "pause", "resume", "delete_last"):
        refused(getattr(cell.session, verb)(), "episode 0 is being saved")
    refused(cell.session.mark(False), "episode 0 is being saved")
    work.pop()()
    assert cell.session.phase is Phase.READY
    assert cell.session.mark(False).done


def test_a_discarded_take_leaves_nothing(cell):
    cell.session.start()
    assert cell.session.discard().done
    assert not list((cell.store.folder / "recording").iterdir())
    assert cell.recording.calls == ["stop"]
    assert cell.session.state.saved == 0
    refused(cell.session.discard(), "nothing to discard: no take runs")


def test_redo_begins_again_at_once(cell):
    cell.session.start()
    answer = cell.session.redo()
    assert answer.done
    assert cell.session.phase is Phase.RECORDING
    (folder,) = (cell.store.folder / "recording").iterdir()
    assert folder.name == "000001"
    cell.session.save()
    refused(cell.session.redo(), "nothing to discard")


def test_redo_waits_for_what_is_missing_and_can_be_called_off(cell):
    cell.session.start()
    cell.session.lack(["the right_wrist camera stopped"])
    assert cell.session.redo().done
    assert cell.session.phase is Phase.WAITING
    assert "begins by itself as soon as this is mended" in cell.session.state.text
    cell.session.lack([])
    assert cell.session.phase is Phase.RECORDING

    cell.session.lack(["the right_wrist camera stopped"])
    cell.session.redo()
    assert cell.session.discard().done
    cell.session.lack([])
    assert cell.session.phase is Phase.READY


def test_a_bad_take_is_called_out_at_once_with_what_to_do(cell):
    cell.session.start()
    cell.session.update()
    assert cell.said("problem") == []
    cell.recording.problems.append("the head camera stopped for 0.8 s")
    cell.session.update()
    cell.session.update()
    assert cell.said("problem") == ["the head camera stopped for 0.8 s"]
    text = cell.session.state.text
    assert text.startswith("BAD TAKE: the head camera stopped for 0.8 s")
    assert "(d)" in text
    assert "(r)" in text


def test_a_bad_take_is_kept_only_when_asked_for_twice_and_does_not_count(cell):
    cell.session.start()
    cell.recording.problems.append("the head camera stopped for 0.8 s")
    refused(cell.session.save(), "this take is bad", "head camera", "does not count")
    assert cell.session.phase is Phase.RECORDING
    assert cell.session.save().done
    assert cell.session.state.saved == 0
    assert "does not count: the head camera stopped" in cell.session.state.news


def test_a_take_that_cannot_go_on_is_ended_and_kept_but_does_not_count(cell):
    cell.session.start()
    cell.recording.cut_off = "the disk is full"
    cell.recording.problems.append("the disk is full")
    cell.session.update()
    assert cell.said("problem") == ["the disk is full"]
    assert len(cell.saved) == 1
    assert "does not count: the disk is full" in cell.session.state.news


def test_a_take_ended_by_mistake_is_not_saved(cell):
    cell.session.start()
    cell.recording.seconds = 0.3
    refused(cell.session.save(), "only 0.3 s long", "discard it (d)")


def test_pause_and_go_on(cell):
    refused(cell.session.pause(), "no take runs")
    cell.session.start()
    assert cell.session.pause().done
    assert cell.session.phase is Phase.PAUSED
    refused(cell.session.pause(), "paused already")
    refused(cell.session.start(), "go on with it (p)")
    assert cell.session.resume().done
    refused(cell.session.resume(), "not paused")
    assert cell.recording.calls == ["pause", "resume"]
    cell.session.pause()
    assert cell.session.save().done


def test_marks_and_notes_belong_to_the_present_take_or_to_the_last_one(cell):
    refused(cell.session.mark(True), "no take runs and none is saved")
    refused(cell.session.note("  "), "empty")
    cell.session.start()
    cell.session.mark(False)
    cell.session.note("lid\n slipped")
    cell.session.save()
    assert (cell.saved[0].outcome, cell.saved[0].notes) == ("failure", ("lid slipped",))
    assert cell.session.state.saved == 0
    assert "marked as failure" in cell.session.state.news
    assert cell.session.mark(True).done
    assert cell.session.state.saved == 1
    assert cell.session.note("it counts after all").done
    assert cell.saved[0].notes[-1] == "it counts after all"


def test_delete_with_nothing_saved(cell):
    refused(cell.session.delete_last(), "no episode of close_laptop is saved")


def test_delete_undo_and_undo_twice(cell):
    for _ in range(3):
        cell.record()
    assert cell.session.phase is Phase.FINISHED
    answer = cell.session.delete_last()
    assert answer.done
    assert "episode 2 is deleted; undo (u)" in answer.text
    assert cell.session.phase is Phase.READY
    assert cell.session.undo_delete().done
    assert cell.session.state.saved == 3
    refused(cell.session.undo_delete(), "nothing can be undone")


def test_delete_and_undo_during_a_take(cell):
    cell.record()
    cell.session.start()
    refused(cell.session.delete_last(), "episode 1 is being recorded", "discard it (d)")
    refused(cell.session.undo_delete(), "episode 1 is being recorded")
    assert len(cell.saved) == 1


def test_what_cannot_be_saved_stays_and_the_operator_is_told_where(cell, monkeypatch):
    def fail(outcome, notes):
        raise RecordingFailed("episode.mcap: No space left on device")

    cell.session.start()
    monkeypatch.setattr(cell.recording, "finish", fail)
    cell.session.save()
    (text,) = cell.said("failed")
    assert "could NOT be saved" in text
    assert "No space left on device" in text
    assert str(cell.store.folder / "recording" / "000000") in text
    assert cell.session.state.saved == 0
    cell.record()
    assert cell.session.state.saved == 1
    assert len(cell.store.unsealed()) == 1


def test_a_fault_in_saving_does_not_hang_the_session(cell, monkeypatch):
    def fail(outcome, notes):
        raise RuntimeError("a bug")

    cell.session.start()
    monkeypatch.setattr(cell.recording, "finish", fail)
    with pytest.raises(RuntimeError):
        cell.session.save()
    assert cell.session.phase is Phase.READY
    assert "failed, RuntimeError: a bug" in cell.session.state.news
    cell.record()


def test_the_end_asks_nothing_and_leaves_a_running_take_to_be_recovered(cell):
    cell.record()
    cell.session.start()
    text = cell.session.close()
    cell.store.close()
    assert cell.recording.calls == ["stop"]
    assert len(cell.store.unsealed()) == 1
    assert text.startswith("1/3 episodes of close_laptop. Episode 1 was cut off after 8.0 s")
    assert "the next launch recovers it" in text


def test_the_end_between_takes(cell):
    cell.record()
    assert cell.session.close() == "1/3 episodes of close_laptop"


def test_the_next_placement_covers_what_is_missing_but_a_redo_keeps_it(store):
    cell = Cell(store, place=lambda infos: {"description": f"place {len(infos)}"})
    assert cell.session.state.placement == "place 0"
    cell.session.start()
    cell.session.redo()
    cell.session.save()
    assert cell.session.state.placement == "place 1"
    cell.session.placed({"description": "seed 7"})
    assert cell.session.state.placement == "seed 7"
