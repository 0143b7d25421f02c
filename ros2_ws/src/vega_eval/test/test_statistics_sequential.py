from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vega_eval.statistics import PairCounts, SequentialState, SequentialTest, mcnemar_exact

from benches.statistics.sequential import simulate

A, B, BOTH, NEITHER = (True, False), (False, True), (True, True), (False, False)
DECIDED = (SequentialState.A_BETTER, SequentialState.B_BETTER)

outcomes = st.lists(st.sampled_from([A, A, A, B, BOTH, NEITHER]), max_size=30)


def states(test, pairs):
    return [test.decide(pairs[:n]).state for n in range(len(pairs) + 1)]


def test_with_20_pairs_a_lead_decides_early_or_after_the_last_pair():
    boundary = SequentialTest(20).boundary
    early = {d: lead for d, lead in enumerate(boundary.early) if lead is not None}
    last = {d: lead for d, lead in enumerate(boundary.last) if lead is not None}
    # As wins to losses: 7:0, 10:1, 12:2, 14:3, 16:4; a lead of d with d pairs is all of them.
    assert [early[d] for d in (7, 11, 14, 17, 20)] == [7, 9, 10, 11, 12]
    # As the exact McNemar test: 6:0, 8:1, 10:2, 12:3, but 14:4 and 16:4.
    assert [last[d] for d in (6, 9, 12, 15, 18, 20)] == [6, 7, 8, 9, 10, 12]
    assert min(early) == 7
    assert min(last) == 6
    assert SequentialTest(20).fewest_pairs == 7


def test_seven_wins_to_none_stop_a_session_of_20():
    test = SequentialTest(20)
    assert states(test, [A] * 7) == [SequentialState.CONTINUE] * 7 + [SequentialState.A_BETTER]
    found = test.decide([B, BOTH, B, B, NEITHER, B, B, B, B])
    assert found.state is SequentialState.B_BETTER
    assert (found.pairs, found.discordant, found.lead, found.needed) == (9, 7, -7, 7)
    assert found.p_value == found.spent_error == 2 / 2**7


def test_six_wins_to_none_decide_after_the_last_pair():
    pairs = [A] * 6 + [BOTH] * 14
    found = states(SequentialTest(20), pairs)
    assert found[:-1] == [SequentialState.CONTINUE] * 20
    assert found[-1] is SequentialState.A_BETTER
    assert SequentialTest(20).decide(pairs).p_value == 2 / 2**6


def test_the_first_decision_stands():
    test = SequentialTest(20)
    assert test.decide([A] * 7 + [B] * 13) == test.decide([A] * 7)


def test_when_nothing_can_decide_any_more_it_says_so():
    test = SequentialTest(20)
    assert test.decide([A, B] * 4).state is SequentialState.CONTINUE  # it may end 16:4
    assert test.decide([A, B] * 5).state is SequentialState.NO_DECISION  # at best 15:5
    assert test.decide([BOTH] * 14).state is SequentialState.CONTINUE  # it may end 6:0
    found = test.decide([BOTH] * 15)
    assert (found.state, found.p_value) == (SequentialState.NO_DECISION, None)


def test_too_few_pairs_never_decide():
    for pairs in (1, 5):
        assert SequentialTest(pairs).decide([]).state is SequentialState.NO_DECISION
        assert SequentialTest(pairs).fewest_pairs is None
    assert SequentialTest(6).fewest_pairs == 6
    assert SequentialTest(6).decide([A] * 6).state is SequentialState.A_BETTER


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("max_pairs", [6, 9, 12])
def test_the_error_is_at_most_the_level_however_many_pairs_are_discordant(max_pairs, level):
    """Every walk of d discordant pairs, each as likely under the null; the rest are tied."""
    test = SequentialTest(max_pairs, level)
    for discordant in range(max_pairs + 1):
        p_values = []
        for walk in product((A, B), repeat=discordant):
            found = test.decide([*walk, *[BOTH] * (max_pairs - discordant)])
            assert (found.state in DECIDED) == (found.p_value <= level)
            p_values.append(found.p_value)
        values, counts = np.unique(p_values, return_counts=True)
        share = np.cumsum(counts) / len(p_values)
        assert (share <= values + 1e-12).all()


def test_the_error_is_at_most_the_level_whenever_ties_come():
    test, rng = SequentialTest(10), np.random.default_rng(0)
    for _ in range(8):
        where = rng.random(10) < 0.8
        wrong = 0
        for walk in product((A, B), repeat=int(where.sum())):
            steps = iter(walk)
            pairs = [next(steps) if discordant else NEITHER for discordant in where]
            wrong += test.decide(pairs).state in DECIDED
        assert wrong / 2 ** where.sum() <= 0.05


