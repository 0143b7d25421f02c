"""A policy that is too slow for its chunks is known before anything moves."""

from __future__ import annotations

import pytest
from vega_inference.pace import Pace, latency_s

STEPS_OF_8 = Pace(chunk=8, dt_s=0.04, frame_s=1 / 30, max_age_s=1.0)
STEPS_OF_25 = STEPS_OF_8._replace(chunk=25)


@pytest.mark.parametrize(
    ("pace", "latency", "steps"),
    [
        (STEPS_OF_25, 0.05, 8),  # the shipped policy, as it is asked
        (STEPS_OF_25, 0.30, 8),
        (STEPS_OF_25, 0.48, 8),  # as soon as the one before has ended, whatever is asked
        (STEPS_OF_25, 0.50, None),
        (STEPS_OF_8, 0.0, 7),
        (STEPS_OF_8, 0.10, 4),  # with 8, 43 % of the time was held
        (STEPS_OF_8, 0.14, 3),
        (STEPS_OF_8, 0.30, None),  # every chunk was refused
        (STEPS_OF_25._replace(chunk=100), 0.9, 8),
        (STEPS_OF_25._replace(chunk=100), 1.0, None),  # older than the gate takes any
        (STEPS_OF_8._replace(chunk=1), 0.0, None),
    ],
)
def test_the_largest_number_of_steps_that_fits(pace, latency, steps):
    assert pace.replan_steps(8, latency) == steps


@pytest.mark.parametrize("chunk", [2, 5, 8, 25])
@pytest.mark.parametrize("latency", [0.0, 0.02, 0.1, 0.2, 0.4])
def test_what_fits_never_runs_out(chunk, latency):
    """Chunk by chunk, with frames at 30 Hz: each is there before the one before it has ended."""
    pace = STEPS_OF_8._replace(chunk=chunk)
    steps = pace.replan_steps(8, latency)
    if steps is None:
        return
    observed_s, free_s, end_s = 0.0, 0.0, float("inf")
    for _ in range(50):
        began_s = observed_s + pace.frame_s  # as late as a frame can be
        assert began_s + latency <= end_s + 1e-6
        end_s, free_s = observed_s + chunk * pace.dt_s, began_s + latency
        observed_s = max(observed_s + steps * pace.dt_s, free_s - pace.frame_s)


def run(durations):
    """A clock, and inferences that take so long one after the other."""
    now, left = [0.0], list(durations)

    def infer():
        now[0] += left.pop(0)

    return latency_s(infer, lambda: now[0]), len(durations) - len(left)


def test_the_median_of_several_but_the_first():
    assert run([0.5, 0.1, 0.3, 0.1, 0.6, 0.1]) == (pytest.approx(0.1), 6)


def test_nobody_waits_for_a_slow_one_again_and_again():
    assert run([60.0] * 6) == (60.0, 1)
    assert run([1.5] * 6) == (1.5, 2)
