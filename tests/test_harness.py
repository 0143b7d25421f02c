"""What the tests themselves stand on: turns, sharing among workers, the stability command."""

import threading

import pytest
import stability
import tiers
from domains import leased_domain
from turns import turn


def test_two_leases_at_a_time_are_of_two_domains():
    with leased_domain() as first, leased_domain() as second:
        assert first != second


def test_who_runs_alone_waits_for_the_others_and_they_for_it():
    waits, got_it, leaves = threading.Event(), threading.Event(), threading.Event()

    def alone():
        waits.set()
        with turn(alone=True):
            got_it.set()
            leaves.wait(30.0)

    other = threading.Thread(target=alone)
    with turn(alone=False), turn(alone=False):
        other.start()
        assert waits.wait(30.0)
        assert not got_it.wait(0.1)
    assert got_it.wait(30.0)
    threading.Timer(0.05, leaves.set).start()
    with turn(alone=False):
        assert leaves.is_set()
    other.join()


def test_workers_take_whole_files_and_launched_systems_have_two_lanes():
    assert tiers.group("teleop/tests/test_store.py::test_a[x::y]") == "teleop/tests/test_store.py"
    lanes = {tiers.group(f"tests/test_{name}.py::test") for name in ("eval_launch", "faults", "x")}
    assert len(lanes) == 2


def test_the_tier_follows_from_where_a_test_is(request):
    assert request.node.get_closest_marker(tiers.LAUNCHED)
    assert tiers.tier(request.node) == tiers.LAUNCHED


@pytest.mark.parametrize(
    ("text", "passes", "kept"), [("assert True", 1, 1), ("assert False", 0, 1), ("x", 0, 0)]
)
def test_a_stability_run_tells_what_failed_and_is_not_repeated(
    tmp_path, monkeypatch, capsys, text, passes, kept
):
    monkeypatch.setattr(stability, "FOLDER", tmp_path / "runs")
    monkeypatch.setattr(stability, "fingerprint", lambda: "same")
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {text}\n" if kept else "x\n")
    given = ["--runs", "1", "--loaded", "1", "--workers", "0", str(tmp_path / "test_it.py")]
    given += ["--json", str(tmp_path / "found.json")]
    assert stability.main(given) == 1 - passes
    first = (tmp_path / "found.json").read_text()
    assert ("test_it" in capsys.readouterr().out) is (not passes)
    assert (stability.kept("alone", 1, f"same {tmp_path / 'test_it.py'}") is not None) == kept
    if kept:
        monkeypatch.setattr(stability, "run", None)
        assert stability.main(given) == 1 - passes
        assert (tmp_path / "found.json").read_text() == first


def test_the_files_that_are_called_slow_exist():
    assert all((tiers._ROOT / file).exists() for file in tiers._SLOW)
