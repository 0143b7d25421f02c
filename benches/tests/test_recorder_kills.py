"""The bench of kills finds what it looks for, and its moments are those of its seed."""

from __future__ import annotations

from collections import Counter

import pytest

from benches.recorder_kills.__main__ import plan
from benches.recorder_kills.ledger import Ledger
from teleop.dataset.layout import QUARANTINE
from teleop.tests.episodes import make_episode, open_store

SAID = [
    "[recorder_node-2] [INFO] [1.0] [recorder]: episode 0 is being recorded",
    "[recorder_node-2] [INFO] [2.0] [recorder]: episode 0 is saved (2.0 s, success); 1/100",
    "[recorder_node-2] [INFO] [3.0] [recorder]: episode 1 is being recorded",
    "[recorder_node-2] [INFO] [4.0] [recorder]: episode 1 is discarded",
]


@pytest.fixture
def ledger(tmp_path):
    """Of a session that has saved episode 0 and discarded take 1."""
    with open_store(tmp_path / "set") as store:
        make_episode(store, 1.0)
    made = Ledger(tmp_path / "set")
    made.hear(SAID)
    made.check_sealed()
    return made


def test_what_is_in_order_is_no_fault(ledger, tmp_path):
    ledger.check_sealed()
    ledger.check_repaired()
    assert ledger.check_exports(tmp_path) == {"lerobot": 1, "hdf5": 1}
    assert ledger.faults == []
    assert ledger.figures() == {
        "begun": 2,
        "sealed": 1,
        "recovered": 0,
        "quarantined": 0,
        "discarded": 1,
    }


def test_a_damaged_or_vanished_episode_is_a_fault(ledger):
    folder = ledger.dataset / "episodes" / "000000"
    data = bytearray((folder / "episode.mcap").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "episode.mcap").write_bytes(data)
    ledger.check_sealed()
    assert "sealed episode 0 is not valid" in ledger.faults[-1]
    folder.rename(ledger.dataset / "trash" / "000000")
    ledger.check_sealed()
    assert ledger.faults[-1] == "episode 0 was saved and is gone"


def test_a_discarded_take_that_comes_back_is_a_fault(ledger, tmp_path):
    with open_store(ledger.dataset) as store:
        make_episode(store, 1.0, phase=1.0)
    ledger.check_sealed()
    assert ledger.faults == ["take 1 was discarded and is a sealed episode"]
    ledger.check_exports(tmp_path)
    assert "take 1 was discarded and is in the hdf5 export" in ledger.faults


def test_takes_that_nobody_accounts_for_are_faults(ledger):
    ledger.hear(["episode 2 is being recorded", "episode 3 is being recorded"])
    (ledger.dataset / "recording" / "000002").mkdir()
    (ledger.dataset / QUARANTINE / "000003").mkdir()
    ledger.check_repaired()
    assert "take 2 is neither sealed nor put away" in ledger.faults
    assert ledger.faults[-1].endswith("000003: nobody says why it was put away")
    ledger.hear(["episode 4 is being recorded"])
    ledger.check_repaired()
    assert "nothing is known of take 4" in ledger.faults


def test_rounds_have_every_fault_and_the_moments_of_their_seed():
    rounds = plan(40, 7)
    assert Counter(each.fault for each in rounds) == dict.fromkeys(
        ("recorder", "launch", "everything", "disk"), 10
    )
    assert rounds == plan(40, 7) != plan(40, 8)
    discards = [each for each in rounds if each.discard_s is not None]
    assert discards
    assert all(each.discard_s <= each.after_s and each.in_take for each in discards)
