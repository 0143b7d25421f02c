"""What comes again and again becomes one sentence."""

from vega_runtime.repeats import Repeats


def test_a_few_lines_pass_then_one_sentence_says_why_then_nothing():
    repeats = Repeats("this computer is too slow")
    told = [repeats.line("late", f"late {k}", 100.0 + 0.1 * k) for k in range(50)]
    assert told[:4] == [f"late {k}" for k in range(4)]
    assert told[4].startswith("late 4. This comes again and again")
    assert told[4].endswith("this computer is too slow")
    assert set(told[5:]) == {None}


def test_what_is_rare_is_always_told_and_also_after_a_bad_time():
    repeats = Repeats("why")
    rare = [repeats.line("late", "late", 5.0 * k) for k in range(20)]
    assert rare == ["late"] * 20
    for k in range(20):
        repeats.line("late", "late", 200.0 + 0.1 * k)
    assert repeats.line("late", "late", 220.0) == "late"


def test_kinds_are_counted_apart():
    repeats = Repeats("why")
    for k in range(20):
        repeats.line("late", "late", 0.1 * k)
    assert repeats.line("other", "other", 2.1) == "other"


def test_a_clock_that_is_set_back_starts_anew():
    repeats = Repeats("why")
    for k in range(20):
        repeats.line("late", "late", 100.0 + 0.1 * k)
    assert repeats.line("late", "late", 3.0) == "late"
