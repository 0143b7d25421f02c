"""Folders that people rename, swap and copy by hand: no episode is lost, each has its name back."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from teleop.check import main as check
from teleop.dataset.episode import EPISODE_FILE, MCAP_FILE, TAKE_FILE
from teleop.dataset.layout import episode_folders, unsealed_folders
from teleop.dataset.reader import open_episode
from teleop.dataset.store import read_infos
from teleop.errors import EpisodeDamaged
from teleop.export.__main__ import main as export
from teleop.repair import names
from teleop.repair.__main__ import main as repair_command
from teleop.repair.repair import repair
from teleop.tests.crashes import killed_at
from teleop.tests.episodes import START_NS, make_episode, open_store, take_start, write_messages

COUNT = 4


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "data"
    with open_store(folder) as store:
        for number in range(COUNT):
            make_episode(store, 1.0, phase=0.7 * number)
    return folder


@pytest.fixture
def dataset(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "data"))


def folder(dataset, name):
    return dataset / "episodes" / name


def digests(dataset):
    return {info.index: info.mcap.sha256 for info in read_infos(dataset)}


def repaired(dataset):
    """The report of a repair after which every episode is whole and a second one does nothing."""
    report = repair(dataset)
    for path in episode_folders(dataset):
        open_episode(path, verify=True).close()
    again = repair(dataset)
    assert [again.recovered, again.quarantined, again.mended, again.failed] == [[]] * 4
    return report


def swap(dataset):
    folder(dataset, "000001").rename(folder(dataset, "x"))
    folder(dataset, "000002").rename(folder(dataset, "000001"))
    folder(dataset, "x").rename(folder(dataset, "000002"))


def rotate(dataset):
    for number in reversed(range(COUNT)):
        folder(dataset, f"{number:06d}").rename(folder(dataset, f"{number + 1:06d}"))


RENAMED = {
    "one": lambda d: folder(d, "000003").rename(folder(d, "000009")),
    "fewer digits": lambda d: folder(d, "000003").rename(folder(d, "3")),
    "swapped": swap,
    "all by one": rotate,
}


@pytest.mark.parametrize("name", RENAMED)
def test_a_renamed_episode_gets_its_name_back(name, dataset, template, tmp_path, capsys):
    RENAMED[name](dataset)
    if name != "fewer digits":
        assert check([str(dataset), "--workers", "1"]) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "the folder was renamed" in said
        assert f"-> run python -m teleop.repair {dataset}" in said
    assert repair_command([str(dataset)]) == 0
    assert "it has its name back" in capsys.readouterr().out
    assert digests(dataset) == digests(template)
    assert check([str(dataset), "--workers", "1"]) == 0
    out = str(tmp_path / "out")
    assert export([str(dataset), "--format", "lerobot", "--out", out, "--workers", "1"]) == 0
    repaired(dataset)


def test_a_renamed_episode_without_its_description_is_known_by_its_recording(dataset, template):
    folder(dataset, "000003").rename(folder(dataset, "000007"))
    (folder(dataset, "000007") / EPISODE_FILE).unlink()
    assert repaired(dataset).whole
    assert digests(dataset) == digests(template)


@pytest.mark.parametrize("name", ["000009", "000000"])
def test_a_copy_goes_into_quarantine_and_says_so(name, dataset, template):
    if folder(dataset, name).exists():  # over another one, which is elsewhere
        folder(dataset, name).rename(folder(dataset, "000008"))
    shutil.copytree(folder(dataset, "000002"), folder(dataset, name))
    report = repaired(dataset)
    assert digests(dataset) == digests(template)
    [aside] = report.quarantined
    assert f"episodes/{name}, which says so too, is a copy of it" in aside.reason
    assert (dataset / aside.folder / MCAP_FILE).is_file()
    assert "episode 2 is there" in (dataset / aside.folder / "why.txt").read_text()


def test_a_copy_of_a_damaged_episode_takes_its_place(dataset, template):
    shutil.copytree(folder(dataset, "000002"), folder(dataset, "000009"))
    path = folder(dataset, "000002") / MCAP_FILE
    path.write_bytes(path.read_bytes()[:-5000])
    report = repaired(dataset)
    assert digests(dataset) == digests(template)
    assert "is not what was sealed" in report.quarantined[0].reason


@pytest.mark.parametrize(("name", "number"), [("000100", 100), ("000002", 51)])
def test_an_episode_of_another_dataset_gets_a_number_of_its_own(name, number, dataset, tmp_path):
    before = digests(dataset)
    with open_store(tmp_path / "other") as store:
        other = make_episode(store, 1.0, phase=5.0)  # its episode 0
    if folder(dataset, name).exists():
        folder(dataset, name).rename(folder(dataset, "000050"))
    shutil.copytree(tmp_path / "other" / "episodes" / "000000", folder(dataset, name))
    report = repaired(dataset)
    assert report.whole
    assert digests(dataset) == {**before, number: other.mcap.sha256}
    assert f"it is episode {number} now" in " ".join(report.mended)
    with open_store(dataset) as store:
        assert store.begin(take_start()).index == number + 1


@pytest.mark.parametrize("name", ["000001_good", "000001.renamed", "copy of 1"])
def test_an_episode_under_any_other_name_is_neither_lost_nor_left_out_silently(
    name, dataset, template, tmp_path, capsys
):
    folder(dataset, "000001").rename(folder(dataset, name))
    assert check([str(dataset), "--workers", "1"]) == 0
    assert f"without the name of an episode: {name}" in capsys.readouterr().out
    command = [str(dataset), "--format", "lerobot", "--out", str(tmp_path / "out"), "--workers"]
    assert export([*command, "1"]) == 1
    assert f"episodes/{name} holds an episode but has not the name of" in capsys.readouterr().err
    assert export([*command, "1", "--skip-damaged"]) == 0
    assert repaired(dataset).noticed == []
    assert digests(dataset) == digests(template)


def test_a_folder_that_holds_no_episode_is_told_and_left_as_it_is(dataset, tmp_path):
    folder(dataset, "notes").mkdir()
    assert "episodes/notes" in repaired(dataset).noticed[0]
    out = str(tmp_path / "out")
    assert export([str(dataset), "--format", "lerobot", "--out", out, "--workers", "1"]) == 0


def unreadable(monkeypatch, *paths):
    """Reading these files fails, as from a bad sector."""
    opened = Path.open

    def refuse(path, *args, **options):
        if path in paths:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)


def test_a_bad_sector_costs_the_repair_of_its_folder_alone(dataset, template, monkeypatch):
    swap(dataset)
    shutil.copytree(folder(dataset, "000000"), folder(dataset, "000009"))
    copied = folder(dataset, "000000") / MCAP_FILE
    (folder(dataset, "000003") / EPISODE_FILE).unlink()
    with monkeypatch.context() as patch:
        unreadable(patch, copied, folder(dataset, "000003") / MCAP_FILE)
        report = repair(dataset)
    assert sorted(text.split(":")[0] for text in report.failed) == [
        *("episodes/000000", "episodes/000003", "episodes/000009")
    ]
    assert "Input/output error" in report.failed[0]
    assert len(report.mended) == 2  # those that were swapped
    repaired(dataset)
    assert digests(dataset) == digests(template)


def test_a_folder_that_cannot_be_moved_costs_nothing_else(dataset, template, monkeypatch):
    rotate(dataset)
    move = names.move

    def refuse(source, target):
        if source.name == "000002":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        move(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(names, "move", refuse)
        report = repair(dataset)
    assert any(text.startswith("episodes/000002: could not be rep") for text in report.failed)
    assert report.quarantined == []
    repaired(dataset)
    assert digests(dataset) == digests(template)


def test_a_file_that_cannot_be_opened_is_damage_of_its_episode(dataset, tmp_path, monkeypatch):
    unreadable(monkeypatch, folder(dataset, "000002") / MCAP_FILE)
    with pytest.raises(EpisodeDamaged, match=r"cannot be read \(Input/output error\): run "):
        open_episode(folder(dataset, "000002"))
    out = str(tmp_path / "out")
    command = [str(dataset), "--format", "lerobot", "--out", out, "--workers", "1"]
    assert export([*command, "--skip-damaged"]) == 0


def test_a_copy_of_a_take_never_becomes_the_deleted_episode_of_its_folder(dataset):
    with open_store(dataset) as store:
        assert store.delete_last("close_laptop").index == COUNT - 1
        write_messages(store.begin(take_start(task="carrots_to_bowls")), 0.2)
    [take] = unsealed_folders(dataset)
    shutil.rmtree(dataset / "trash" / f"{COUNT - 1:06d}")
    shutil.copytree(take, take.with_name(f"{COUNT - 1:06d}"))
    shutil.copytree(take, take.with_name("000012"))
    report = repair(dataset)
    assert [(each.index, each.task) for each in report.recovered] == [(COUNT, "carrots_to_bowls")]
    assert {each.reason for each in report.quarantined} == {f"episode {COUNT} is there already"}
    assert len(report.quarantined) == 2
    repaired(dataset)


def test_a_take_without_description_in_the_folder_of_a_deleted_episode_is_not_that(dataset):
    number = f"{COUNT - 1:06d}"
    with open_store(dataset) as store:
        store.delete_last("close_laptop")
        start = take_start(task="carrots_to_bowls", start_ns=START_NS + 10**12)
        write_messages(store.begin(start), 0.2)
    [take] = unsealed_folders(dataset)
    (take / TAKE_FILE).unlink()
    shutil.rmtree(dataset / "trash" / number)
    take.rename(take.with_name(number))
    report = repaired(dataset)
    assert [(each.index, each.task) for each in report.recovered] == [(3, "carrots_to_bowls")]


def test_a_take_that_was_renamed_before_it_was_repaired_is_that_take(dataset):
    with open_store(dataset) as store:
        write_messages(store.begin(take_start()), 0.2)
    [take] = unsealed_folders(dataset)
    take.rename(take.with_name("000042"))
    assert [each.index for each in repaired(dataset).recovered] == [COUNT]


def test_a_take_that_was_renamed_and_lost_its_description_keeps_its_new_number(dataset):
    with open_store(dataset) as store:
        write_messages(store.begin(take_start()), 0.2)
    [take] = unsealed_folders(dataset)
    (take / TAKE_FILE).unlink()
    take.rename(take.with_name("000042"))
    assert [each.index for each in repaired(dataset).recovered] == [42]


def test_kill_at_any_step_of_renaming_loses_nothing(dataset, template, tmp_path):
    rotate(dataset)
    shutil.copytree(folder(dataset, "000002"), folder(dataset, "000077"))
    step, killed = 0, True
    while killed:
        step += 1
        copy = Path(shutil.copytree(dataset, tmp_path / f"step{step}"))
        killed = killed_at(step, lambda copy=copy: repair(copy))
        repaired(copy)
        assert digests(copy) == digests(template)
        shutil.rmtree(copy)
    assert step > 10


def test_what_was_said_of_an_episode_goes_with_it(dataset):
    path = folder(dataset, "000001") / EPISODE_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "outcome": "failure"}))
    swap(dataset)
    repaired(dataset)
    assert read_infos(dataset)[1].outcome == "failure"
