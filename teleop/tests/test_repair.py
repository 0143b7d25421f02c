import json
import os
import random
import re
import resource
import shutil
import signal
from pathlib import Path

import pytest
from mcap.reader import make_reader

import hw_config
from teleop.dataset import mcap_writer
from teleop.dataset.episode import (
    EPISODE_FILE,
    MCAP_FILE,
    TAKE_FILE,
    TakeEnd,
    hardware_files,
    read_info,
)
from teleop.dataset.journal import JOURNAL_NAME, read_journal
from teleop.dataset.layout import DATASET_FILE, episode_folders, unsealed_folders
from teleop.dataset.reader import open_episode
from teleop.dataset.store import next_index, read_infos
from teleop.errors import DatasetBusy, DatasetError, RecordingFailed
from teleop.repair.__main__ import main
from teleop.repair.repair import repair, repair_store
from teleop.tests.crashes import full_disk, killed_at
from teleop.tests.episodes import (
    START_NS,
    make_episode,
    open_store,
    positions,
    take_start,
    write_messages,
)
from vega_core.stamps import NS

END = TakeEnd(end_ns=START_NS + NS // 5, outcome="success", notes=("good",))
JOINTS = 40


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A dataset with two sealed episodes, of two tasks."""
    folder = tmp_path_factory.mktemp("template") / "data"
    with open_store(folder) as store:
        make_episode(store, 0.2)
        make_episode(store, 0.2, task="carrots_to_bowls")
    return folder


@pytest.fixture
def dataset(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "data"))


def leave_unsealed(dataset, seconds=0.2, ended=None):
    """A take as a killed recorder leaves it."""
    with open_store(dataset) as store:
        take = store.begin(take_start(), hardware_files(hw_config.config_dir()))
        write_messages(take, seconds)
        take.writer.flush()
        if ended is not None:
            ended(take)
    return dataset / "recording" / f"{take.index:06d}"


def assert_whole(dataset):
    """Every sealed episode is what was sealed, and nothing else is left."""
    assert unsealed_folders(dataset) == []
    assert list((dataset / "recording").iterdir()) == []
    for folder in episode_folders(dataset):
        assert sorted(path.name for path in folder.iterdir()) == [EPISODE_FILE, MCAP_FILE]
        with open_episode(folder, verify=True) as episode:
            for topic, stream in episode.info.streams.items():
                if "image" not in topic:
                    assert len(episode.messages(topic)) == stream.count
            for camera in episode.cameras:
                assert len(list(episode.images(camera))) == len(episode.image_stamps(camera))
        with (folder / MCAP_FILE).open("rb") as file:
            counted = sum(1 for _ in make_reader(file, validate_crcs=True).iter_messages())
        assert counted == sum(stream.count for stream in episode.info.streams.values())


def repaired(dataset):
    """The report of a repair after which a second one finds nothing to do."""
    report = repair(dataset)
    assert_whole(dataset)
    again = repair(dataset)
    assert (again.recovered, again.quarantined, again.mended, again.failed) == ([], [], [], [])
    assert again.sealed == report.sealed
    return report


def snapshot(dataset):
    return {path.name: (path / MCAP_FILE).read_bytes() for path in episode_folders(dataset)}


def test_whole_dataset_is_left_as_it_is(dataset):
    before = snapshot(dataset)
    infos = read_infos(dataset)
    report = repaired(dataset)
    assert report.whole
    assert report.lines() == ["nothing to repair", "2 episodes are whole"]
    assert snapshot(dataset) == before
    assert read_infos(dataset) == infos


def test_cut_off_take_becomes_an_unjudged_episode(dataset):
    leave_unsealed(dataset)
    report = repaired(dataset)
    [recovered] = report.recovered
    assert report.whole
    assert (recovered.index, recovered.task, recovered.outcome) == (2, "close_laptop", "unjudged")
    info = read_infos(dataset)[2]
    assert info.recovered.lost_s == mcap_writer.CHUNK_SECONDS
    assert "cut off" in info.recovered.reason
    assert "nobody judged" in info.problems[0]
    assert info.operator == "scripted"
    with open_episode(dataset / "episodes/000002") as episode:
        joints = episode.joints("right")
        assert len(joints.stamps_ns) == JOINTS
        times = (joints.stamps_ns - START_NS) / NS
        assert (joints.position == positions("right", times)).all()
        assert "arms.yaml" in episode.hardware_files()


def test_take_that_was_finished_but_not_sealed_keeps_its_outcome(dataset):
    def cut_off(take):
        text = json.loads((take.folder / TAKE_FILE).read_text())
        text["end"] = END.model_dump(mode="json")
        (take.folder / TAKE_FILE).write_text(json.dumps(text))
        take.writer.finish()

    leave_unsealed(dataset, ended=cut_off)
    repaired(dataset)
    info = read_infos(dataset)[2]
    assert (info.outcome, info.notes, info.problems) == ("success", ("good",), ())
    assert info.recovered.lost_s == 0


def test_recorder_that_is_closed_within_a_take_loses_nothing(dataset):
    store = open_store(dataset)
    write_messages(store.begin(take_start()), 0.2)
    store.close()
    repaired(dataset)
    assert read_infos(dataset)[2].streams["/left/follower/joint_states"].count == JOINTS


def test_take_without_its_take_file_is_known_from_its_recording(dataset):
    (leave_unsealed(dataset) / TAKE_FILE).write_bytes(b"\x00" * 40)
    report = repaired(dataset)
    assert report.recovered[0].task == "close_laptop"


def test_take_without_any_message_goes_into_quarantine(dataset):
    with open_store(dataset) as store:
        store.begin(take_start())
    report = repaired(dataset)
    assert not report.whole
    assert report.quarantined[0].folder == "quarantine/000002"
    assert "no message" in (dataset / "quarantine/000002/why.txt").read_text()
    assert next_index(dataset) == 3


def test_take_of_which_nothing_is_known_goes_into_quarantine(dataset):
    folder = leave_unsealed(dataset)
    (folder / TAKE_FILE).unlink()
    path = folder / MCAP_FILE
    path.write_bytes(path.read_bytes().replace(b"close laptop", b'close"laptop'))
    report = repaired(dataset)
    assert "not known" in report.quarantined[0].reason
    assert (dataset / "quarantine/000002" / MCAP_FILE).exists()


def test_take_without_file_goes_into_quarantine(dataset):
    (leave_unsealed(dataset) / MCAP_FILE).unlink()
    assert "is missing: nothing had been recorded" in repaired(dataset).quarantined[0].reason


def test_damaged_episode_is_recovered_and_its_original_kept(dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    report = repair(dataset)
    kept = dataset / "quarantine/000001-damaged"
    if report.recovered:
        assert read_infos(dataset)[1].outcome == "unjudged"
        assert (kept / MCAP_FILE).stat().st_size == len(data) * 2 // 3
        assert "episode 1" in (kept / "why.txt").read_text()
    else:
        assert "no message" in report.quarantined[0].reason
    assert_whole(dataset)


def test_damage_after_the_last_message_loses_nothing(dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    before = read_infos(dataset)[1]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    report = repaired(dataset)
    after = read_infos(dataset)[1]
    assert report.whole
    assert (after.outcome, after.streams, after.end_ns) == (
        before.outcome,
        before.streams,
        before.end_ns,
    )
    assert after.recovered.lost_s == 0


def test_damaged_episode_file_is_restored_from_the_journal(dataset):
    before = read_infos(dataset)
    (dataset / "episodes/000000" / EPISODE_FILE).write_text("{")
    report = repaired(dataset)
    assert report.whole
    assert "restored from the journal" in report.mended[0]
    assert read_infos(dataset) == before


def test_episode_file_changed_by_hand_is_used_and_told_once(dataset):
    path = dataset / "episodes/000000" / EPISODE_FILE
    path.write_text(path.read_text().replace('"close_laptop"', '"open_laptop"'))
    report = repaired(dataset)
    assert report.noticed == [
        "episode 0: episode.json was changed after it was sealed (task); it is used as it is now"
    ]
    assert read_infos(dataset)[0].task == "open_laptop"
    assert repair(dataset).noticed == []


def test_missing_dataset_file_is_restored(dataset):
    (dataset / DATASET_FILE).unlink()
    assert "restored" in repaired(dataset).mended[0]
    open_store(dataset).close()


def test_dataset_that_is_recorded_is_not_repaired(dataset, capsys):
    with open_store(dataset) as store:
        take = store.begin(take_start())
        with pytest.raises(DatasetBusy, match=f"being recorded by process {os.getpid()}"):
            repair(dataset)
        assert main([str(dataset)]) == 2
        assert "being recorded" in capsys.readouterr().err
        write_messages(take, 0.2)
        store.save(take, END)


def test_recorder_repairs_its_own_dataset_between_takes(dataset):
    leave_unsealed(dataset)
    with open_store(dataset) as store:
        assert repair_store(store).recovered[0].index == 2
        assert store.unsealed() == []
        assert len(store.episodes()) == 3


def test_repair_leaves_the_running_take_alone(dataset):
    with open_store(dataset) as store:
        take = store.begin(take_start())
        write_messages(take, 0.2)
        assert repair_store(store).recovered == []
        assert store.save(take, END).outcome == "success"


def test_folder_that_is_no_dataset_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is no dataset" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path / "absent")]) == 2
    with pytest.raises(SystemExit) as exit_code:
        main([])
    assert exit_code.value.code == 2


def test_command_tells_people_and_programs(dataset, capsys):
    leave_unsealed(dataset)
    assert main([str(dataset)]) == 0
    assert "episode 2 (close_laptop): recovered, 0.2 s, unjudged" in capsys.readouterr().out
    with open_store(dataset) as store:
        store.begin(take_start())
    assert main([str(dataset), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["sealed"], report["whole"]) == (3, False)
    assert report["quarantined"][0]["folder"] == "quarantine/000003"
    assert main([str(dataset), "--json"]) == 0


def test_read_only_dataset_cannot_be_repaired(dataset, monkeypatch):
    real = os.open

    def read_only(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(30, "Read-only file system", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(DatasetError, match="Read-only"):
        repair(dataset)


@pytest.mark.parametrize("step", range(1, 40, 2))
def test_repair_on_a_full_disk_changes_nothing_for_the_worse(dataset, step):
    leave_unsealed(dataset)
    with full_disk(step) as failures:
        try:
            said = repair(dataset).failed
        except DatasetError as error:
            said = [str(error)]
    assert bool(failures) >= bool(said)
    assert all("No space left" in text for text in said)
    assert repair(dataset).sealed == 3
    assert_whole(dataset)


def test_file_that_may_not_grow_is_told_and_repaired(dataset):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
            with open_store(dataset) as store:
                take = store.begin(take_start())
                try:
                    for _ in range(20):
                        write_messages(take, 0.1)
                        take.writer.flush()
                except RecordingFailed as error:
                    status = 0 if "File too large: free some space" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    report = repaired(dataset)
    assert [episode.index for episode in report.recovered] == [2]


def taking(copy, end):
    """Records a take; the file `flushed` is there when its messages are on the disk."""
    store = open_store(copy)
    take = store.begin(take_start())
    write_messages(take, 0.2)
    take.writer.flush()
    (copy.parent / f"{copy.name}.flushed").touch()
    end(store, take)


def every_step(dataset, work, check, tmp_path):
    """Kills work at every step, repairs, and checks; a fresh copy of the dataset each time."""
    step = 0
    while True:
        step += 1
        copy = Path(shutil.copytree(dataset, tmp_path / f"step{step}"))
        killed = killed_at(step, work(copy))
        check(copy, killed)
        shutil.rmtree(copy)
        if not killed:
            return step


def test_kill_at_any_step_of_a_take_keeps_what_was_on_the_disk(dataset, tmp_path):
    before, outcomes = snapshot(dataset), set()

    def check(copy, killed):
        flushed = (copy.parent / f"{copy.name}.flushed").exists()
        repaired(copy)
        after = snapshot(copy)
        assert {name: after[name] for name in before} == before
        if flushed:
            info = read_infos(copy)[2]
            outcomes.add(info.outcome)
            assert info.streams["/left/follower/joint_states"].count == JOINTS
            assert killed or info.recovered is None
        with open_store(copy) as store:
            assert store.begin(take_start()).index >= len(after)

    steps = every_step(
        dataset,
        lambda copy: lambda: taking(copy, lambda store, take: store.save(take, END)),
        check,
        tmp_path,
    )
    assert steps > 40
    assert outcomes == {"success", "unjudged"}


def test_discarded_take_never_comes_back(dataset, tmp_path):
    vanished = []

    def check(copy, killed):
        flushed = (copy.parent / f"{copy.name}.flushed").exists()
        there = [path.name for path in unsealed_folders(copy)]
        report = repaired(copy)
        assert {f"{episode.index:06d}" for episode in report.recovered} <= {*there}
        if flushed and not there:
            vanished.append(killed)
            assert len(read_infos(copy)) == 2
            assert read_journal(copy).last_event(2).event == "discarded"
        assert killed or flushed

    every_step(
        dataset,
        lambda copy: lambda: taking(copy, lambda store, take: store.discard(take)),
        check,
        tmp_path,
    )
    assert vanished.count(True) > 3
    assert vanished[-1] is False


def test_kill_during_delete_and_undo_keeps_the_episode(dataset, tmp_path):
    def work(copy):
        def run():
            store = open_store(copy)
            store.delete_last("carrots_to_bowls")
            store.undo_delete()
            store.delete_last("carrots_to_bowls")

        return run

    def check(copy, killed):
        repaired(copy)
        with open_store(copy) as store:
            there = [info.index for info in store.episodes()]
            trash = [path.name for path in (copy / "trash").iterdir()]
            assert (there, trash) in (([0, 1], []), ([0], ["000001"]))
            if trash:
                assert store.undo_delete().index == 1
            assert len(store.episodes()) == 2

    every_step(dataset, work, check, tmp_path)


def test_kill_during_a_change_leaves_the_old_or_the_new(dataset, tmp_path):
    before = read_infos(dataset)[0]

    def work(copy):
        return lambda: open_store(copy).amend(0, outcome="failure")

    def check(copy, killed):
        repaired(copy)
        info = read_infos(copy)[0]
        assert info in (before, before.model_copy(update={"outcome": "failure"}))
        assert killed or info.outcome == "failure"

    every_step(dataset, work, check, tmp_path)


def test_kill_during_a_repair_is_repaired(dataset, tmp_path):
    leave_unsealed(dataset)
    damaged = dataset / "episodes/000001" / MCAP_FILE
    data = bytearray(damaged.read_bytes())
    data[-20] ^= 1
    damaged.write_bytes(data)
    (dataset / "episodes/000000" / EPISODE_FILE).write_text("")
    whole = Path(shutil.copytree(dataset, tmp_path / "whole"))
    repair(whole)
    streams = [info.streams for info in read_infos(whole)]

    def check(copy, killed):
        repaired(copy)
        assert [info.streams for info in read_infos(copy)] == streams
        kept = copy / "quarantine/000001-damaged"
        assert (kept / MCAP_FILE).read_bytes() == data
        assert (kept / "why.txt").exists()

    every_step(dataset, lambda copy: lambda: repair(copy), check, tmp_path)


def record_for_ever(dataset, acknowledge):
    """What a busy session does; each line is written when the store has answered."""
    mcap_writer.CHUNK_SECONDS = 0.005
    store = open_store(dataset)
    round_ = 0
    while True:
        round_ += 1
        take = store.begin(take_start())
        acknowledge(f"begun {take.index}")
        write_messages(take, 0.1)
        acknowledge(f"written {take.index}")
        if round_ % 3 == 0:
            store.discard(take)
            acknowledge(f"discarded {take.index}")
            continue
        store.save(take, END)
        acknowledge(f"saved {take.index}")
        if round_ % 4 == 0:
            acknowledge("deleting -1")
            acknowledge(f"deleted {store.delete_last('close_laptop').index}")
            acknowledge(f"restored {store.undo_delete().index}")


def killed_after(dataset, lines):
    """Kills a recorder when it has said so many lines; what it had said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            record_for_ever(dataset, lambda line: os.write(write, line.encode() + b"\n"))
        finally:
            os._exit(1)
    os.close(write)
    said = []
    with os.fdopen(read, "r") as pipe:
        for line in pipe:
            said.append(line.split())
            if len(said) == lines:
                os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    return [(verb, int(index)) for verb, index in said]


def test_thirty_kills_at_random_moments_lose_no_episode(dataset):
    chosen = random.Random(5)
    saved, gone, begun = {0, 1}, set(), set()
    for _ in range(30):
        for verb, index in killed_after(dataset, chosen.randint(1, 25)):
            if verb == "begun":
                assert index not in begun
                begun.add(index)
            elif verb == "discarded":
                gone.add(index)
            elif verb in ("saved", "restored"):
                saved.add(index)
            elif verb == "deleting":
                saved.discard(max(saved))
        report = repair(dataset)
        # Killed before the first message, or even before there was a file for it.
        nothing = re.compile("no message|nothing had been recorded")
        assert all(nothing.search(q.reason) for q in report.quarantined), report.quarantined
        assert not report.failed
        assert_whole(dataset)
        there = {info.index for info in read_infos(dataset)}
        assert saved <= there
        assert not gone & there
        trash = {int(path.name) for path in (dataset / "trash").iterdir()}
        assert not trash & there
        saved = there
    assert repair(dataset).lines()[0] == "nothing to repair"
    assert len(saved) > 10
    assert (dataset / JOURNAL_NAME).stat().st_size
    assert all(read_info(folder).index in saved for folder in episode_folders(dataset))
