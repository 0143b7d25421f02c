import json

import pytest
from vega_eval.episode.episode_state_machine import EpisodeOutcome, EpisodeScene
from vega_eval.episode.summary import (
    CameraCount,
    EpisodeEnding,
    EpisodeRecord,
    result_line,
    summarise,
    write_json,
)
from vega_eval.scoring import trial_figures

KEYS = {
    "task",
    "variant",
    "seed",
    "success",
    "policy_steps",
    "sim_s",
    "wall_s",
    "real_time_factor",
    "camera_hz",
    "dropped_frames",
    "joint_state_hz",
    "command_hz",
    "command_jitter_ms",
    "observation_age_ms",
    "inference_ms",
    "clamped",
    "refused",
    "holds",
    "held_s",
}


def ending(outcome=EpisodeOutcome.SUCCESS, reason="", sim_s=6.4, wall_s=8.0):
    return EpisodeEnding(EpisodeScene("close_laptop", "easy", 0), outcome, reason, sim_s, wall_s)


def record():
    return EpisodeRecord(
        control_hz=25.0,
        step_times_s=[0.04 * k for k in range(160)] + [6.41],
        joint_times_s={"left": [0.005 * k for k in range(401)], "right": [0.0, 0.01, 0.02]},
        camera_counts={"head": [CameraCount(1.0, 10, 1), CameraCount(3.0, 70, 3)]},
        observation_age_ms=[10.0, 20.0, 30.0],
        inference_ms=[100.0],
        clamped=[5, 9],
        refused=[1, 1],
        milestones={"touched": True},
    )


def test_an_empty_episode_has_every_key_and_no_invented_figure():
    summary = summarise(
        ending(EpisodeOutcome.ABORTED, "no clock", 0.0, 0.0), EpisodeRecord(25.0), {}
    )
    assert set(summary) >= KEYS
    assert summary["real_time_factor"] is None
    assert summary["joint_state_hz"] is None
    assert summary["command_jitter_ms"] == {"p50": None, "p95": None}
    json.dumps(summary)


def test_figures_are_those_of_the_record():
    summary = summarise(ending(), record(), {"checkpoint": "models/twin"})
    assert summary["success"] is True
    assert summary["real_time_factor"] == 0.8
    assert summary["camera_hz"] == {"head": 30.0}
    assert summary["dropped_frames"] == {"head": 2}
    assert summary["joint_state_hz"] == 100.0  # the slower arm
    assert summary["command_hz"] == pytest.approx(25.0, abs=0.1)
    assert summary["policy_steps"] == 161
    assert summary["observation_age_ms"] == {"p50": 20.0, "p95": 29.0}
    assert (summary["clamped"], summary["refused"]) == (4, 0)
    assert summary["checkpoint"] == "models/twin"


def test_holds_and_the_time_held_are_counted():
    held = record()
    held.step_times_s, held.holds = [1.0, 1.04], [2, 3, 4]
    for was_held, since_s, now_s in [
        (True, 0.5, 0.9),  # before the first step
        (True, 0.9, 1.1),  # of which a tenth of a second after it
        (False, 1.1, 1.2),
        (True, 1.2, 1.3),
        (True, 1.3, 1.2),  # time was set back
    ]:
        held.note_gate(was_held, since_s, now_s)
    summary = summarise(ending(), held, {})
    assert (summary["holds"], summary["held_s"]) == (2, 0.2)
    assert trial_figures(held, 1.0, 1.0).held_s == 0.2


def test_jitter_is_the_distance_from_the_nominal_period():
    late = EpisodeRecord(25.0, step_times_s=[0.0, 0.04, 0.09, 0.12])
    assert summarise(ending(), late, {})["command_jitter_ms"]["p50"] == 10.0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ending(),
            "RESULT close_laptop (easy, seed 0): success after 6.4 s, 161 policy steps, "
            "real-time factor 0.80 -> runs/a",
        ),
        (
            ending(EpisodeOutcome.ABORTED, "time has stood still for 10 s", 0.0, 0.0),
            "RESULT close_laptop (easy, seed 0): aborted before it started "
            "(time has stood still for 10 s), 161 policy steps -> runs/a",
        ),
    ],
)
def test_the_result_is_one_line(given, says):
    assert result_line(given, 161, "runs/a") == says


def test_a_json_file_is_written_whole(tmp_path):
    write_json(tmp_path / "summary.json", {"a": 1})
    assert json.loads((tmp_path / "summary.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_an_episode_that_nobody_judged_is_neither_success_nor_failure():
    unjudged = EpisodeEnding(
        EpisodeScene("close_laptop"), EpisodeOutcome.UNJUDGED, "time limit", 15.0, 15.0
    )
    assert summarise(unjudged, record(), {})["success"] is None
    line = result_line(unjudged, 375, "runs/x")
    assert line.startswith("RESULT close_laptop: unjudged after 15.0 s (time limit), 375 policy")


def test_where_time_is_the_system_s_the_twin_tells_its_speed():
    slow = EpisodeEnding(
        EpisodeScene("close_laptop", "easy", 0),
        EpisodeOutcome.SUCCESS,
        "",
        6.0,
        6.0,
        twin_speed=0.7,
    )
    assert summarise(slow, record(), {})["real_time_factor"] == 0.7
    assert "real-time factor 0.70" in result_line(slow, 150, "runs/x")
