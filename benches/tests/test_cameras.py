"""The benchmark measures what it says; how fast a machine is, is no test."""

from __future__ import annotations

import json
import subprocess
import sys

import hw_config
from benches import cameras as bench


def test_it_measures_every_camera_and_writes_the_figures(tmp_path, child_environment):
    file = tmp_path / "cameras.json"
    command = [sys.executable, "-m", "benches.cameras", "--duration", "1.5", "--json", str(file)]
    done = subprocess.run(command, env=child_environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert list(figures["cameras"]) == list(hw_config.load().cameras)
    for name, row in figures["cameras"].items():
        assert row["frames"] > 1
        assert 0.0 < row["age_ms_median"] <= row["age_ms_p95"] <= row["age_ms_max"]
        assert f"{name}: frames {row['frames']}" in told
    assert 0.0 < figures["cpu_share_driver_and_software_cameras"] < 2.0


def figures(**changes):
    good = {"frames": 1800, "rate_hz": 30.0, "lost": 0, "age_ms_p95": 4.0}
    cameras = {name: dict(good) for name in hw_config.load().cameras}
    cameras["head"].update(changes)
    return {"cameras": cameras}


def test_the_check_names_what_is_missed():
    assert bench.problems(figures()) == []
    assert bench.problems(figures(lost=2)) == ["head: 2 frames lost"]
    assert "29.00 Hz, 30 Hz are required" in bench.problems(figures(rate_hz=29.0))[0]
    assert "p95 of the age is 15.0 ms" in bench.problems(figures(age_ms_p95=15.0))[0]
    missing = figures()
    del missing["cameras"]["left_wrist"]
    assert bench.problems(missing) == ["left_wrist: no frames"]
