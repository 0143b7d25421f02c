import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from vega_sim import operators
from vega_sim.tasks.flowers_to_vase import SIDES, VASE_HEIGHT
from vega_sim.twin import Twin

import hw_config
from benches.twin import run_seed

TASK = "flowers_to_vase"
HW = hw_config.load()


def operator_of(twin, seed):
    twin.reset(seed)
    operator = operators.make(TASK)
    operator.reset(twin)
    return operator


def put_into_vase(twin, side):
    x, y, z = twin.world.pose("vase")[:3, 3]
    twin.world.place(f"flower_{side}", (x, y + 0.008 * SIDES[side], z + VASE_HEIGHT - 0.09))


@pytest.fixture(scope="module")
def episode(twin):
    """One episode of the operator, played on for 2 s after its success."""
    operator = operator_of(twin, 4)
    hands = [[f"{side}_{part}" for part in ("link6", "finger1", "finger2")] for side in SIDES]
    actions, phases, hands_met = [], [], False
    while not twin.success():
        assert twin.time_s < hw_config.load_task(TASK).time_limit_s, operator.phases
        actions.append(operator.act(twin))
        twin.advance(actions[-1])
        phases.append(operator.phases)
        hands_met |= any(twin.world.touching(*pair) for pair in itertools.product(*hands))
    for _ in range(50):
        twin.advance(operator.act(twin))
    return SimpleNamespace(
        actions=actions, phases=phases, hands_met=hands_met, still_success=twin.success()
    )


@pytest.mark.parametrize("seed", range(2))
def test_the_operator_puts_both_flowers_into_the_vase(twin, seed):
    assert run_seed(twin, seed) is not None


def test_the_operator_copes_with_the_hard_variant(hard_twin):
    assert run_seed(hard_twin, 0) is not None


def test_flowers_that_are_left_alone_stay_in_their_stands(twin):
    twin.reset(3)
    before = [twin.world.pose(f"flower_{side}") for side in SIDES]
    twin.step(2000)
    after = [twin.world.pose(f"flower_{side}") for side in SIDES]
    assert np.allclose(before, after, atol=3e-3)
    assert not any(twin.milestones().values())


def test_success_needs_both_flowers_in_an_upright_vase(twin):
    twin.reset(0)
    put_into_vase(twin, "left")
    twin.step(800)
    assert twin.milestones()["left_in_vase"]
    assert not twin.milestones()["right_in_vase"]
    assert not twin.success()
    put_into_vase(twin, "right")
    twin.step(800)
    assert twin.success()
    assert all(twin.milestones().values())
    x, y, z = twin.world.pose("vase")[:3, 3]
    twin.world.place("vase", (x, y, z + 0.05), (0, np.pi / 2, 0))
    twin.step(1)
    assert not twin.success()
    assert "vase fell over" in twin.progress()


def test_a_flower_in_the_vase_counts_once_it_was_let_go(twin):
    operator = operator_of(twin, 0)
    put_into_vase(twin, "right")
    while operator.phases["left"] != "open":
        twin.advance(operator.act(twin))
    assert twin.milestones()["left_in_vase"]
    assert not twin.success()
    while not twin.success():
        twin.advance(operator.act(twin))
    assert not any(twin.world.touching(f"left_finger{n}", "flower_left") for n in (1, 2))


def test_a_flower_beside_the_vase_does_not_count(twin):
    twin.reset(0)
    x, y, z = twin.world.pose("vase")[:3, 3]
    twin.world.place("flower_left", (x - 0.08, y, z + 0.005), (0, np.deg2rad(30), 0))
    twin.step(1)
    assert not twin.milestones()["left_in_vase"]


def test_a_flower_that_slips_out_of_the_hand_is_picked_up_again(twin):
    operator = operator_of(twin, 2)
    while operator.phases["left"] != "turn":
        twin.advance(operator.act(twin))
    x, y, yaw = 0.47, 0.22, -0.3
    twin.world.place("flower_left", (x, y, twin.world.table_z + 0.02), (0, np.deg2rad(50), yaw))
    twin.world.place("stand_left", (x, y, twin.world.table_z + 0.001), (0, 0, yaw))
    seen = set()
    while not twin.success() and twin.time_s < 25.0:
        twin.advance(operator.act(twin))
        seen.add(operator.phases["left"])
    assert {"above", "close"} <= seen
    assert twin.success()


def test_the_arms_take_turns_at_the_vase(episode):
    neck = {"over", "lower", "open", "away"}
    assert not any(set(phases.values()) <= neck for phases in episode.phases)
    assert not episode.hands_met


def test_a_flower_stands_in_the_vase_for_good(episode):
    assert episode.still_success


def test_the_operator_is_smooth(episode):
    speed = np.abs(np.diff(episode.actions, axis=0)) * HW.rates.control_hz
    assert np.delete(speed, [6, 13], axis=1).max() <= 1.5
    assert speed[:, [6, 13]].max() <= HW.limits.velocity[6]


@pytest.mark.parametrize("variant", ["easy", "hard"])
def test_the_same_seed_gives_the_same_episode_bit_for_bit(twin, hard_twin, variant):
    used = {"easy": twin, "hard": hard_twin}[variant]
    fresh = Twin(TASK, variant)
    used.reset(99)  # what came before must not matter
    results = []
    for one in (used, fresh):
        operator = operator_of(one, 5)
        for _ in range(80):
            one.advance(operator.act(one))
        results.append((one.world.data.qpos.copy(), one.render("head")))
    fresh.close()
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


def test_the_hard_variant_changes_places_and_colours(hard_twin):
    scenes = []
    for seed in (1, 2):
        hard_twin.reset(seed)
        colours = [hard_twin.world.model.geom(f"flower_{s}_petal0").rgba[:3].copy() for s in SIDES]
        scenes.append((hard_twin.world.pose("vase")[:2, 3], np.array(colours)))
    assert not np.allclose(scenes[0][0], scenes[1][0], atol=1e-3)
    assert not np.allclose(scenes[0][1], scenes[1][1], atol=0.02)


def test_labels_show_flowers_vase_and_stands(twin):
    twin.reset(0)
    _, labels = twin.render_labels("head", 64, 64)
    seen = {twin.class_names[i] for i in np.unique(labels)}
    assert {"flower", "vase", "flower_stand"} <= seen
