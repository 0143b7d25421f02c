"""A session of demonstrations through the launched system, with everything that goes wrong."""

import re
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from system import Terminal, launched, probing
from vega_msgs.msg import TeleopState
from vega_runtime import qos

import hw_config
from teleop.dataset.episode import DatasetLayout
from teleop.dataset.layout import read_infos, unsealed_folders
from teleop.dataset.reader import open_episode
from teleop.dataset.store import Store

LAUNCH = "teleop.launch.py"
session = partial(launched, file=LAUNCH)
# Everything the twin needs time for; a busy computer takes its own.
LONG_S = 240.0
# Of a recording: its header with all definitions and a second of images or more.
TAKE_BYTES = 400_000


@pytest.fixture(scope="module")
def slow_cell(cell):
    """Cameras at 10 Hz: for tests of what happens, not of how fast."""
    return cell(fps=10, max_image_gap_s=0.25)


@pytest.fixture(scope="module")
def patient_cell(cell):
    """A take is bad only when a camera is silent, not when the machine is busy."""
    return cell(
        fps=10,
        rate_tolerance=0.9,
        max_missing_images=0.9,
        max_image_gap_s=3.0,
        max_state_gap_s=3.0,
        max_camera_skew_s=3.0,
        max_joint_skew_s=3.0,
        max_delay_s=30.0,
    )


def on_the_disk(system, dataset, index):
    """Something of the running take is to be on the disk."""
    system.wait_for_file(f"recording/{index:06d}/episode.mcap", dataset, TAKE_BYTES, LONG_S)


@pytest.fixture(scope="module")
def three_launches(slow_cell, tmp_path_factory):
    """Three episodes: the first launch is interrupted, the recorder of the second is killed."""
    folder = tmp_path_factory.mktemp("demonstrations")
    given = ["episodes:=3", f"dataset:={folder / 'set'}", f"output:={folder / 'logs'}"]
    said, codes, left = [], [], []
    with session(*given, environment=slow_cell) as system:
        system.wait_for_line("episode 0 is saved", LONG_S)
        system.wait_for_line("episode 1 is being recorded", LONG_S)
        on_the_disk(system, folder / "set", 1)
        system.stop(signal.SIGINT)
        said.append(system)
        left.append(system.processes())
    with session(*given, environment=slow_cell) as system:
        system.wait_for_line("episode 2 is being recorded", LONG_S)
        on_the_disk(system, folder / "set", 2)
        system.kill("recorder_node", "recorder")
        codes.append(system.wait(LONG_S))
        said.append(system)
        left.append(system.processes())
    with session(*given, environment=slow_cell) as system:
        codes.append(system.wait(LONG_S))
        said.append(system)
        left.append(system.processes())
    return folder / "set", said, codes, left


def test_an_interrupted_session_asks_nothing_and_says_what_became_of_the_take(three_launches):
    _, (first, *_), _, left = three_launches
    assert first.count(r"1/3 episodes of close_laptop.* Episode 1 was cut off after") == 1
    assert first.count("the next launch recovers it") == 1, first.text
    assert first.count("Traceback") == 0, first.text
    assert left == [{}, {}, {}]


def test_the_next_launch_recovers_it_and_goes_on_at_the_next_index(three_launches):
    _, (_, second, _), _, _ = three_launches
    assert second.count(r"episode 1 \(close_laptop\): recovered") == 1, second.text
    assert second.count("does not count yet: episode 1") >= 1
    assert second.count("episode 2 is being recorded") == 1


def test_a_recorder_that_is_killed_takes_the_stack_down_with_a_sentence(three_launches):
    _, (_, second, _), codes, _ = three_launches
    assert codes[0] != 0
    assert second.count("recorder_node.* died .*recovered when the same command is given") == 1


def test_the_session_is_completed_and_nothing_is_lost(three_launches):
    folder, (_, _, third), codes, _ = three_launches
    assert codes[1] == 0, third.text
    assert third.count("RESULT close_laptop .easy.: 2 episodes recorded in .* 3/3") == 1, third.text
    infos = read_infos(folder)
    assert [info.outcome for info in infos].count("success") >= 3
    assert len({info.index for info in infos}) == len(infos)
    recovered = [info for info in infos if info.recovered]
    assert {info.index for info in recovered} <= {1, 2}
    assert all(info.outcome == "unjudged" for info in recovered)
    assert unsealed_folders(folder) == []


def test_every_sealed_episode_is_whole_and_says_where_things_lay(three_launches):
    folder, *_ = three_launches
    placements = set()
    for info in read_infos(folder):
        with open_episode(folder / "episodes" / f"{info.index:06d}", verify=True) as episode:
            joints = episode.joints("right", "leader")
            assert joints is not None
            assert len(joints.stamps_ns) > 100
        assert (info.operator, info.robot) == ("scripted", "sim")
        if info.outcome == "success":
            assert not info.problems
            placements.add((tuple(info.placement["cell"]), info.placement["seed"]))
    assert len(placements) == len({cell for cell, _ in placements}), "a cell came twice"


