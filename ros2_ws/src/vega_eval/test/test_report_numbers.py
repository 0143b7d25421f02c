"""The figures of a report are those of the statistics."""

import csv
import io

import pytest
from vega_eval.report.analysis import analyse, count, sequential_traces
from vega_eval.report.evaluation import merge
from vega_eval.report.reading import read_source
from vega_eval.report.results import comparison_table, p_value, rate, success_table
from vega_eval.report.summary import conclusions, problems
from vega_eval.report.table import Table, TableRow
from vega_eval.report.text_formats import spreadsheet
from vega_eval.statistics import (
    Count,
    PairCounts,
    SequentialState,
    barnard,
    clopper_pearson,
    holm,
    mantel_haenszel_exact,
    mcnemar_exact,
    newcombe,
    newcombe_paired,
    pooled_mcnemar,
    pooled_rate,
    probability_better,
)

OFT, VEGA = "s11s21ts1d", "ssss2sss1s"
PAIRS = PairCounts(both=3, only_a=0, only_b=5, neither=2)


def evaluate(*folders):
    return merge([read_source(folder, False) for folder in folders])


@pytest.fixture
def pair(played):
    return evaluate(played("one", {"oft": OFT, "vega": VEGA}))


def test_a_cell_has_rate_successes_trials_and_interval(pair):
    rows = success_table(analyse(pair)[0]).rows
    found = clopper_pearson(8, 10)
    assert rows[1].cells == ("vega", f"0.80\n8/10 [{found.low:.2f}, {found.high:.2f}]")


def test_the_papers_rows_stand_beside(pair):
    rows = success_table(analyse(pair)[0]).rows
    found = clopper_pearson(16, 20)
    assert rows[-1].style == "paper"
    assert rows[-1].cells[0].startswith("VEGA\nthe paper's, n = 20")
    assert rows[-1].cells[1] == f"0.80\n16/20 [{found.low:.2f}, {found.high:.2f}]"


def test_shared_placements_are_compared_in_pairs(pair):
    (found,) = analyse(pair)[0].single
    assert found.sides[0].pairs == PAIRS
    assert found.p == mcnemar_exact(PAIRS)
    assert found.difference == newcombe_paired(PAIRS)
    assert found.better == probability_better(Count(3, 10), Count(8, 10))
    (row,) = comparison_table((found,)).rows
    assert row.cells[:4] == (
        "Close laptop",
        "oft\n3/10",
        "vega\n8/10",
        "only A 0, only B 5\nboth 3, neither 2",
    )
    assert row.cells[6] == p_value(found.p)


def test_placements_of_their_own_are_compared_unpaired(played):
    evaluation = evaluate(played("a", {"oft": OFT}), played("b", {"vega": VEGA}, seed=100))
    (found,) = analyse(evaluation)[0].single
    a, b = Count(3, 10), Count(8, 10)
    assert (found.test, found.p) == ("Barnard", barnard(a, b))
    assert found.difference == newcombe(a, b)
    assert found.sides[0].pairs is None


def test_tasks_are_pooled_as_strata_and_adjusted_by_holm(played):
    laptop = played("laptop", {"oft": OFT, "vega": VEGA})
    vase = played("vase", {"oft": "1111", "vega": "ss11"}, task="flowers_to_vase")
    (block,) = analyse(evaluate(laptop, vase))
    second = PairCounts(0, 0, 2, 2)
    (pooled,) = block.pooled
    assert pooled.p == pooled_mcnemar([PAIRS, second])
    assert pooled.better is None
    assert [found.adjusted for found in block.single] == holm(
        [mcnemar_exact(PAIRS), mcnemar_exact(second)]
    )
    average = pooled_rate([Count(8, 10), Count(2, 4)])
    vega = success_table(block).rows[1]
    shown = f"10/14 [{average.interval.low:.2f}, {average.interval.high:.2f}]"
    assert vega.cells[-1] == f"{average.value:.2f}\n{shown}"
    assert success_table(block).groups == (
        ("", 1),
        ("Single-Arm Tasks", 1),
        ("Bimanual Tasks", 1),
        ("", 1),
    )


def test_unpaired_tasks_are_pooled_by_mantel_haenszel(played):
    folders = [
        played("a1", {"oft": OFT}),
        played("b1", {"vega": VEGA}, seed=100),
        played("a2", {"oft": "1111"}, task="flowers_to_vase"),
        played("b2", {"vega": "ss11"}, task="flowers_to_vase", seed=100),
    ]
    (pooled,) = analyse(evaluate(*folders))[0].pooled
    strata = [(Count(3, 10), Count(8, 10)), (Count(0, 4), Count(2, 4))]
    assert pooled.p == mantel_haenszel_exact(strata)


def test_easy_and_hard_are_never_pooled(played):
    easy = played("easy", {"oft": OFT, "vega": VEGA})
    hard = played("hard", {"oft": "1111", "vega": "ss11"}, variant="hard")
    first, second = analyse(evaluate(easy, hard))
    assert (first.variant, second.variant) == ("easy", "hard")
    assert not first.pooled
    assert not second.pooled
    assert not any(row.style == "paper" for row in success_table(second).rows)


