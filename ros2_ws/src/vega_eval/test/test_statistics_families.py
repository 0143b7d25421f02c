from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vega_eval.statistics import holm, letters

NAMES = ["A", "B", "C", "D", "E"]
p_values = st.lists(st.floats(0, 1), max_size=12)
differences = st.sets(st.sampled_from(list(combinations(NAMES, 2))))


def test_holm_multiplies_the_smallest_most_and_never_goes_down():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.02, 0.02]) == [0.04, 0.04]


def test_a_single_comparison_needs_no_adjustment():
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(p_values)
def test_holm_keeps_the_order_and_lies_between_no_adjustment_and_bonferroni(given_):
    adjusted = holm(given_)
    for p, q in zip(given_, adjusted):
        assert p <= q <= min(1.0, len(given_) * p) + 1e-15
    ranked = [q for _, q in sorted(zip(given_, adjusted))]
    assert ranked == sorted(ranked)


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for size in range(1, 20):
        given_ = np.round(rng.random(size) ** 3, 2)  # with ties
        expected = multitest.multipletests(given_, method="holm")[1]
        assert holm(given_.tolist()) == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong):
    with pytest.raises(ValueError, match="a p-value must be from 0 to 1: got"):
        holm([0.5, wrong])


def test_policies_share_a_letter_unless_they_differ():
    assert letters(["A", "B"], []) == {"A": "a", "B": "a"}
    assert letters(["A", "B"], [("B", "A")]) == {"A": "a", "B": "b"}
    found = letters(["A", "B", "C", "D"], [("A", "C"), ("A", "D"), ("B", "D")])
    assert found == {"A": "a", "B": "ab", "C": "bc", "D": "c"}


def test_one_policy_or_none():
    assert letters(["A"], []) == {"A": "a"}
    assert letters([], []) == {}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(differences)
def test_a_shared_letter_means_no_difference_and_none_means_one(significant):
    found = letters(NAMES, significant)
    for one, other in combinations(NAMES, 2):
        shared = set(found[one]) & set(found[other])
        assert bool(shared) == ((one, other) not in significant)
    assert found == letters(NAMES, {(b, a) for a, b in significant})


@pytest.mark.parametrize(
    ("names", "pairs", "says"),
    [
        (["A", "A"], [], "each policy must be named once"),
        (["A", "B"], [("A", "C")], "a pair must be of two of A, B: got 'A' and 'C'"),
        (["A", "B"], [("A", "A")], "a pair must be of two of A, B"),
        ([str(i) for i in range(27)], list(combinations(map(str, range(27)), 2)), "26 letters"),
    ],
)
def test_letters_refuse_what_they_cannot_show(names, pairs, says):
    with pytest.raises(ValueError, match=says):
        letters(names, pairs)
