"""Whatever a policy sends, no command leaves the limits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from vega_control.estop import Level
from vega_control.gate import Command

from .conftest import CONFIG, Rig

sane = st.floats(-4.0, 4.0)
anything = st.one_of(sane, st.floats(width=64), st.sampled_from([np.nan, np.inf, 1e308, -1e308]))


@st.composite
def chunks(draw):
    """A chunk: sane or not in values, shape, order and age."""
    steps = draw(st.integers(0, 8))
    values = sane if draw(st.booleans()) else anything
    count = 4 * steps if draw(st.integers(0, 9)) else draw(st.integers(0, 40))
    return {
        "sequence": draw(st.integers(0, 12)),
        "age_s": draw(st.floats(-0.3, 1.2)),
        "steps": steps,
        "dt_s": draw(st.sampled_from([0.04, 0.04, 0.04, 0.001, 0.0, -1.0, float("nan")])),
        "positions": np.array(draw(st.lists(values, min_size=count, max_size=count))),
    }


event = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([0.005, 0.005, 0.005, 0.0, 0.013, 0.3])),
    st.tuples(st.just("run"), st.floats(0.0, 0.2)),
    st.tuples(st.just("chunk"), chunks()),
    st.tuples(st.just("silence"), st.sampled_from([set(), {"left"}, {"left", "right"}])),
    st.tuples(st.just("enabled"), st.booleans()),
    st.tuples(st.just("leaders"), st.lists(sane, min_size=4, max_size=4)),
    st.tuples(st.just("lead"), st.sampled_from(["policy", "leader", "home", "pause"])),
    st.tuples(st.just("estop"), st.booleans()),
)


LEAD = {
    "policy": lambda rig: rig.gate.follow_policy(),
    "leader": lambda rig: rig.gate.follow_leader(rig.now),
    "home": lambda rig: rig.gate.home(rig.now),
    "pause": lambda rig: rig.gate.pause(),
}


def play(rig, kind, value):
    if kind == "tick":
        rig.tick(value)
    elif kind == "run":
        rig.run(value)
    elif kind == "chunk":
        rig.gate.accept(rig.chunk(np.empty((0, 4)), **value), rig.now)
    elif kind == "silence":
        rig.silent = value
    elif kind == "leaders":
        rig.leaders = np.array(value)
    elif kind == "lead":
        LEAD[value](rig)
    elif kind == "estop" and value:
        rig.gate.press_estop(Level.HOLD, "a test")
    elif kind == "estop":
        rig.gate.reset_estop(rig.now)
    else:
        rig.gate.feedback.set_enabled("right", value)


@settings(max_examples=300, deadline=None)
@given(st.lists(event, max_size=25))
def test_no_command_ever_exceeds_a_limit(events):
    rig = Rig()
    rig.gate.activate()
    for kind, value in events:
        play(rig, kind, value)
        assert rig.limit_check.violations == {}
    stopping = rig.gate.deactivate()
    still = np.zeros(4, bool)
    for positions in stopping:
        rig.limit_check.add(Command(positions, None, CONFIG.period_s, still))
    assert rig.limit_check.violations == {}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["noise", "step", "replay"]))
def test_random_policies_are_executed_within_the_limits(seed, kind):
    rng = np.random.default_rng(seed)
    rig = Rig()
    rig.gate.activate()
    rig.tick()
    tape = rng.uniform(-1.5, 1.5, (25, 4))
    for sequence in range(10):
        rows = {
            "noise": lambda: rng.uniform(-3, 3, (25, 4)),
            "step": lambda: np.tile(rng.choice([-3.0, 3.0], 4), (25, 1)),
            "replay": lambda: tape,
        }[kind]()
        assert rig.accept(rows, sequence, age_s=float(rng.uniform(0, 0.3))) is None
        rig.run(0.3)
    assert rig.limit_check.violations == {}
    assert rig.limit_check.greatest["velocity"] > 0.5
    assert rig.gate.counters.chunks_accepted == 10
    assert rig.gate.counters.commands_clamped > 0
