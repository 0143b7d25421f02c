from math import comb, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vega_eval.statistics import (
    Count,
    PairCounts,
    clopper_pearson,
    mcnemar_exact,
    newcombe_paired,
    wilson,
)

cells = st.integers(0, 30)
tables = st.builds(PairCounts, cells, cells, cells, cells).filter(lambda t: t.pairs > 0)


def swapped(table):
    return PairCounts(table.both, table.only_b, table.only_a, table.neither)


def test_pairs_are_counted_by_who_succeeded():
    found = PairCounts.of([(True, True), (True, False), (True, False), (False, True), (0, 0)])
    assert found == PairCounts(both=1, only_a=2, only_b=1, neither=1)
    assert (found.pairs, found.discordant) == (5, 3)
    assert (found.a, found.b) == (Count(3, 5), Count(2, 5))
    assert found + found == PairCounts(2, 4, 2, 2)
    assert PairCounts.of([]) == PairCounts(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [(6, 0, 0.03125), (5, 0, 0.0625), (8, 1, 20 / 512), (10, 2, 158 / 4096), (3, 3, 1.0)],
)
def test_mcnemar_counts_discordant_pairs_only(won, lost, p):
    assert mcnemar_exact(PairCounts(0, won, lost, 0)) == pytest.approx(p, abs=1e-12)
    assert mcnemar_exact(PairCounts(7, lost, won, 5)) == pytest.approx(p, abs=1e-12)


def test_without_discordant_pairs_nothing_speaks_against_equality():
    assert mcnemar_exact(PairCounts(12, 0, 0, 8)) == 1.0
    assert mcnemar_exact(PairCounts(0, 0, 0, 0)) == 1.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables)
def test_mcnemar_is_its_formula(table):
    d, least = table.discordant, min(table.only_a, table.only_b)
    p = min(1.0, 2 * sum(comb(d, i) for i in range(least + 1)) / 2**d)
    assert mcnemar_exact(table) == pytest.approx(p, abs=1e-9)


def test_mcnemar_is_that_of_statsmodels():
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    for won in range(12):
        for lost in range(12):
            expected = contingency.mcnemar([[3, won], [lost, 4]], exact=True).pvalue
            found = mcnemar_exact(PairCounts(3, won, lost, 4))
            assert found == pytest.approx(expected, abs=1e-6)


def test_newcombe_s_interval_of_the_airway_data_of_bentur_2009():
    """Fagerland, Lydersen and Laake (2014): -0.507 to -0.026."""
    found = newcombe_paired(PairCounts(both=1, only_a=1, only_b=7, neither=12))
    assert found.value == pytest.approx(-6 / 21)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.507, -0.026), abs=5.1e-4)


def test_newcombe_s_interval_is_its_formula():
    table = PairCounts(both=11, only_a=5, only_b=2, neither=2)
    a, b, p_a, p_b = wilson(16, 20), wilson(13, 20), 0.8, 0.65
    phi = max(11 * 2 - 5 * 2 - 10, 0) / sqrt(16 * 4 * 13 * 7)
    down = sqrt((p_a - a.low) ** 2 - 2 * phi * (p_a - a.low) * (b.high - p_b) + (b.high - p_b) ** 2)
    up = sqrt((a.high - p_a) ** 2 - 2 * phi * (a.high - p_a) * (p_b - b.low) + (p_b - b.low) ** 2)
    found = newcombe_paired(table)
    assert found.value == pytest.approx(0.15)
    assert found.interval.low == pytest.approx(0.15 - down, abs=1e-12)
    assert found.interval.high == pytest.approx(0.15 + up, abs=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables)
@pytest.mark.parametrize("limits", [wilson, clopper_pearson])
def test_the_difference_is_inside_and_turns_its_sign_with_the_policies(limits, table):
    found = newcombe_paired(table, limits=limits)
    turned = newcombe_paired(swapped(table), limits=limits)
    assert -1.0 - 1e-12 <= found.interval.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.interval.high <= 1.0 + 1e-12
    assert found.value == pytest.approx(-turned.value)
    assert found.interval.low == pytest.approx(-turned.interval.high)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables)
def test_clopper_pearson_limits_of_independent_looking_pairs_make_it_wider(table):
    if table.both * table.neither == table.only_a * table.only_b:
        by_wilson = newcombe_paired(table).interval
        assert newcombe_paired(table, limits=clopper_pearson).interval.width >= by_wilson.width


def test_what_are_no_pairs_is_refused():
    with pytest.raises(ValueError, match="only_b must be at least 0: got -1"):
        PairCounts(1, 2, -1, 0)
    with pytest.raises(ValueError, match=r"both must be a whole number: got 0\.5"):
        PairCounts(0.5, 2, 1, 0)
    with pytest.raises(ValueError, match="at least 1 pair"):
        newcombe_paired(PairCounts(0, 0, 0, 0))
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        newcombe_paired(PairCounts(1, 0, 0, 0), 1.0)