def test_with_a_bus_for_each_leader_the_gate_forwards_and_its_commands_are_recorded(cell, tmp_path):
    environment = cell(fps=10, max_image_gap_s=0.25, topology="bus_per_arm")
    arms = Path(environment["VEGA_HW_CONFIG"]) / "arms.yaml"
    arms.write_text(
        re.sub(r"(?m)^( +)can: can_(\w+)$", r"\g<0>\n\1leader_can: lead_\2", arms.read_text())
    )
    given = ["episodes:=1", f"dataset:={tmp_path / 'set'}", f"output:={tmp_path / 'logs'}"]
    with session(*given, environment=environment) as system:
        assert system.wait(LONG_S) == 0, system.text
        assert system.count("the leaders lead") >= 1
    (info,) = read_infos(tmp_path / "set")
    assert (info.topology, info.outcome) == ("bus_per_arm", "success")
    with open_episode(tmp_path / "set" / "episodes" / f"{info.index:06d}") as episode:
        commands, leader = episode.commands("right"), episode.joints("right", "leader")
        assert commands is not None
        assert leader is not None
        assert np.ptp(commands.position[:, 1]) == pytest.approx(
            np.ptp(leader.position[:, 1]), abs=0.1
        )


def refusal(says, *arguments, environment=None):
    with session(*arguments, environment=environment) as system:
        assert system.wait() != 0
        assert system.count(says) == 1, system.text
        assert system.count("process started") == 0


def test_an_unknown_task_is_refused(tmp_path):
    with session("task:=fold_towel", f"dataset:={tmp_path / 'set'}") as system:
        assert system.wait() != 0
        assert system.count("Valid options are: .*close_laptop"), system.text
        assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("operator:=scriptd", "did you mean operator:=scripted"),
        ("episodes:=many", "episodes:=many: expected a whole number from 1"),
        ("datset:=x", "did you mean dataset:="),
    ],
)
def test_an_argument_that_cannot_work_is_refused(tmp_path, argument, says):
    refusal(says, argument, f"dataset:={tmp_path / 'set'}", f"output:={tmp_path / 'logs'}")


@pytest.mark.parametrize(
    ("operator", "says"),
    [("operator:=scripted", "only the twin has such an operator"), ("operator:=", "who leads")],
)
def test_the_real_robot_wants_a_person(tmp_path, operator, says):
    refusal(says, "robot:=real", operator, f"dataset:={tmp_path / 'set'}")


def test_a_dataset_that_somebody_records_into_is_refused(tmp_path):
    with Store.open(tmp_path / "set", DatasetLayout.of(hw_config.load())):
        refusal("dataset:=.*record", f"dataset:={tmp_path / 'set'}", f"output:={tmp_path / 'o'}")


def test_a_dataset_of_other_joints_is_refused(tmp_path):
    layout = DatasetLayout.of(hw_config.load())
    other = layout.model_copy(update={"cameras": {**layout.cameras, "head": "cam_top"}})
    Store.open(tmp_path / "set", other).close()
    refusal("have cameras .*cam_top", f"dataset:={tmp_path / 'set'}", f"output:={tmp_path / 'o'}")


def test_a_person_at_the_keys_is_told_of_a_bad_take_at_once(patient_cell, tmp_path):
    given = ["operator:=Ada", "episodes:=5", f"dataset:={tmp_path / 'set'}"]
    with session(*given, f"output:={tmp_path / 'o'}", environment=patient_cell) as system:
        terminal = Terminal(system.domain, "vega_teleop", "keys")
        with probing(system) as probe:
            states = probe.listen(TeleopState, "teleop/state", qos.LATCHED)

            def until(words):
                shown = terminal.shows(words)
                probe.until(shown, lambda: f"{words!r} in {terminal.text}", LONG_S)

            def phase(wanted):
                probe.until(lambda: states and states[-1].phase == wanted, f"phase {wanted}")

            until("s start")
            until("READY      0/5")
            until("place seed")
            probe.until(
                lambda: states and "seed 6:" in states[-1].placement, "the least covered cell"
            )
            first = states[-1].placement
            terminal.press("\x7f")
            until("! nothing to delete: no episode of close_laptop is saved")
            terminal.press("\r")
            until("! nothing to save: no take runs; start one (s)")
            terminal.press("s")
            until("RECORDING  0/5  episode 0 is being recorded")
            probe.until(lambda: states[-1].take_s > 1.5, "a second and a half")
            terminal.press("\r")
            until("episode 0 is saved")
            phase(TeleopState.READY)
            assert states[-1].placement != first, "the scene was not reset"

            terminal.press("s")
            phase(TeleopState.RECORDING)
            probe.until(lambda: states[-1].take_s > 1.5, "a second and a half")
            probe.inject("camera_silent", "head")
            # Whatever else may be wrong by then is told in the same line.
            until(re.compile("BAD TAKE: .*no image of the head camera"))
            terminal.press("\r")
            until("! this take is bad")
            terminal.press("nlid slipped\r")
            until("noted of episode 1: lid slipped")
            terminal.press("d")
            until("episode 1 is discarded")
            probe.inject("none")
            until("READY      1/5")
            terminal.press("\x7f")
            until("episode 0 is deleted; undo (u); 0/5")
            terminal.press("uu")
            until("episode 0 is back; 1/5")
        assert terminal.close() == 0
        system.stop(signal.SIGINT)
        assert system.count(r"\[ERROR\].*BAD TAKE: no image of the head camera") == 1
        assert system.count("1/5 episodes of close_laptop") >= 1, system.text
    (info,) = read_infos(tmp_path / "set")
    assert info.operator == "Ada"
