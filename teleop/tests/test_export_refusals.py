"""What the check calls an error is not exported, and one bad episode does not stop the others."""

import json

import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from teleop.check import main as check
from teleop.convert.__main__ import main as convert
from teleop.dataset.episode import TakeEnd
from teleop.export.__main__ import main
from teleop.tests import episodes
from teleop.tests.episodes import START_NS, Faults, make_episode, open_store, take_start
from vega_core.stamps import NS

ORIGINAL_POSITIONS, ORIGINAL_IMAGE = episodes.positions, episodes.camera_jpeg
FORMS = [["lerobot"], ["hdf5"], ["hdf5", "--compress"]]
STEP_OF_IMAGE_7 = "step 6 (image 7)"  # at 25 of 30 a second


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Records three episodes of which the second is bad; an edit of its images or joints."""

    def made(faults=episodes.NO_FAULTS, image=None, position=None, **how):
        folder = tmp_path / "dataset"
        with open_store(folder) as store:
            for number in range(3):
                bad = number == 1
                with monkeypatch.context() as patch:
                    if bad and image is not None:
                        patch.setattr(episodes, "camera_jpeg", image)
                    if bad and position is not None:
                        patch.setattr(episodes, "positions", position)
                    usual = {"phase": 0.7 * number, "start_ns": START_NS + number * 60 * NS}
                    make_episode(
                        store, 2.0, **{**usual, **({"faults": faults, **how} if bad else {})}
                    )
        return folder

    return made


def export(dataset, out, form, *options):
    return main(
        [str(dataset), "--format", *form, "--out", str(out), "--workers", "1", *map(str, options)]
    )


def provenance(out):
    return json.loads(next(out.rglob("provenance.json")).read_text())


def lengths(out, form):
    if form[0] == "lerobot":
        rows = pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet")
        return rows["length"].to_pylist()
    files = sorted(path.name for path in out.glob("*.hdf5"))
    assert files == [f"episode_{number}.hdf5" for number in range(len(files))]
    found = []
    for name in files:
        with h5py.File(out / name) as file:
            found.append(len(file["action"]))
    return found


def broken_image(number, made):
    """Images of which one of the head camera is another."""

    def image(camera, at, width=160, height=120):
        jpeg = ORIGINAL_IMAGE(camera, at, width, height)
        return made(jpeg) if (camera, at) == ("head", number) else jpeg

    return image


def without_its_tables(jpeg):
    """Its size, beginning and end are those of a JPEG file, and nothing can be made of it."""
    at = jpeg.index(b"\xff\xc4") + 4
    return jpeg[:at] + b"\xff" * 20 + jpeg[at + 20 :]


def of_other_size(jpeg):
    return cv2.imencode(".jpg", np.full((240, 320, 3), 90, np.uint8))[1].tobytes()


def not_a_number(arm, times, phase=0.0):
    rows = ORIGINAL_POSITIONS(arm, times, phase)
    rows[100, 2] = np.nan
    return rows


def leap(arm, times, phase=0.0):
    rows = ORIGINAL_POSITIONS(arm, times, phase)
    rows[200:, 1] += 0.6
    return rows


BAD = {
    "clock set back": ({"faults": Faults(clock_step_ns=-2 * NS)}, "stamps: "),
    "clock set back a little": ({"faults": Faults(clock_step_ns=-NS // 4)}, "stamps: "),
    "clock set forward": ({"faults": Faults(clock_step_ns=2 * NS)}, "gap: "),
    "half the rate": ({"faults": Faults(dropped_frames={"head": range(1, 60, 2)})}, "rate: "),
    "drift": ({"faults": Faults(joint_offset={"left": 0.3})}, "drift: "),
    "nothing moves": ({"faults": Faults(idle_s=2.0)}, "idle: "),
    "no camera": ({"faults": Faults(missing_cameras=("left_wrist",))}, "missing-camera: "),
    "no number": ({"position": not_a_number}, "not-finite: "),
    "leap": ({"position": leap}, "jump: "),
    "no JPEG": ({"image": broken_image(7, lambda _: b"nothing")}, "the first is image 7"),
    "no bytes": ({"image": broken_image(7, lambda _: b"")}, "the first is image 7"),
    "half a JPEG": ({"image": broken_image(7, lambda j: j[: len(j) // 2])}, "image 7"),
    "other size": ({"image": broken_image(7, of_other_size)}, "first other one is image 7"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_check_calls_an_error_is_refused_by_name_or_left_out(
    name, recorded, tmp_path, capsys
):
    how, text = BAD[name]
    dataset, out = recorded(**how), tmp_path / "out"
    assert check([str(dataset), "--workers", "1"]) == 1
    capsys.readouterr()
    assert export(dataset, out, ["hdf5"]) == 1
    said = capsys.readouterr().err
    assert f"{dataset}/episodes/000001: " in said
    assert text in said
    assert f"python -m teleop.check {dataset}" in said
    assert not out.exists()
    assert export(dataset, out, ["hdf5"], "--skip-damaged") == 0
    assert [each["index"] for each in provenance(out)["episodes"]] == [0, 2]
    assert text in provenance(out)["skipped"][0]


def test_an_error_that_somebody_has_looked_at_is_exported_when_it_is_named(recorded, tmp_path):
    dataset = recorded(Faults(idle_s=2.0))
    assert export(dataset, tmp_path / "no", ["hdf5"], "--accept", "jump") == 1
    assert export(dataset, tmp_path / "out", ["hdf5"], "--accept", "idle") == 0
    assert provenance(tmp_path / "out")["accepted"] == ["idle"]
    assert len(provenance(tmp_path / "out")["episodes"]) == 3


def test_a_check_that_there_is_not_cannot_be_accepted(recorded, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        export(recorded(), tmp_path / "out", ["hdf5"], "--accept", "limit")
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "joint-order" in said
    assert "got limit" in said


@pytest.mark.parametrize("text", ["", "close\nit", "close\u200bit"])
def test_an_instruction_that_no_policy_can_be_told_is_refused(text, tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, instruction=text)
        make_episode(store, instruction="close it\n", phase=1.0)
    dataset, out = tmp_path / "dataset", tmp_path / "out"
    assert export(dataset, out, ["lerobot"]) == 1
    said = capsys.readouterr().err
    assert "episodes/000000: its instruction cannot be told to a policy (" in said
    assert export(dataset, out, ["lerobot"], "--skip-damaged") == 0
    [told] = pq.read_table(next(out.glob("meta/episodes/**/*.parquet"))).column("tasks").to_pylist()
    assert told == ["close it"]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_an_image_that_only_decoding_shows_to_be_bad_costs_its_episode_alone(
    form, recorded, tmp_path, capsys
):
    """The check decodes five a second."""
    dataset = recorded(image=broken_image(7, without_its_tables))
    out = tmp_path / "out"
    assert export(dataset, out, form) == 1
    said = capsys.readouterr().err
    assert f"{dataset}/episodes/000001: cam_high, {STEP_OF_IMAGE_7}: " in said
    assert "--skip-damaged" in said
    assert not out.exists()
    assert not list(tmp_path.glob(".*partial"))
    assert export(dataset, out, form, "--skip-damaged", "--workers", "2") == 0
    assert len(set(lengths(out, form))) == 1
    assert [each["index"] for each in provenance(out)["episodes"]] == [0, 2]
    assert f"cam_high, {STEP_OF_IMAGE_7}" in provenance(out)["skipped"][0]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_when_nothing_is_left_nothing_is_written(form, recorded, tmp_path, capsys):
    dataset = recorded()
    bad = broken_image(7, without_its_tables)
    with open_store(tmp_path / "bad") as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(episodes, "camera_jpeg", bad)
        make_episode(store, 2.0)
    assert export(tmp_path / "bad", tmp_path / "out", form, "--skip-damaged") == 1
    assert "no episode can be exported" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert export(dataset, tmp_path / "out", form) == 0


def test_an_episode_without_any_message_is_named(recorded, tmp_path, capsys):
    dataset = recorded()
    with open_store(dataset) as store:
        store.save(store.begin(take_start()), TakeEnd(end_ns=START_NS + NS, outcome="success"))
    assert check([str(dataset), "--workers", "1"]) == 1
    assert "ERROR   episode 3" in capsys.readouterr().out
    assert export(dataset, tmp_path / "no", ["lerobot"]) == 1
    assert "episodes/000003: missing-camera: " in capsys.readouterr().err
    assert export(dataset, tmp_path / "out", ["lerobot"], "--skip-damaged") == 0


def test_copies_are_left_out_too(recorded, tmp_path, capsys):
    dataset = recorded(phase=0.0)  # as the first one
    assert export(dataset, tmp_path / "out", ["hdf5"], "--skip-damaged") == 0
    assert "000001: duplicate: its joint states are" in provenance(tmp_path / "out")["skipped"][0]
    command = [str(dataset), str(dataset), "--format", "hdf5", "--skip-damaged", "--workers", "1"]
    assert main([*command, "--out", str(tmp_path / "twice")]) == 0
    assert len(provenance(tmp_path / "twice")["episodes"]) == 2
    assert "is a copy of" in capsys.readouterr().err


def test_each_episode_is_left_out_once_with_all_its_reasons(tmp_path, capsys):
    with open_store(tmp_path / "dataset") as store:
        make_episode(store, 1.0)
        for number in range(2):
            take = store.begin(take_start())
            episodes.write_messages(take, 1.0, phase=1.0 + number)
            end = {"end_ns": START_NS + NS, "outcome": "failure", "problems": ("too dark",)}
            store.save(take, TakeEnd.model_validate(end))
        make_episode(store, 1.0, phase=3.0, outcome="failure")
    assert export(tmp_path / "dataset", tmp_path / "out", ["hdf5"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out")]
    assert said == [
        "left out: 1 failure (--include failure)",
        "left out: 2 failure and problems (--include failure problems)",
    ]
    assert check([str(tmp_path / "dataset"), "--workers", "1"]) == 0
    assert "3 of the 4 episodes out: 1 failure, 2 failure and problems" in capsys.readouterr().out
    assert export(tmp_path / "dataset", tmp_path / "all", ["hdf5"], "--include", "failure") == 0
    assert len(provenance(tmp_path / "all")["episodes"]) == 2


@pytest.mark.parametrize("damage", ["garbage", "other size", "cut"])
def test_a_converted_set_loses_the_damaged_episode_alone(damage, recorded, tmp_path, capsys):
    source, out = tmp_path / "hdf5", tmp_path / "out"
    assert export(recorded(), source, ["hdf5", "--compress"], "--action", "leader") == 0
    with h5py.File(source / "episode_1.hdf5", "r+") as file:
        images = file["observations/images/cam_left_wrist"]
        row = images[20]
        if damage == "garbage":
            row[2:] = 0
        elif damage == "cut":
            row[len(row) // 3 :] = 0
        else:
            jpeg = np.frombuffer(of_other_size(b""), np.uint8)
            row[:] = 0
            row[: len(jpeg)] = jpeg[: len(row)]
        images[20] = row
    command = [str(source), str(out), "--from", "cobot_magic", "--task", "close_laptop"]
    assert convert([*command, "--workers", "1"]) == 1
    said = capsys.readouterr().err
    assert f"{source}/episode_1.hdf5: cam_left_wrist, step 19 (image 20): " in said
    assert not out.exists()
    assert convert([*command, "--workers", "1", "--skip-damaged"]) == 0
    assert len(lengths(out, ["lerobot"])) == 2
    assert "cam_left_wrist, step 19 (image 20)" in provenance(out)["skipped"][0]
