import pytest
from vega_bringup.bringup_sequence import BringUp, BringUpError, BringUpStopped, Timeouts

NODES = ["sim", "gate", "policy"]


class FakeStack:
    """Nodes that do what they are told, but for those named in `refuse`, `die` and `absent`."""

    def __init__(self):
        self.calls = []
        self.absent, self.silent = set(), set()
        self.refuse, self.die = set(), set()

    def is_there(self, node):
        return node not in self.absent

    def begin(self, node, transition):
        self.calls.append((node, transition))

        def answer():
            if (node, transition) in self.die:
                raise ConnectionError(node)
            if (node, transition) in self.silent:
                return None
            return (node, transition) not in self.refuse

        return answer


class Rig:
    def __init__(self):
        self.stack = FakeStack()
        self.told = []
        self.time_s = 0.0
        self.stop_at_s = float("inf")
        self.sequence = BringUp(
            NODES,
            self.stack,
            self.told.append,
            lambda: self.time_s >= self.stop_at_s,
            Timeouts(),
            clock=lambda: self.time_s,
            sleep=self.sleep,
        )

    def sleep(self, seconds):
        self.time_s += seconds

    def up(self, missing=list):
        self.sequence.up("policy", missing)


@pytest.fixture
def rig():
    return Rig()


def test_all_configure_first_and_activate_in_order(rig):
    rig.up()
    assert rig.stack.calls == [(n, "configure") for n in NODES] + [(n, "activate") for n in NODES]
    assert rig.told[-1] == "all up after 0.0 s: sim, gate, policy"


def test_down_is_the_reverse(rig):
    rig.up()
    rig.stack.calls.clear()
    rig.sequence.down()
    assert rig.stack.calls == [(n, "deactivate") for n in reversed(NODES)]
    rig.sequence.down()
    assert len(rig.stack.calls) == 3


@pytest.mark.parametrize("transition", ["configure", "activate"])
def test_a_node_that_refuses_is_named(rig, transition):
    rig.stack.refuse = {("gate", transition)}
    with pytest.raises(BringUpError, match=f"node gate refused to {transition}"):
        rig.up()
    assert ("policy", "activate") not in rig.stack.calls


def test_what_came_up_before_a_refusal_goes_down(rig):
    rig.stack.refuse = {("policy", "activate")}
    with pytest.raises(BringUpError):
        rig.up()
    rig.stack.calls.clear()
    rig.sequence.down()
    assert rig.stack.calls == [("gate", "deactivate"), ("sim", "deactivate")]


def test_a_node_that_never_starts_or_dies_is_named(rig):
    rig.stack.absent = {"gate"}
    with pytest.raises(BringUpError, match="node gate did not start within 60 s"):
        rig.up()
    rig.stack.absent, rig.stack.die = set(), {("policy", "configure")}
    with pytest.raises(BringUpError, match="node policy died while asked to configure"):
        rig.up()


def test_the_policy_waits_for_what_is_missing_and_says_so(rig):
    rig.up(lambda: ["no frames of the head camera"] if rig.time_s < 5.0 else [])
    assert rig.time_s >= 5.0
    assert "policy waits: no frames of the head camera" in rig.told
    assert rig.stack.calls[-1] == ("policy", "activate")


def test_the_policy_is_not_activated_when_it_stays_missing(rig):
    with pytest.raises(BringUpError, match="after 20 s: the left arm is not enabled"):
        rig.up(lambda: ["the left arm is not enabled"])
    assert ("policy", "activate") not in rig.stack.calls


def test_the_end_may_be_asked_for_while_waiting(rig):
    rig.stop_at_s = 1.0
    with pytest.raises(BringUpStopped):
        rig.up(lambda: ["no frames of the head camera"])
    assert rig.time_s < 1.2


def test_going_down_passes_over_the_dead_and_waits_for_the_silent_only_so_long(rig):
    rig.up()
    rig.stack.calls.clear()
    rig.stack.absent = {"policy"}
    rig.stack.die = {("gate", "deactivate")}
    rig.stack.silent = {("sim", "deactivate")}
    began_s = rig.time_s
    rig.sequence.down()
    assert rig.stack.calls == [("gate", "deactivate"), ("sim", "deactivate")]
    assert rig.time_s - began_s == pytest.approx(1.0, abs=0.1)


def test_a_node_that_takes_long_to_configure_is_told_again_and_again(rig):
    rig.stack.silent = {("policy", "configure")}
    with pytest.raises(BringUpError, match="node policy did not configure within 180 s"):
        rig.up()
    waits = [text for text in rig.told if text.startswith("waits for node policy to configure")]
    assert len(waits) >= 15
    assert waits[0].endswith("10 of at most 180 s")
