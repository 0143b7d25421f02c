import numpy as np
import pytest
from vega_sim import operators
from vega_sim.tasks.carrots_to_bowls import BOWL_HEIGHT
from vega_sim.twin import Twin

import hw_config
from benches.twin import run_seed

from .conftest import assert_operator_is_smooth

HW = hw_config.load()
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def twin():
    made = Twin("carrots_to_bowls")
    yield made
    made.close()


@pytest.fixture(scope="module")
def hard_twin():
    made = Twin("carrots_to_bowls", "hard")
    yield made
    made.close()


def drop_into(twin, carrot, bowl, *, up=0.03, aside=0.0):
    twin.world.place(carrot, twin.world.pose(bowl)[:3, 3] + (0.0, aside, up), (0.0, 0.0, 0.3))


def positions(twin, kind):
    return {side: twin.world.pose(f"{kind}_{side}")[:2, 3] for side in SIDES}


@pytest.mark.parametrize("variant", ["easy", "hard"])
def test_the_same_seed_gives_the_same_episode_bit_for_bit(twin, hard_twin, variant):
    used = {"easy": twin, "hard": hard_twin}[variant]
    fresh = Twin("carrots_to_bowls", variant)
    used.reset(99)  # what came before must not matter
    results = []
    for one in (used, fresh):
        one.reset(5)
        operator = operators.make("carrots_to_bowls")
        operator.reset(one)
        while not one.milestones()["left_grasped"]:
            one.advance(operator.act(one))
        results.append((one.world.data.qpos.copy(), [one.render(c) for c in HW.cameras]))
    fresh.close()
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("variant", ["easy", "hard"])
def test_each_carrot_lies_still_nearest_to_the_bowl_of_its_side(twin, hard_twin, variant, seed):
    used = {"easy": twin, "hard": hard_twin}[variant]
    used.reset(seed)
    carrots, bowls = positions(used, "carrot"), positions(used, "bowl")
    for side, other in zip(SIDES, reversed(SIDES)):
        own = np.linalg.norm(carrots[side] - bowls[side])
        assert 0.15 < own < np.linalg.norm(carrots[side] - bowls[other]) - 0.05
        assert max(used.world.speed(f"carrot_{side}")) < 0.05
    assert not used.success()
    assert not any(used.milestones().values())


def test_objects_that_are_left_alone_stay_where_they_are(twin):
    twin.reset(3)
    before = {kind: positions(twin, kind) for kind in ("carrot", "bowl")}
    twin.step(2000)
    for kind, places in before.items():
        for side, xy in places.items():
            assert positions(twin, kind)[side] == pytest.approx(xy, abs=1e-3)


def test_success_needs_both_carrots_in_their_bowls(twin):
    twin.reset(3)
    drop_into(twin, "carrot_left", "bowl_left")
    twin.step(400)
    assert twin.milestones()["left_placed"]
    assert not twin.success()
    drop_into(twin, "carrot_right", "bowl_right")
    twin.step(400)
    assert twin.success()
    assert twin.milestones()["done"]
    assert twin.progress() == "left carrot in its bowl, right carrot in its bowl"


def test_a_carrot_comes_to_rest_inside_the_bowl_it_falls_into(twin):
    twin.reset(4)
    drop_into(twin, "carrot_left", "bowl_left", up=0.06, aside=0.02)
    twin.step(600)
    carrot, bowl = (twin.world.pose(f"{kind}_left")[:3, 3] for kind in ("carrot", "bowl"))
    assert 0.01 < carrot[2] - bowl[2] < BOWL_HEIGHT
    assert np.linalg.norm((carrot - bowl)[:2]) < 0.03
    assert twin.milestones()["left_placed"]


def test_the_bowl_that_was_not_nearest_does_not_count(twin):
    twin.reset(3)
    drop_into(twin, "carrot_left", "bowl_right")
    drop_into(twin, "carrot_right", "bowl_left")
    twin.step(400)
    assert not any(twin.milestones().values())


def test_a_carrot_that_is_still_falling_is_not_placed(twin):
    twin.reset(3)
    drop_into(twin, "carrot_left", "bowl_left", up=0.045)
    twin.step(20)
    assert not twin.milestones()["left_placed"]


def test_a_tipped_bowl_does_not_count(twin):
    twin.reset(3)
    for side in SIDES:
        drop_into(twin, f"carrot_{side}", f"bowl_{side}")
    twin.step(400)
    twin.world.place("bowl_left", twin.world.pose("bowl_left")[:3, 3], (0.4, 0.0, 0.0))
    twin.step(1)
    assert not twin.success()


def test_a_carrot_in_the_hand_over_its_bowl_is_grasped_but_not_placed(twin):
    twin.reset(0)
    operator = operators.make("carrots_to_bowls")
    operator.reset(twin)
    while operator.phases["left"] != "open":
        twin.advance(operator.act(twin))
    milestones = twin.milestones()
    assert milestones["left_grasped"]
    assert not milestones["left_placed"]


@pytest.mark.parametrize("seed", range(2))
def test_the_operator_places_both_carrots(twin, seed):
    assert run_seed(twin, seed) is not None


def test_the_operator_places_both_carrots_in_a_hard_scene(hard_twin):
    assert run_seed(hard_twin, 1) is not None


def test_the_operator_moves_both_arms_at_once(twin):
    twin.reset(1)
    operator = operators.make("carrots_to_bowls")
    operator.reset(twin)
    together = 0
    while not twin.success():
        twin.advance(operator.act(twin))
        together += all(value for key, value in twin.milestones().items() if "grasped" in key)
    assert together > 50


def test_the_operator_takes_a_carrot_again_that_was_lost(twin):
    twin.reset(2)
    operator = operators.make("carrots_to_bowls")
    operator.reset(twin)
    while operator.phases["left"] != "carry":
        twin.advance(operator.act(twin))
    twin.world.place("carrot_left", (0.47, 0.16, twin.world.table_z + 0.015))
    while not twin.success() and twin.time_s < twin.task.config.time_limit_s:
        twin.advance(operator.act(twin))
    assert twin.success()


def test_the_operator_is_smooth(twin):
    assert_operator_is_smooth(twin, 200)


def test_labels_show_carrots_and_bowls(twin):
    twin.reset(0)
    _, labels = twin.render_labels("head", 64, 64)
    seen = {twin.class_names[i] for i in np.unique(labels)}
    assert {"table", "left_arm", "right_arm", "carrot", "bowl"} <= seen


def test_hard_scenes_show_bowls_of_other_colours(hard_twin):
    colours = []
    for seed in range(3):
        hard_twin.reset(seed)
        colours.append(hard_twin.world.model.geom("bowl_left_shell").rgba[:3].copy())
    assert len({tuple(rgb) for rgb in colours}) == 3
