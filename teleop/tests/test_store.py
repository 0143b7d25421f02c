import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from teleop.dataset.episode import DatasetLayout, TakeEnd
from teleop.dataset.journal import JOURNAL_NAME, read_journal
from teleop.dataset.layout import DATASET_FILE
from teleop.dataset.reader import open_episode
from teleop.dataset.store import Store, next_index, read_infos
from teleop.errors import DatasetBusy, DatasetError, EpisodeDamaged, RefusedByStore, TeleopError
from teleop.tests.crashes import full_disk
from teleop.tests.episodes import (
    START_NS,
    layout,
    make_episode,
    open_store,
    take_start,
    write_messages,
)
from vega_core.stamps import NS


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "data") as store:
        yield store


def short(store, task="close_laptop", **more):
    return make_episode(store, 0.2, task=task, **more)


def indices(store, task=None):
    return [info.index for info in store.episodes(task)]


def events(store):
    return [(entry.event, entry.index) for entry in read_journal(store.folder).entries]


def test_saved_episode_is_complete_and_says_what_it_is(store):
    info = make_episode(store, 1.0, placement={"seed": 7, "cell": [1, 2]}, operator="Ada")
    folder = store.folder / "episodes" / "000000"
    assert sorted(path.name for path in folder.iterdir()) == ["episode.json", "episode.mcap"]
    assert store.episodes() == [info] == read_infos(store.folder)
    assert (info.index, info.task, info.operator, info.outcome) == (
        0,
        "close_laptop",
        "Ada",
        "success",
    )
    assert info.placement == {"seed": 7, "cell": [1, 2]}
    assert info.duration_s == pytest.approx(1.0)
    assert info.streams["/head_camera/image_raw/compressed"].expected == 30
    assert info.streams["/left/follower/joint_states"].hz == pytest.approx(200)
    with open_episode(folder, verify=True) as episode:
        assert episode.info == info


def test_second_recorder_is_refused_by_name(store):
    with pytest.raises(DatasetBusy) as refusal:
        Store.open(store.folder, layout())
    assert f"process {os.getpid()} on {socket.gethostname()}" in str(refusal.value)
    assert "being recorded" in str(refusal.value)


def test_lock_ends_with_its_process(tmp_path):
    code = (
        "import sys, os, time\n"
        "from pathlib import Path\n"
        "from teleop.dataset.lock import DatasetLock\n"
        "lock = DatasetLock(Path(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(600)\n"
    )
    open_store(tmp_path).close()
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        pid = child.stdout.readline().strip()
        with pytest.raises(DatasetBusy, match=f"process {pid} on"):
            open_store(tmp_path)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    open_store(tmp_path).close()


def test_lock_file_of_nonsense_keeps_nobody_out(tmp_path):
    open_store(tmp_path).close()
    (tmp_path / ".lock").write_bytes(b"\xff\x00{")
    open_store(tmp_path).close()


def test_indices_are_never_used_again(store):
    assert [short(store).index for _ in range(2)] == [0, 1]
    store.discard(store.begin(take_start()))
    assert short(store).index == 3
    store.delete_last("close_laptop")
    assert short(store).index == 4
    folder = store.folder
    store.close()
    assert next_index(folder) == 5
    (folder / JOURNAL_NAME).unlink()
    assert next_index(folder) == 5


def test_session_continues_where_it_ended(tmp_path):
    with open_store(tmp_path) as store:
        short(store)
    with open_store(tmp_path) as store:
        assert short(store).index == 1
        assert indices(store) == [0, 1]


def test_tasks_share_a_dataset(store):
    short(store, "close_laptop")
    short(store, "carrots_to_bowls")
    short(store, "close_laptop")
    assert indices(store, "close_laptop") == [0, 2]
    assert indices(store, "carrots_to_bowls") == [1]
    assert store.delete_last("carrots_to_bowls").index == 1
    assert store.delete_last("close_laptop").index == 2
    assert store.undo_delete("carrots_to_bowls").index == 1
    assert indices(store) == [0, 1]


