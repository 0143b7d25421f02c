"""One episode through the launched system, from the command to its figures."""

import json
import signal

import av
import pytest
from system import launched

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
}
CAMERAS = {"head", "left_wrist", "right_wrist"}


@pytest.fixture(scope="module")
def episode(checkpoint, cell, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "episode"
    arguments = [f"checkpoint:={checkpoint}", f"output:={folder}", "seed:=3"]
    with launched(*arguments, environment=cell(time_limit_s=5.0)) as system:
        code = system.wait()
        left = system.processes()
    return code, left, system, folder


@pytest.fixture(scope="module")
def summary(episode):
    return json.loads((episode[3] / "summary.json").read_text())


def test_an_episode_that_was_carried_out_ends_well(episode):
    code, left, system, _ = episode
    assert code == 0, system.text
    assert not left
    assert system.count("Traceback|has died") == 0, system.text


def test_progress_is_told_and_the_result_is_one_line(episode):
    _, _, system, folder = episode
    assert system.count(r"\b[1-4] s  .*real-time factor") >= 3, system.text
    (result,) = [line for line in system.lines if "RESULT" in line]
    assert "RESULT close_laptop (easy, seed 3): failure after 5." in result
    assert str(folder) in result


def test_the_summary_has_every_figure(summary):
    assert set(summary) >= KEYS
    assert (summary["task"], summary["variant"], summary["seed"]) == ("close_laptop", "easy", 3)
    assert summary["success"] is False
    assert summary["policy_steps"] == pytest.approx(125, abs=3)
    assert summary["sim_s"] == pytest.approx(5.0, abs=0.2)
    assert 0.0 < summary["real_time_factor"] <= 1.05
    assert summary["inference_ms"]["p50"] > 0.0


def test_cameras_reach_the_policy_at_rate_and_whole(summary):
    assert set(summary["camera_hz"]) == set(summary["dropped_frames"]) == CAMERAS
    assert min(summary["camera_hz"].values()) >= 25.0
    frames = 30.0 * summary["sim_s"]
    assert max(summary["dropped_frames"].values()) < 0.01 * frames


def test_joints_and_commands_keep_their_rates_in_ros_time(summary):
    assert summary["joint_state_hz"] == pytest.approx(200.0, rel=0.05)
    assert summary["command_hz"] == pytest.approx(25.0, rel=0.02)
    assert summary["command_jitter_ms"]["p95"] < 10.0
    assert summary["refused"] == 0


def test_the_video_shows_three_cameras_for_the_whole_episode(episode):
    with av.open(str(episode[3] / "episode.mp4")) as file:
        frames = list(file.decode(video=0))
    assert (frames[0].width, frames[0].height > 240) == (3 * 320, True)  # over a caption
    assert frames[-1].time == pytest.approx(5.0 + 1.5, abs=0.3)  # while it says how it ended
    assert frames[-1].to_ndarray(format="rgb24").std() > 10.0


def test_every_node_left_its_log(episode):
    assert len(list((episode[3] / "logs").glob("*.log"))) >= 5


def test_an_unknown_task_is_refused_before_anything_starts(tmp_path):
    with launched("task:=fold_towel", f"output:={tmp_path / 'run'}") as system:
        assert system.wait() != 0
        assert system.count("Valid options are: .*close_laptop.*handover_cucumber"), system.text
        assert system.count("process started") == 0
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("robot:=real", "robot:=real: no CAN interface can_left, can_right .*run .*doctor"),
        ("seed:=-1", "seed:=-1: expected a whole number"),
        ("checkpoint:=/nowhere", "checkpoint:=/nowhere: expected a folder with a policy.yaml"),
    ],
)
def test_an_argument_that_cannot_work_is_refused_before_anything_starts(tmp_path, argument, says):
    with launched(argument, f"output:={tmp_path}") as system:
        assert system.wait() != 0
        assert system.count(says) == 1, system.text
        assert system.count("process started") == 0


def test_a_stop_while_starting_leaves_nothing(checkpoint, tmp_path):
    with launched(f"checkpoint:={checkpoint}", f"output:={tmp_path / 'run'}") as system:
        system.wait_for_line("episode_node.*process started")
        system.stop(signal.SIGINT)
        assert not system.processes()
