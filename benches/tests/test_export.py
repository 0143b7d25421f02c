"""The bench of exports finds what it looks for."""

import json
import shutil

import h5py
import numpy as np
import pytest

from benches.export import MOST, main
from teleop.export.__main__ import main as export
from teleop.export.readback import compare
from teleop.tests.episodes import make_episode, open_store


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "set"
    with open_store(folder) as store:
        for phase in range(2):
            make_episode(store, 2.0, phase=phase)
    return folder


@pytest.fixture(scope="module")
def exported(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "hdf5"
    assert export([str(dataset), "--format", "hdf5", "--out", str(out), "--workers", "1"]) == 0
    return out


def test_every_format_is_true_to_the_recording(dataset, tmp_path, capsys):
    main([str(dataset), "--workers", "1", "--json", str(tmp_path / "figures")])
    results = json.loads((tmp_path / "figures").read_text())["results"]
    assert [each["format"] for each in results] == ["lerobot", "hdf5, JPEG", "hdf5"]
    for each in results:
        assert not {*each["missed"]} - {"times_real_time"}
        assert (each["joint_error"], each["colour_error"] <= MOST.colour_error) == (0.0, True)
        assert 0.3 < each["stamp_error"] <= MOST.stamp_error + 1e-6
    assert "lerobot: " in capsys.readouterr().out


def swap_colours(file):
    images = file["observations/images/cam_high"]
    images[...] = images[()][..., ::-1]


def shift_pictures(file):
    images = file["observations/images/cam_left_wrist"]
    images[...] = np.roll(images[()], 3, axis=0)


def nudge_a_joint(file):
    file["action"][7, 3] += np.float32(1e-5)


@pytest.mark.parametrize(
    ("spoil", "figure"),
    [
        (swap_colours, "colour_error"),
        (shift_pictures, "colour_error"),
        (nudge_a_joint, "joint_error"),
    ],
)
def test_what_is_not_what_was_recorded_shows(exported, tmp_path, spoil, figure):
    copy = shutil.copytree(exported, tmp_path / "copy")
    with h5py.File(copy / "episode_1.hdf5", "r+") as file:
        spoil(file)
    assert getattr(compare(exported, "hdf5"), figure) <= getattr(MOST, figure)
    assert getattr(compare(copy, "hdf5"), figure) > getattr(MOST, figure)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is no dataset" in capsys.readouterr().err
