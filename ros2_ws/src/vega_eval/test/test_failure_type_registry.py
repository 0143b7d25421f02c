"""A failure type that is added from outside is known wherever types are known."""

import copy
import pickle
from dataclasses import replace

import pytest
from vega_eval.failure_types import DROP, FAILURE_TYPES, FailureType, Signals, in_order, register
from vega_eval.report.__main__ import main as report
from vega_eval.scoring import failure_type
from vega_eval.session.keys import OperatorKeys
from vega_eval.trials.record import TrialOutcome, TrialVerdict
from vega_sim.failure_signals import FailureSignals

FORCE_N = 150.0


@pytest.fixture
def broken():
    kind = FailureType(
        value="broken",
        title="breakage",
        meaning="breakage: something broke under a hand",
        key="b",
        prompt="broke",
        colours=("#123456", "#fedcba"),
        position=55,
        priority=25,
        rule=lambda evidence: evidence.signals.table_force_n > FORCE_N,
    )
    register(kind)
    yield kind
    FAILURE_TYPES.unregister("broken")


def test_keys_ask_for_it(broken):
    keys = OperatorKeys()
    keys.feed("-")
    assert "d dropped   b broke   e e-stop" in keys.question
    assert keys.feed("b").failure == "broken"


def test_the_rules_find_it(broken):
    signals = FailureSignals(closest_m=0.1, table_contact_s=1.0, table_force_n=FORCE_N + 1.0)
    assert failure_type(signals) is broken
    assert failure_type(replace(signals, table_force_n=20.0)).value == "III"


def test_records_take_it_and_name_all_where_one_is_unknown(broken):
    verdict = TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0, failure_type="broken")
    assert verdict.failure_type is broken
    assert '"failure_type":"broken"' in verdict.model_dump_json()
    assert TrialVerdict.model_validate_json(verdict.model_dump_json()) == verdict
    with pytest.raises(ValueError, match=r"unknown failure type 'brocken'; there are: .*broken"):
        TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0, failure_type="brocken")


def test_tables_and_charts_show_it(broken, played, monkeypatch):
    monkeypatch.setitem(__import__("synthetic_sessions")._FAILURES, "b", broken)
    folder = played("one", {"oft": "sbd", "vega": "ssb"})
    assert report([str(folder)]) == 0
    html = (folder / "report.html").read_text()
    assert "breakage 1" in html
    assert "#123456" in html
    assert "something broke under a hand" in html
    assert "| Failed: drop | Failed: breakage |" in (folder / "report.md").read_text()
    assert ",broken," in (folder / "report.csv").read_text()


def test_a_type_is_the_same_object_in_copies_and_other_processes():
    assert pickle.loads(pickle.dumps(DROP)) is DROP
    assert copy.deepcopy(DROP) is DROP
    verdict = TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0, failure_type=DROP)
    assert pickle.loads(pickle.dumps(verdict)).failure_type is DROP


def test_a_value_or_a_key_that_is_taken_is_refused():
    with pytest.raises(ValueError, match="failure type 'drop' is registered twice"):
        register(DROP)
    with pytest.raises(ValueError, match="'other' has the key of 'drop'"):
        register(replace(DROP, value="other"))
    assert "other" not in FAILURE_TYPES


def test_signals_need_no_twin():
    class Seen:
        ever_held, lost, released_at_target, table_contact_s, stalled_s = (
            True,
            True,
            False,
            0.0,
            0.0,
        )

    seen: Signals = Seen()
    assert failure_type(seen) is DROP
    assert len(in_order()) == len(FAILURE_TYPES)
