"""When a chunk takes effect in the twin."""

import numpy as np
import pytest
from vega_eval.twin.chunks import ChunkPlayer, Timing, too_short

HOME = np.zeros(14)


def chunk(value: float, steps: int = 4) -> np.ndarray:
    """Steps value, value + 1 ..."""
    return np.repeat(value + np.arange(float(steps))[:, None], 14, axis=1)


def test_a_chunk_takes_effect_after_the_delay_where_it_would_be_by_then():
    player = ChunkPlayer(Timing(replan_steps=8, delay_steps=2), HOME)
    player.offer(0, chunk(10))
    assert [player.target(step)[0] for step in range(4)] == [0, 0, 12, 13]
    assert player.steps == 2


def test_the_old_chunk_runs_on_until_the_new_one_is_there():
    player = ChunkPlayer(Timing(replan_steps=2, delay_steps=1), HOME)
    player.offer(0, chunk(10))
    before = [player.target(step)[0] for step in range(2)]
    player.offer(2, chunk(20))
    assert before + [player.target(step)[0] for step in (2, 3)] == [0, 11, 12, 21]


def test_a_chunk_that_has_run_out_leaves_the_arms_where_it_led_them():
    player = ChunkPlayer(Timing(replan_steps=20, delay_steps=0), HOME)
    player.offer(0, chunk(10, steps=2))
    assert [player.target(step)[0] for step in range(4)] == [10, 11, 11, 11]
    assert (player.steps, player.holds, player.held_steps) == (2, 1, 2)
    player.offer(4, chunk(20, steps=2))
    assert [player.target(step)[0] for step in range(4, 8)] == [20, 21, 21, 21]
    assert (player.steps, player.holds, player.held_steps) == (4, 2, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_chunk_that_is_not_finite_is_refused_and_counted(bad):
    player = ChunkPlayer(Timing(replan_steps=8, delay_steps=0), HOME)
    values = chunk(10)
    values[3, 13] = bad
    player.offer(0, values)
    assert player.target(0)[0] == 0
    assert (player.refused, player.steps) == (1, 0)


@pytest.mark.parametrize(
    ("chunk", "timing", "says"),
    [
        (8, Timing(8, 3), "chunks of 8 steps are over before the next one is there"),
        (8, Timing(8, 3), "give --replan-steps 5"),
        (5, Timing(8, 3), "take another policy"),
    ],
)
def test_chunks_that_end_before_the_next_one_is_there_are_told(chunk, timing, says):
    assert says in too_short(chunk, timing)
