import json
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import vega_sim  # noqa: F401  registers the environments
from gymnasium.utils.env_checker import check_env
from vega_sim import demos, operators
from vega_sim.play import main as play_main
from vega_sim.render import RenderError
from vega_sim.tasks import built_tasks
from vega_sim.twin import CommandError, Twin

import hw_config
from benches.twin import run_seed

from .conftest import assert_operator_is_smooth

HW = hw_config.load()


@pytest.fixture(scope="module")
def twin():
    made = Twin("close_laptop")
    yield made
    made.close()


@pytest.fixture(scope="module")
def hard_twin():
    made = Twin("close_laptop", "hard")
    yield made
    made.close()


def test_the_arms_start_at_home_and_stay_there(twin):
    twin.reset(0)
    assert twin.time_s == 0.0
    twin.step(200)
    assert twin.positions() == pytest.approx(HW.home, abs=2e-3)
    assert twin.velocities() == pytest.approx(np.zeros(14), abs=1e-3)


def test_the_arms_follow_a_command_in_every_joint(twin):
    twin.reset(0)
    target = np.array(HW.home) + np.tile([0.2, -0.2, 0.2, 0.2, -0.2, 0.2, 0.02], 2)
    twin.command(target)
    twin.step(400)
    assert twin.positions() == pytest.approx(target, abs=5e-3)


def test_a_command_outside_the_limits_stops_at_the_limit(twin):
    twin.reset(0)
    target = np.array(HW.home)
    target[[6, 13]] = 0.5
    target[0] = 9.0
    twin.command(target)
    twin.step(1200)
    assert twin.positions()[6] == pytest.approx(HW.limits.upper[6], abs=2e-3)
    assert twin.positions()[0] <= HW.limits.upper[0] + 5e-3


def test_the_servos_keep_the_arms_speed_limit(twin):
    twin.reset(0)
    twin.command(np.array(HW.home) + np.tile([1.5, 0, 0, 0, 0, 0, 0], 2))
    speeds = []
    for _ in range(200):
        twin.step(1)
        speeds.append(np.abs(twin.velocities()[[0, 7]]).max())
    assert 2.0 < max(speeds) < 3.3


@pytest.mark.parametrize("bad", [np.full(14, np.nan), np.zeros(13), [np.inf] * 14])
def test_a_malformed_command_is_refused_and_the_former_target_stays(twin, bad):
    twin.reset(0)
    with pytest.raises(CommandError):
        twin.command(bad)
    twin.step(100)
    assert twin.positions() == pytest.approx(HW.home, abs=2e-3)


@pytest.mark.parametrize("variant", ["easy", "hard"])
def test_the_same_seed_gives_the_same_episode_bit_for_bit(twin, hard_twin, variant):
    used = {"easy": twin, "hard": hard_twin}[variant]
    fresh = Twin("close_laptop", variant)
    used.reset(99)  # what came before must not matter
    results = []
    for one in (used, fresh):
        one.reset(5)
        operator = operators.make("close_laptop")
        operator.reset(one)
        for _ in range(40):
            one.advance(operator.act(one))
        results.append((one.world.data.qpos.copy(), [one.render(c) for c in HW.cameras]))
    fresh.close()
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


def test_different_seeds_place_the_laptop_differently(twin):
    places = []
    for seed in (1, 2):
        twin.reset(seed)
        places.append(twin.world.pose("laptop"))
    assert not np.allclose(places[0], places[1], atol=1e-3)


def test_a_laptop_that_is_left_alone_stays_open(twin):
    twin.reset(3)
    before = twin.world.angle("laptop_hinge")
    twin.step(4000)
    assert twin.world.angle("laptop_hinge") == pytest.approx(before, abs=np.deg2rad(5))
    assert not twin.success()
    assert not any(twin.milestones().values())


def test_success_needs_a_closed_lid_on_a_laptop_that_was_not_pushed_away(twin):
    twin.reset(3)
    world = twin.world
    pose = world.pose("laptop")
    world.set_angle("laptop_hinge", np.deg2rad(20))
    twin.step(1)
    assert not twin.success()
    assert twin.milestones()["folded"]
    world.set_angle("laptop_hinge", np.deg2rad(5))
    twin.step(1)
    assert twin.success()
    assert twin.milestones()["closed"]
    world.place("laptop", pose[:3, 3] + (0.10, 0, 0), (0, 0, np.arctan2(pose[1, 0], pose[0, 0])))
    twin.step(1)
    assert not twin.success()
    assert "pushed away" in twin.progress()


@pytest.mark.parametrize("task", built_tasks())
def test_milestones_are_those_that_the_task_s_card_names(task):
    twin = Twin(task)
    twin.reset(0)
    assert tuple(twin.milestones()) == twin.task.config.milestones


@pytest.mark.parametrize("seed", range(5))
def test_the_operator_closes_the_laptop(twin, seed):
    assert run_seed(twin, seed) is not None


def test_the_operator_is_smooth(twin):
    assert_operator_is_smooth(twin, 150)


def test_an_operator_of_another_task_is_refused(twin):
    with pytest.raises(ValueError, match="close_laptop"):
        operators.make("carrots_to_bowls").reset(twin)


def test_labels_show_the_laptop_and_both_arms(twin):
    twin.reset(0)
    depth, labels = twin.render_labels("head", 64, 64)
    seen = {twin.class_names[i] for i in np.unique(labels)}
    assert {"table", "left_arm", "right_arm", "laptop_base", "laptop_lid"} <= seen
    assert 0.3 < depth.min() < depth.max() < 5.0


