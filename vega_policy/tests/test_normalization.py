import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from vega_policy.normalization import Normalizer, Statistics, statistics_of

finite = st.floats(-100, 100, width=32)


def statistics(low, high, mask=None, q01=None, q99=None):
    return Statistics(min=low, max=high, q01=q01 or low, q99=q99 or high, mask=mask)


@st.composite
def bounds_and_values(draw):
    dim = draw(st.integers(1, 14))
    low = draw(arrays.arrays(np.float64, dim, elements=finite))
    span = draw(arrays.arrays(np.float64, dim, elements=st.floats(0.01, 50)))
    share = draw(arrays.arrays(np.float64, (3, dim), elements=st.floats(0, 1)))
    return low, low + span, low + share * span


@settings(max_examples=50, deadline=None)
@given(bounds_and_values())
def test_round_trip(case):
    low, high, values = case
    normalizer = Normalizer(statistics(low.tolist(), high.tolist()), "bounds")
    for normalize in (normalizer.normalize_training, normalizer.normalize_observation):
        normalized = normalize(values)
        assert normalized.dtype == np.float32
        assert (np.abs(normalized) <= 1).all()
        scale = np.abs(values).max() + (high - low).max()
        np.testing.assert_allclose(normalizer.unnormalize(normalized), values, atol=1e-6 * scale)


@settings(max_examples=25, deadline=None)
@given(bounds_and_values())
def test_bounds_map_to_the_ends(case):
    low, high, _ = case
    normalizer = Normalizer(statistics(low.tolist(), high.tolist()), "bounds")
    np.testing.assert_allclose(normalizer.normalize_training(low), -1, atol=1e-6)
    np.testing.assert_allclose(normalizer.normalize_training(high), 1, atol=1e-5)
    np.testing.assert_allclose(normalizer.normalize_training(high + 1), 1, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(bounds_and_values())
def test_untouched_dimensions_pass_through_training(case):
    low, high, values = case
    mask = (False,) * len(low)
    normalizer = Normalizer(statistics(low.tolist(), high.tolist(), mask), "bounds")
    np.testing.assert_array_equal(normalizer.normalize_training(values), values.astype(np.float32))
    np.testing.assert_array_equal(normalizer.unnormalize(values), values.astype(np.float32))


def test_a_constant_dimension_is_0_in_training_and_on_the_robot():
    # A constant dimension; one that is not to be touched.
    normalizer = Normalizer(statistics((3.0, 0.0), (3.0, 1.0), (True, False)), "bounds")
    assert normalizer.normalize_training([3.0, 5.0]).tolist() == [0.0, 5.0]
    assert normalizer.normalize_observation([3.0, 5.0]).tolist() == [0.0, 1.0]
    assert normalizer.normalize_observation([3.0001, -5.0]).tolist() == [0.0, -1.0]


def test_a_gripper_that_rests_most_of_the_time_can_still_close():
    values = np.full((1000, 1), 0.07)
    values[500:505] = 0.0
    stats = statistics_of(values)
    assert (stats.q01, stats.q99) == ((0.0,), (0.07,))
    normalizer = Normalizer(stats, "bounds_q99")
    assert normalizer.unnormalize(normalizer.normalize_training([0.0])) == pytest.approx([0.0])
    assert normalizer.unnormalize(normalizer.normalize_training([0.07])) == pytest.approx([0.07])
    assert stats.constant("bounds_q99") == []


def test_dimensions_that_never_change_are_known():
    assert statistics_of(np.full((10, 2), [0.5, 0.0])).constant("bounds") == [0, 1]
    widened = statistics_of(np.full((10, 1), 0.5), 0.1)
    assert widened.min < widened.max
    assert widened.constant("bounds_q99") == [0]
    assert statistics((0.0,), (1.0,), q01=(0.5,), q99=(0.5,)).constant("bounds_q99") == [0]


def test_actions_are_not_clipped_on_the_way_back():
    normalizer = Normalizer(statistics((0.0,), (2.0,)), "bounds")
    assert normalizer.unnormalize([1.5]) == pytest.approx([2.5])


def test_percentiles_bound_the_other_scheme():
    stats = statistics((-10.0,), (10.0,), q01=(-1.0,), q99=(1.0,))
    assert Normalizer(stats, "bounds_q99").normalize_training([0.5]) == pytest.approx([0.5])
    assert Normalizer(stats, "bounds").normalize_training([0.5]) == pytest.approx([0.05])


def test_statistics_of_rows():
    values = np.linspace(0, 1, 101)[:, None] * [1.0, 2.0]
    stats = statistics_of(values)
    assert stats.min == (0, 0)
    assert stats.max == (1, 2)
    assert stats.mean == pytest.approx((0.5, 1))
    assert stats.q01 == pytest.approx((0.01, 0.02))
    assert stats.q99 == pytest.approx((0.99, 1.98))


def test_a_narrow_range_is_widened_about_its_middle():
    values = np.array([[1.0, 0.0], [1.002, 4.0]])
    stats = statistics_of(values, minimum_span=[0.1, 0.1])
    assert stats.min == pytest.approx((0.951, 0))
    assert stats.max == pytest.approx((1.051, 4))


def test_vectors_of_different_length_are_refused():
    with pytest.raises(ValidationError, match="differ in length"):
        Statistics(min=(0.0,), max=(1.0, 1.0), q01=(0.0,), q99=(1.0,))


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("max", (1.0, float("nan")), "max of dimension 1 is nan"),
        ("q01", (float("-inf"), 0.0), "q01 of dimension 0 is -inf"),
        ("mean", (0.0, float("nan")), "mean of dimension 1 is nan"),
        ("min", (0.0, 2.0), "min of dimension 1 is 2, above its max 1"),
        ("q99", (-1.0, 1.0), "q01 of dimension 0 is 0, above its q99 -1"),
        ("max", (1.0,), "statistics differ in length"),
    ],
)
def test_statistics_that_are_none_are_refused(field, values, message):
    good = {"min": (0.0, 0.0), "max": (1.0, 1.0), "q01": (0.0, 0.0), "q99": (1.0, 1.0)}
    with pytest.raises(ValueError, match=message):
        Statistics(**{**good, field: values})