def test_a_task_that_a_policy_has_not_played_is_told_in_its_average(played):
    both = played("both", {"oft": OFT, "vega": VEGA})
    alone = played("alone", {"oft": "1111"}, task="flowers_to_vase")
    rows = success_table(analyse(evaluate(both, alone))[0]).rows
    assert rows[1].cells[2] == "–"
    assert rows[1].cells[3].endswith("over 1 of 2 tasks")


def test_three_policies_share_letters_unless_they_differ(played):
    outcomes = {"bad": "1" * 12, "fair": "s1" * 6, "good": "s" * 12}
    (block,) = analyse(evaluate(played("three", outcomes)))
    names = {policy.policy_id: policy.name for policy in block.policies}
    letters = {names[i]: letter for i, letter in block.letters(block.single).items()}
    assert letters == {"good": "a", "fair": "ab", "bad": "b"}
    assert success_table(block).rows[2].cells[1].startswith("1.00 a\n")


def sentences(evaluation):
    found = list(sequential_traces(evaluation))
    return [(v.found, str(v)) for block in analyse(evaluation) for v in conclusions(block, found)]


def test_a_sentence_says_who_is_better_or_that_nobody_can_tell(played):
    clear = evaluate(played("clear", {"bad": "1" * 8, "good": "s" * 8}))
    assert sentences(clear) == [
        (True, "good is better than bad at close_laptop (easy) (8/8 against 0/8, p = 0.008)")
    ]
    ((found, said),) = sentences(evaluate(played("unclear", {"bad": "1s11", "good": "ss1s"})))
    assert not found
    assert said.startswith("good and bad cannot be told apart at close_laptop (easy) (3/4")


def test_of_a_session_that_ended_early_the_sequential_test_decides(played):
    # Six unequal pairs: enough for McNemar after a planned end, not for whoever looked meanwhile.
    early = evaluate(played("early", {"bad": "111111" + 14 * ".", "good": "ssssss" + 14 * "."}))
    assert mcnemar_exact(PairCounts(0, 0, 6, 0)) < 0.05
    assert sentences(early) == [
        (
            False,
            "good and bad cannot be told apart at close_laptop (easy) (6/6 against 0/6, "
            "sequential test after 6 of 20 pairs)",
        )
    ]
    decided = evaluate(played("decided", {"bad": 8 * "1" + 12 * ".", "good": 8 * "s" + 12 * "."}))
    ((found, said),) = sentences(decided)
    assert found
    assert "(8/8 against 0/8, sequential test after 7 of 20 pairs, p = 0.016)" in said


def test_the_sequential_test_takes_the_pairs_in_the_order_of_play(played):
    (trace,) = sequential_traces(evaluate(played("one", {"oft": "1" * 20, "vega": "s" * 20})))
    assert trace.decision.state is SequentialState.B_BETTER
    assert trace.decision.pairs == trace.test.fewest_pairs
    assert trace.text == f"vega is better, decided after {trace.decision.pairs} of 20 pairs"


def test_one_policy_alone_and_no_valid_trial_at_all(played):
    alone = evaluate(played("alone", {"oft": "s1"}))
    nothing = evaluate(played("nothing", {"oft": ".", "vega": "."}))
    assert not analyse(alone)[0].single
    (block,) = analyse(nothing)
    assert [row.cells[1] for row in success_table(block).rows[:2]] == ["–", "–"]
    assert not list(sequential_traces(nothing))
    assert count(nothing.parts[0], nothing.policies[0]) == Count(0, 0)


def test_the_spreadsheet_has_a_row_a_valid_trial(pair):
    rows = list(csv.DictReader(io.StringIO(spreadsheet(pair))))
    assert len(rows) == 20
    assert sum(int(row["success"]) for row in rows if row["policy"] == "vega") == 8
    first = rows[0]
    assert first["task"] == "close_laptop"
    assert first["inference_ms_p95"] == "38.0"
    assert first["camera_hz_head"] == "30.0"
    assert first["milestone_touched"] in ("0", "1")
    assert len(first["checkpoint_sha256"]) == 64


def test_a_note_cannot_become_a_formula(played):
    evaluation = evaluate(played("one", {"oft": "s"}, note='=HYPERLINK("x")'))
    (row,) = csv.DictReader(io.StringIO(spreadsheet(evaluation)))
    assert row["note"] == '\'=HYPERLINK("x")'


def test_a_success_with_help_is_told(played):
    evaluation = evaluate(played("one", {"oft": "s1"}, figures={"interventions": 1}))
    assert any("took over or helped: one trial" in problem for problem in problems(evaluation))


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        (0.475, False, "0.48"),
        (0.0, True, "0.00"),
        (-0.001, True, "0.00"),
        (-0.35, True, "−0.35"),
        (0.2, True, "+0.20"),
        (1.0, False, "1.00"),
    ],
)
def test_rates_are_rounded_as_in_print(value, signed, shown):
    assert rate(value, signed) == shown


def test_markdown_shows_text_as_it_is():
    shown = Table(("a|b", "n"), (TableRow(("x*<b>*\nsmall", "1")),)).markdown()
    assert shown == "| a\\|b | n |\n| :--- | ---: |\n| x\\*&lt;b>\\*<br>small | 1 |\n"