@pytest.mark.parametrize("discordance", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("max_pairs", [1, 6, 13, 20, 50, 100])
def test_the_level_is_not_overspent(max_pairs, discordance):
    found = SequentialTest(max_pairs).operating(discordance / 2, discordance / 2)
    assert found.a_better + found.b_better <= 0.05


def test_the_longest_sessions_work():
    test = SequentialTest(500)
    assert test.boundary.spent[-1] <= 0.05
    assert test.decide([A] * 12).state is SequentialState.A_BETTER


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(6, 8), st.data())
def test_it_continues_as_long_as_some_outcome_of_the_rest_decides(max_pairs, data):
    test = SequentialTest(max_pairs, 0.1)
    pairs = data.draw(st.lists(st.sampled_from([A, A, B, BOTH]), min_size=2, max_size=max_pairs))
    found = test.decide(pairs)
    if found.state not in DECIDED:
        rest = product((A, B, BOTH), repeat=max_pairs - len(pairs))
        somehow = any(test.decide([*pairs, *after]).state in DECIDED for after in rest)
        assert (found.state is SequentialState.CONTINUE) == somehow


@settings(max_examples=100, deadline=None, derandomize=True)
@given(outcomes)
def test_it_decides_only_where_mcnemar_would(pairs):
    found = SequentialTest(30).decide(pairs)
    if found.state in DECIDED:
        assert mcnemar_exact(PairCounts.of(pairs[: found.pairs])) <= 0.05


@settings(max_examples=60, deadline=None, derandomize=True)
@given(outcomes)
def test_exchanging_the_policies_exchanges_the_decision(pairs):
    test = SequentialTest(30)
    found, turned = test.decide(pairs), test.decide([(b, a) for a, b in pairs])
    mirror = {
        SequentialState.A_BETTER: SequentialState.B_BETTER,
        SequentialState.B_BETTER: SequentialState.A_BETTER,
    }
    assert turned.state is mirror.get(found.state, found.state)
    assert (turned.lead, turned.p_value) == (-found.lead, found.p_value)


def test_operating_is_the_mean_over_all_sessions():
    test = SequentialTest(8)
    chances = {A: 0.5, B: 0.1, BOTH: 0.4}
    a_better = mean_pairs = 0.0
    for session in product(chances, repeat=8):
        chance = np.prod([chances[pair] for pair in session])
        found = states(test, list(session))
        a_better += chance * (SequentialState.A_BETTER in found)
        mean_pairs += chance * next(
            i for i, s in enumerate(found) if s is not SequentialState.CONTINUE
        )
    operating = test.operating(0.5, 0.1)
    assert operating.a_better == pytest.approx(a_better, abs=1e-12)
    assert operating.mean_pairs == pytest.approx(mean_pairs, abs=1e-9)
    assert operating.mean_pairs <= operating.mean_pairs_to_decision <= 8


def test_a_policy_that_always_wins_is_found_after_7_pairs():
    found = SequentialTest(20).operating(1.0, 0.0)
    assert (found.a_better, found.b_better, found.mean_pairs) == (1.0, 0.0, 7.0)
    assert SequentialTest(20).operating(0.0, 0.0).a_better == 0.0


@pytest.mark.parametrize(("only_a", "only_b"), [(0.4, 0.05), (0.2, 0.2)])
def test_simulated_sessions_go_as_computed(only_a, only_b):
    test = SequentialTest(20)
    expected = test.operating(only_a, only_b)
    found = simulate(test, only_a, only_b, 20_000, np.random.default_rng(1))
    assert found.a_better == pytest.approx(expected.a_better, abs=0.012)
    assert found.b_better == pytest.approx(expected.b_better, abs=0.004)
    assert found.mean_pairs == pytest.approx(expected.mean_pairs, abs=0.15)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"max_pairs": 0}, "max_pairs must be from 1 to 500: got 0"),
        ({"max_pairs": 501}, "max_pairs must be from 1 to 500: got 501"),
        ({"max_pairs": -3}, "max_pairs must be at least 0: got -3"),
        ({"max_pairs": 20.0}, r"max_pairs must be a whole number: got 20\.0"),
        ({"max_pairs": 20, "level": 1}, "level must be between 0 and 1: got 1"),
        ({"max_pairs": 20, "level": 0}, "level must be between 0 and 1: got 0"),
    ],
)
def test_what_is_no_test_is_refused(given_, says):
    with pytest.raises(ValueError, match=says):
        SequentialTest(**given_)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([A] * 3 + [BOTH] * 18, "at most 20 pairs: got 21"),
        ([(True,)], "a pair is the outcome of A and that of B"),
        ([True], "a pair is the outcome of A and that of B"),
        ([("x", True)], "an outcome of a pair is True or False"),
        ([(None, True)], "an outcome of a pair is True or False"),
    ],
)
def test_what_are_no_pairs_is_refused(pairs, says):
    with pytest.raises(ValueError, match=says):
        SequentialTest(20).decide(pairs)


@pytest.mark.parametrize(("only_a", "only_b"), [(-0.1, 0.2), (0.6, 0.5), (0.2, 1.2)])
def test_what_are_no_probabilities_is_refused(only_a, only_b):
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        SequentialTest(20).operating(only_a, only_b)