def test_depth_and_camera_pose_give_the_height_of_the_table(twin):
    twin.reset(0)
    size = 64
    depth, labels = twin.render_labels("head", size, size)
    row, column = np.argwhere(labels == twin.class_names.index("table"))[200]
    camera = HW.cameras["head"]
    half = np.tan(np.deg2rad(camera.vertical_fov_deg) / 2)
    across = ((column + 0.5) / size * 2 - 1) * half * camera.width / camera.height
    down = ((row + 0.5) / size * 2 - 1) * half
    point = twin.camera_pose("head") @ np.append(
        depth[row, column] * np.array([across, down, 1]), 1
    )
    assert point[2] == pytest.approx(twin.world.table_z, abs=5e-3)


def test_an_image_larger_than_the_frame_buffer_is_refused(twin):
    with pytest.raises(RenderError, match="640x480"):
        twin.render("head", 720, 1280)


@pytest.mark.parametrize("task", built_tasks())
def test_environments_keep_gymnasiums_contract(task):
    env = gymnasium.make(hw_config.load_task(task).env_id, cameras=())
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_an_episode_is_truncated_at_the_time_limit():
    env = gymnasium.make("vega_sim/CloseLaptop-v0", cameras=())
    env.reset(seed=0)
    action = np.array(HW.home, np.float32)
    steps, terminated, truncated = 0, False, False
    while not (terminated or truncated):
        _, _, terminated, truncated, info = env.step(action)
        steps += 1
    assert not terminated
    assert steps == 375
    assert info["time_s"] == pytest.approx(15.0)


def test_a_camera_observation_is_a_full_image():
    env = gymnasium.make("vega_sim/CloseLaptop-v0", cameras=("left_wrist",))
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"state", "left_wrist"}
    assert observation["left_wrist"].shape == (480, 640, 3)
    env.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "open_laptop"}, "close_laptop"),
        ({"task": "close_laptop", "variant": "medium"}, "easy, hard"),
        ({"task": "close_laptop", "cameras": ("belly",)}, "left_wrist"),
    ],
)
def test_unknown_names_are_answered_with_the_valid_ones(arguments, words):
    from vega_sim.envs import TwinEnv

    with pytest.raises(hw_config.ConfigError, match=words):
        TwinEnv(**arguments)


def test_a_fourth_camera_is_rendered_when_cameras_yaml_names_it(tmp_path, monkeypatch):
    source = Path(hw_config.__file__).parent
    cell = shutil.copytree(source, tmp_path / "cell", ignore=shutil.ignore_patterns("*.py"))
    text = (cell / "cameras.yaml").read_text()
    head = text[text.index("  head:") : text.index("  left_wrist:")]
    rear = head.replace("head", "rear").replace("cam_high", "cam_rear").replace("01", "04")
    rear = rear.replace("rpy: [0.0, 0.80, 0.0]", "rpy: [0.0, 0.60, 0.4]") + "    width: 800\n"
    (cell / "cameras.yaml").write_text(text.replace("width:", rear + "width:", 1))
    monkeypatch.setenv("VEGA_HW_CONFIG", str(cell))
    env = gymnasium.make("vega_sim/CloseLaptop-v0", render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert list(observation) == ["state", "head", "left_wrist", "right_wrist", "rear"]
    assert observation["rear"].shape == (480, 800, 3)
    assert observation["rear"].std() > 5.0
    assert (observation["rear"][:, :640] != observation["head"]).any()
    assert env.render().shape == (480, 3 * 640 + 800, 3)
    assert env.metadata["render_fps"] == 25
    env.close()


def test_recording_keeps_whole_episodes_and_goes_on_where_it_stopped(tmp_path, capsys):
    arguments = ["--episodes", "1", "--seed", "1000", "--out", str(tmp_path), "--image-every", "40"]
    assert demos.main(arguments) == 0
    (file,) = tmp_path.iterdir()
    with np.load(file) as episode:
        steps, images = len(episode["state"]), len(episode["image_index"])
        assert episode["state"].shape == episode["action"].shape == (steps, 14)
        assert episode["state"].dtype == episode["action"].dtype == np.float32
        assert episode["images"].shape == (images, 3, 256, 256, 3)
        assert episode["depth"].shape == episode["segmentation"].shape == (images, 3, 64, 64)
        assert episode["camera_pose"].shape == (images, 3, 4, 4)
        assert (np.diff(episode["image_index"]) == 40).all()
        metadata = json.loads(str(episode["metadata"]))
    assert metadata["joint_names"] == list(HW.joint_names)
    assert metadata["camera_names"] == list(HW.cameras)
    assert metadata["instruction"] == "close the laptop"
    stamp = file.stat().st_mtime_ns
    capsys.readouterr()
    assert demos.main(arguments) == 0
    assert file.stat().st_mtime_ns == stamp
    assert "seed 1000" not in capsys.readouterr().out


def test_the_recorded_action_is_free_of_the_disturbance(twin):
    quiet, noisy = (demos.record_episode(twin, 1000, 50, noise) for noise in (0.0, 1.0))
    for episode in (quiet, noisy):
        left = episode["action"][25:, :6]  # the idle arm's target, once it has come home
        assert np.abs(left - np.array(HW.home[:6])).max() < 0.02
    wobble = np.abs(noisy["state"][25:, :6] - np.array(HW.home[:6])).max()
    assert wobble > 0.01 > np.abs(quiet["state"][25:, :6] - np.array(HW.home[:6])).max()


def test_playing_an_unknown_task_names_the_valid_ones(capsys):
    assert play_main(["--task", "juggle"]) == 2
    assert "close_laptop" in capsys.readouterr().err
