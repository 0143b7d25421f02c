import pytest
from vega_eval.errors import EvalError
from vega_eval.paper_results import NUMBERS, PaperTable, paper_table


@pytest.mark.parametrize("number", NUMBERS)
def test_every_printed_average_is_that_of_its_cells(number):
    read = paper_table(number)
    for row in read.rows:
        for variant, printed in row.averages.items():
            mean = read.average(row.method, None if variant == "all" else variant)
            assert abs(mean - printed) <= 0.5 * 10**-read.decimals + 1e-9, row.method


def test_cells_are_successes_of_trials():
    assert paper_table("3").cell("VEGA", "close_laptop") == (16, 20)
    assert paper_table("1").cell("VEGA", "lift_pot", "hard") == (28, 100)
    assert paper_table("2").cell("VGGT as teacher", "move_playingcard_away", "hard") == (4, 100)
    assert paper_table("4").cell("OpenVLA-OFT (OXE)", "click_bell", "easy") == (20, 100)


def test_empty_cells_are_none_and_left_out_of_averages():
    assert paper_table("1").cell("π0 + ROCKET", "lift_pot", "easy") is None
    assert paper_table("1").average("π0 + ROCKET", "easy") == pytest.approx(0.4325)


def test_the_same_model_has_the_same_figures_in_all_tables():
    first = [
        paper_table("1").cell("OpenVLA-OFT", "move_playingcard_away", v) for v in ("easy", "hard")
    ]
    for number, method in (("2", "without a teacher"), ("4", "OpenVLA-OFT (OXE)")):
        read = paper_table(number)
        cells = [read.cell(method, "move_playingcard_away", v) for v in ("easy", "hard")]
        assert cells == first


def test_what_does_not_add_up_stands_at_its_cells():
    notes = paper_table("4").notes_on("OpenVLA-OFT (OXE)", "click_bell", "easy")
    assert any("Turn Switch" in note for note in notes)
    assert any(
        "four tasks" in note for note in paper_table("1").notes_on("π0 + ROCKET", "beat_block")
    )
    assert not any(
        "leaderboard has 0" in n for n in paper_table("1").notes_on("DP", "lift_pot", "easy")
    )


def test_an_unknown_table_is_told():
    with pytest.raises(EvalError, match="no table '5' here; expected one of 1, 2, 3, 4"):
        paper_table("5")


def test_a_table_that_contradicts_itself_is_refused():
    good = paper_table("3").model_dump()
    short = {**good, "rows": [{**good["rows"][0], "rates": (0.65,)}]}
    odd = {**good, "rows": [{**good["rows"][0], "rates": (0.66, 0.6, 0.5, 0.15)}]}
    lost = {**good, "notes": [{"text": "?", "methods": ["ACT"]}]}
    for bad, word in ((short, "1 of 4 cells"), (odd, "no number of 20 trials"), (lost, "ACT")):
        with pytest.raises(ValueError, match=word):
            PaperTable.model_validate(bad)