def test_discarded_take_leaves_nothing(store):
    take = store.begin(take_start())
    write_messages(take, 0.5)
    store.discard(take)
    assert list((store.folder / "recording").iterdir()) == []
    assert indices(store) == []
    assert events(store) == [("begun", 0), ("discarded", 0)]


def test_deleted_episodes_come_back_in_reverse_order(store):
    for _ in range(3):
        short(store)
    assert [store.delete_last("close_laptop").index for _ in range(2)] == [2, 1]
    assert indices(store) == [0]
    assert store.undo_delete().index == 1
    assert store.undo_delete().index == 2
    assert indices(store) == [0, 1, 2]
    with pytest.raises(RefusedByStore, match="nothing was deleted"):
        store.undo_delete()


def test_nothing_to_delete_is_said(store):
    with pytest.raises(RefusedByStore, match="no saved episode of close_laptop"):
        store.delete_last("close_laptop")


def test_outcome_and_notes_can_be_changed_later(store):
    short(store)
    store.amend(0, outcome="failure")
    store.amend(0, note="slipped")
    info = store.amend(0, note="twice")
    assert (info.outcome, info.notes) == ("failure", ("slipped", "twice"))
    assert store.episodes() == [info]
    with pytest.raises(RefusedByStore, match="no saved episode 7"):
        store.amend(7, note="?")
    with pytest.raises(ValueError):
        store.amend(0, outcome="splendid")
    assert store.episodes() == [info]


def test_one_take_at_a_time_and_each_ends_once(store):
    take = store.begin(take_start())
    with pytest.raises(RefusedByStore, match="take 0 is being recorded"):
        store.begin(take_start())
    store.discard(take)
    for end in (lambda: store.discard(take), lambda: store.save(take, TakeEnd(end_ns=START_NS))):
        with pytest.raises(RefusedByStore, match="has ended"):
            end()


def test_unsealed_takes_are_known_but_the_running_one_is_none(tmp_path):
    with open_store(tmp_path) as store:
        store.begin(take_start())
        assert store.unsealed() == []
    with open_store(tmp_path) as store:
        assert [path.name for path in store.unsealed()] == ["000000"]
        assert store.begin(take_start()).index == 1
        assert [path.name for path in store.unsealed()] == ["000000"]


def test_other_layout_is_refused(tmp_path):
    open_store(tmp_path).close()
    cameras = {**layout().cameras, "head": "cam_low"}
    other = layout().model_copy(update={"cameras": cameras})
    with pytest.raises(DatasetError, match=r"cam_low.*record to another folder"):
        Store.open(tmp_path, other)


def test_swapped_wrists_are_another_layout(tmp_path):
    open_store(tmp_path).close()
    known = layout()
    names = list(known.cameras)
    swapped = {name: known.cameras[name] for name in (names[0], names[2], names[1])}
    other = DatasetLayout.model_validate({**known.model_dump(), "cameras": swapped})
    with pytest.raises(DatasetError, match="one layout"):
        Store.open(tmp_path, other)


def test_foreign_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match=r"thesis\.tex"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "data").write_text("x")
    for folder in (tmp_path / "data", tmp_path / "data" / "within"):
        with pytest.raises(DatasetError, match="choose another folder"):
            open_store(folder)


def test_folder_that_is_no_dataset_is_said_to_be_none(tmp_path):
    with pytest.raises(DatasetError, match="is no dataset"):
        read_infos(tmp_path)


@pytest.mark.parametrize("text", ["format: 9\n", "- 1\n", "format: 1\nrobot: 3\n", "\0", ""])
def test_damaged_dataset_file_is_named(tmp_path, text):
    open_store(tmp_path).close()
    (tmp_path / DATASET_FILE).write_text(text)
    with pytest.raises(DatasetError, match=DATASET_FILE):
        read_infos(tmp_path)


