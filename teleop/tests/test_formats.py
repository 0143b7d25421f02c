"""Formats of exports and imports that are registered from outside."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from teleop.convert.__main__ import main as convert
from teleop.convert.formats import FORMATS as IMPORTS
from teleop.convert.streams import Series, SourceEpisode, regular_stamps
from teleop.dataset.reader import open_episode
from teleop.export.__main__ import main as export
from teleop.export.demonstration import ExportError, StepImage
from teleop.export.formats import FORMATS as EXPORTS
from teleop.export.formats import Exported
from teleop.export.readback import compare
from teleop.tests.episodes import make_episode, open_store


class Arrays:
    """One .npz file an episode."""

    title = "Arrays"
    provenance = "origin.json"
    leader_ahead = 0
    many_tasks = True

    def colour(self, plan):
        return "RGB"

    def bytes_needed(self, layout, steps, plan):
        return 0

    def write(self, folder, layout, demonstrations, plan, workers):
        from teleop.export.images import rgb

        for number, each in enumerate(demonstrations):
            images = {camera: [] for camera in layout.cameras}
            for shown in each.images.read():
                images[shown.camera].append(rgb(shown.image))
            np.savez(folder / f"{number}.npz", state=each.state, action=each.action, **images)
            yield ""

    def read_back(self, out, cameras):
        for number in range(len(list(out.glob("*.npz")))):
            file = np.load(out / f"{number}.npz")
            shown = {camera: enumerate(file[camera]) for camera in cameras}
            yield Exported(file["state"], file["action"], shown)


class Random:
    """Images drawn at once, for a source without files of its own."""

    actions = ("follower",)
    gripper_scale = 1.0
    options = frozenset()

    def episodes(self, folder, options):
        return [(0, folder / "0"), (1, folder / "1")]

    def without_leader(self, folder, options):
        return ""

    def read(self, number, path, options):
        stamps = regular_stamps(6, 10.0)
        state = np.full((6, 14), 0.01 * number, np.float32)
        images = DrawnImages({"cam_high": stamps}, {})
        series = Series(stamps, state)
        return SourceEpisode(
            str(path), str(number), options.task, "move", 10.0, series, None, images, {}
        )


@dataclass(frozen=True)
class DrawnImages:
    stamps_ns: dict
    rows: dict

    def chosen(self, rows):
        return DrawnImages(self.stamps_ns, rows)

    def read(self):
        for camera, rows in self.rows.items():
            for step, row in enumerate(rows):
                yield StepImage(camera, step, np.full((48, 64, 3), 40 * row, np.uint8), row)


@pytest.fixture
def arrays():
    EXPORTS.register("arrays", Arrays())
    yield
    EXPORTS.unregister("arrays")


@pytest.fixture
def random_source():
    IMPORTS.register("random", Random())
    yield
    IMPORTS.unregister("random")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "dataset"
    with open_store(folder) as store:
        make_episode(store, 1.2)
        make_episode(store, 1.0, phase=0.7)
    return folder


def test_an_export_format_from_outside(arrays, dataset, tmp_path):
    out = tmp_path / "out"
    assert export([str(dataset), "--format", "arrays", "--out", str(out), "--workers", "1"]) == 0
    assert json.loads((out / "origin.json").read_text())["colour"] == "RGB"
    fidelity = compare(out, "arrays")
    assert fidelity.joint_error == 0.0
    assert fidelity.stamp_error <= 0.5 + 1e-6
    assert fidelity.colour_error <= 1.0


def test_an_import_format_from_outside(random_source, tmp_path):
    out = tmp_path / "out"
    command = [str(tmp_path), str(out), "--from", "random", "--task", "t", "--workers", "1"]
    assert convert(command) == 0
    assert json.loads((out / "meta/info.json").read_text())["total_frames"] == 10


@pytest.mark.parametrize(
    ("formats", "known"),
    [(EXPORTS, "lerobot, hdf5"), (IMPORTS, "cobot_magic, robotwin")],
)
def test_unknown_and_double_names_say_what_there_is(formats, known):
    with pytest.raises(ExportError, match=f"'zip'; there are: {known}"):
        formats.get("zip")
    with pytest.raises(ExportError, match="registered twice"):
        formats.register(known.split(", ")[0], object())


def test_an_unknown_format_on_the_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        export([str(tmp_path), "--format", "zip", "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "'lerobot', 'hdf5'" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["lerobot", "hdf5"])
def test_an_episode_is_opened_twice_and_indexed_once(form, dataset, tmp_path, monkeypatch):
    """Once to prepare it and once, perhaps in another process, to read its images."""
    opened, indexed = [], []

    def counted(folder, verify=False):
        recorded = open_episode(folder, verify)
        opened.append(folder)
        index = recorded._index
        recorded._index = lambda: (recorded._messages is None and indexed.append(1), index())[1]
        return recorded

    monkeypatch.setattr("teleop.export.recording.open_episode", counted)
    out = tmp_path / "out"
    assert export([str(dataset), "--format", form, "--out", str(out), "--workers", "1"]) == 0
    assert (len(opened), len(indexed)) == (4, 2)
