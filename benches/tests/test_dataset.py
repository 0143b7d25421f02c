"""The figures of a recorded dataset, on synthetic episodes whose faults are known."""

import json

import pytest

from benches.dataset import main
from teleop.tests.episodes import Faults, make_episode, open_store


def figures_of(folder, *faults):
    """Of a dataset with one episode for each of these."""
    with open_store(folder / "set") as store:
        for number, fault in enumerate(faults):
            make_episode(store, 2.0, phase=number, faults=fault)
    code = main([str(folder / "set"), "--check", "--workers", "1", "--json", str(folder / "f")])
    (figures,) = json.loads((folder / "f").read_text())
    return code, figures


def test_a_good_dataset_meets_all(tmp_path, capsys):
    code, figures = figures_of(tmp_path, Faults(), Faults())
    assert (code, figures["missed"]) == (0, [])
    assert (figures["episodes"], figures["outcomes"]) == (2, {"success": 2})
    assert figures["at_most"]["camera_skew_p95_s"] == pytest.approx(1 / 60)
    assert "2 episodes, 2 success" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("faults", "missed"),
    [
        (Faults(dropped_frames={"head": (5, 6, 20)}), "missing_share"),
        # Each of the two is near to the head camera's image, but not to the other's.
        (Faults(camera_late_s={"left_wrist": 0.01, "right_wrist": -0.01}), "camera_skew_p95_s"),
        (Faults(joints_silent={"left": (0.3, 1.0)}), "joint_skew_p95_s"),
    ],
)
def test_what_is_missed_is_named(tmp_path, capsys, faults, missed):
    code, figures = figures_of(tmp_path, Faults(), faults)
    assert code == 1
    assert missed in figures["missed"]
    assert figures[missed] > figures["at_most"][missed]
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert any(line[0] == missed and line[-1] == "MISSED" for line in shown)


def test_missing_images_are_counted_over_all_episodes(tmp_path):
    _, figures = figures_of(tmp_path, Faults(), Faults(dropped_frames={"head": (5, 6, 20)}))
    assert figures["missing"]["head camera"] == 3
    assert figures["missing_share"] == pytest.approx(3 / figures["expected"]["head camera"])


def test_a_folder_without_episodes_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is no dataset" in capsys.readouterr().err
    open_store(tmp_path / "set").close()
    assert main([str(tmp_path / "set")]) == 2
    assert "no sealed episode" in capsys.readouterr().err