def test_read_only_dataset_can_be_read_but_not_recorded_into(store, monkeypatch):
    info = short(store)
    store.close()
    real = os.open

    def read_only(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(30, "Read-only file system", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", read_only)
    assert read_infos(store.folder) == [info]
    with open_episode(store.folder / "episodes/000000", verify=True) as episode:
        assert episode.joints("left") is not None
    with pytest.raises(DatasetError, match=r"Read-only.*choose a folder"):
        open_store(store.folder)


def test_journal_with_a_torn_last_line_goes_on(store):
    short(store)
    folder = store.folder
    store.close()
    journal = folder / JOURNAL_NAME
    journal.write_bytes(journal.read_bytes() + b'{"time": "2026-11-22T18:07:14.250Z", "ev')
    with open_store(folder) as again:
        assert short(again).index == 1
    read = read_journal(folder)
    assert [entry.event for entry in read.entries] == ["begun", "saved", "begun", "saved"]
    assert read.unreadable == (3,)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "3",
        '"x"',
        '{"event": "saved", "index": "1"}',
        '{"event": "saved", "index": -1}',
        "\xff",
    ],
)
def test_journal_lines_of_nonsense_are_skipped(store, line):
    short(store)
    folder = store.folder
    store.close()
    with (folder / JOURNAL_NAME).open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    assert read_journal(folder).unreadable == (3,)
    with open_store(folder) as again:
        assert short(again).index == 1


def test_journal_is_made_anew_from_what_is_there(store):
    infos = [short(store), short(store)]
    store.delete_last("close_laptop")
    folder = store.folder
    store.close()
    (folder / JOURNAL_NAME).unlink()
    with open_store(folder) as again:
        assert again.episodes() == infos[:1]
        assert again.undo_delete() == infos[1]


def test_session_events_go_into_the_journal(store):
    store.log("session", task="close_laptop", wanted=100)
    line = json.loads((store.folder / JOURNAL_NAME).read_text())
    assert (line["event"], line["wanted"]) == ("session", 100)


def test_threads_may_ask_while_one_saves(store):
    answers = []

    def ask():
        for _ in range(50):
            answers.append(len(store.episodes()))

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(3):
        short(store)
    thread.join()
    assert answers == sorted(answers)


def test_damaged_episode_json_is_named(store):
    short(store)
    (store.folder / "episodes/000000/episode.json").write_text('{"format": 1}')
    with pytest.raises(EpisodeDamaged, match=r"000000/episode\.json"):
        store.episodes()


def test_renamed_episode_folder_is_noticed(store):
    short(store)
    (store.folder / "episodes/000000").rename(store.folder / "episodes/000005")
    with pytest.raises(EpisodeDamaged, match="says it is episode 0; the folder was renamed"):
        store.episodes()


def record(store, end):
    take = store.begin(take_start())
    try:
        write_messages(take, 0.05)
        take.writer.flush()
        if end == "save":
            store.save(take, TakeEnd(end_ns=START_NS + NS, outcome="success"))
            return
    except TeleopError:
        store.discard(take)
        raise
    store.discard(take)


def scenario(store):
    """A bit of everything; what fails is told, and the next goes on."""
    verbs = {
        "save": lambda: record(store, "save"),
        "discard": lambda: record(store, "discard"),
        "delete": lambda: store.delete_last("close_laptop"),
        "undo": store.undo_delete,
        "amend": lambda: store.amend(0, note="amended"),
    }
    done = []
    for name in ("save", "discard", "save", "delete", "undo", "amend", "save"):
        try:
            verbs[name]()
            done.append(name)
        except TeleopError as error:
            done.append(str(error))
    return done


@pytest.mark.parametrize("step", range(1, 140, 3))
def test_disk_full_from_any_step_on_is_told_and_loses_no_episode(tmp_path, step):
    with open_store(tmp_path) as store:
        before = short(store)
        with full_disk(step) as failures:
            done = scenario(store)
        assert store.unsealed() == []
        saved = store.episodes()
        assert saved[0].streams == before.streams
        assert len(saved) >= 1 + done.count("save") - done.count("delete") + done.count("undo")
        sentences = [text for text in done if " " in text]
        assert bool(failures) >= bool(sentences)
        assert all(
            "No space left" in text or "nothing was deleted" in text or "no saved" in text
            for text in sentences
        )
        for info in saved:
            open_episode(tmp_path / f"episodes/{info.index:06d}", verify=True).close()
        fresh = short(store)
        assert fresh in store.episodes()
    with open_store(tmp_path) as store:
        assert fresh in store.episodes()
