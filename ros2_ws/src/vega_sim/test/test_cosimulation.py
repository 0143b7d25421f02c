import numpy as np
import pytest
from vega_sim.commands import Command, CommandInbox
from vega_sim.cosimulation import Cosimulation, CosimulationError
from vega_sim.failure_signals import FailureSignals
from vega_sim.pacing import Pacer

MS = 1_000_000
NAMES = {
    arm: [f"{arm}_joint{i}" for i in range(1, 7)] + [f"{arm}_gripper"] for arm in ("left", "right")
}


class FakeScene:
    """Arms that are at once where they are sent; success once the left gripper is open."""

    timestep = 0.0025

    def __init__(self):
        self.steps = 0

    def reset(self, seed):
        self.q = np.zeros(14)

    def command(self, joints):
        self.q = joints.copy()

    def step(self, n=1):
        self.steps += n

    def positions(self):
        return self.q.copy()

    velocities = efforts = positions

    def render(self, camera):
        return np.zeros((2, 2, 3), np.uint8)

    def success(self):
        return np.bool_(self.q[6] > 0.05)

    def milestones(self):
        return {"opened": self.success()}

    def update_signals(self):
        return FailureSignals(closest_m=float(abs(self.q[0])))

    def progress(self):
        return "open" if self.success() else "closed"


class Outputs:
    def __init__(self):
        self.sent = []
        self.deaf = set()

    def joint_state(self, arm, stamp_ns, q, dq, effort):
        self.sent.append(("joints", arm, stamp_ns))

    def clock(self, stamp_ns):
        self.sent.append(("clock", "", stamp_ns))

    def wants(self, camera):
        return camera not in self.deaf

    def image(self, camera, stamp_ns, pixels):
        self.sent.append(("image", camera, stamp_ns))

    def episode(self, stamp_ns, state):
        self.sent.append(("episode", state, stamp_ns))

    def stamps(self, kind, name=""):
        return [stamp for what, who, stamp in self.sent if what == kind and who == name]

    def states(self):
        return [state for what, state, _ in self.sent if what == "episode"]


class Wall:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Rig:
    def __init__(self, factor=1.0, fps=30):
        self.wall = Wall()
        self.warnings = []
        self.inbox = CommandInbox(NAMES)
        self.inbox.wait = lambda newer_than_ns, timeout_s: self.wall.sleep(timeout_s)
        self.pacer = Pacer(self.inbox, factor, self.warnings.append, self.wall, self.wall.sleep)
        self.outputs = Outputs()
        self.scene = FakeScene()
        self.simulation = Cosimulation(
            self.scene, {"head": fps}, 200, 25, self.outputs, self.inbox, self.pacer, 0, self.wall
        )

    def run(self, seconds):
        end = self.simulation.stamp_ns + round(seconds * 1e9)
        while self.simulation.stamp_ns < end:
            self.simulation.tick()

    def send(self, arm="left", value=0.1, stamp_ms=0, deadline_ms=10_000, names=None):
        names = NAMES[arm] if names is None else names
        command = Command(names, [value] * len(names), stamp_ms * MS, deadline_ms * MS)
        return self.inbox.offer(arm, command)


@pytest.fixture
def rig():
    return Rig()


def test_a_tick_is_5_ms_of_two_physics_steps_and_sends_state_before_clock(rig):
    rig.run(0.005)
    assert rig.scene.steps == 2
    assert rig.outputs.sent[:3] == [
        ("joints", "left", 5 * MS),
        ("joints", "right", 5 * MS),
        ("clock", "", 5 * MS),
    ]


def test_rates_are_exact_in_ros_time(rig):
    rig.run(2.0)
    assert rig.outputs.stamps("joints", "left") == [k * 5 * MS for k in range(1, 401)]
    frames = rig.outputs.stamps("image", "head")
    assert len(frames) == 60
    # Frame k is taken at the first tick from k / 30 s on.
    assert all(0 <= stamp - k * 1e9 / 30 < 5 * MS for k, stamp in enumerate(frames, start=1))


def test_never_faster_than_real_time(rig):
    rig.run(1.0)
    assert rig.wall.now == pytest.approx(1.0, abs=0.006)
    assert rig.simulation.state().real_time_factor == pytest.approx(1.0, abs=0.01)


def test_waits_for_the_sender_of_commands_then_runs_free(rig):
    rig.run(0.1)
    rig.send(stamp_ms=100)
    before = rig.wall.now
    rig.run(0.01)
    assert rig.wall.now - before == pytest.approx(0.01, abs=0.006)
    rig.run(0.005)
    assert rig.wall.now - before == pytest.approx(0.5 + 0.015, abs=0.06)
    rig.run(0.1)
    assert rig.wall.now - before < 0.7


def test_a_slow_machine_is_told_of_once():
    rig = Rig()
    render = rig.scene.render
    rig.scene.render = lambda camera: (rig.wall.sleep(0.05), render(camera))[1]
    rig.run(6.0)
    assert len(rig.warnings) == 1
    assert "/clock runs at 0.6" in rig.warnings[0]


def test_a_command_is_executed_at_the_next_tick_for_its_arm_alone(rig):
    assert rig.send("left", 0.03) is None
    rig.run(0.005)
    assert rig.scene.q.tolist() == [0.03] * 7 + [0.0] * 7


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"names": NAMES["right"]}, "left arm: expected the joints left_joint1"),
        ({"value": float("nan")}, "7 finite numbers"),
    ],
)
def test_a_bad_command_is_refused_in_words(rig, kwargs, says):
    assert says in rig.send("left", **kwargs)
    rig.run(0.005)
    assert not rig.scene.q.any()
    assert sum(rig.inbox.refused.values()) == 1


def test_a_command_past_its_deadline_is_not_executed(rig):
    rig.run(0.1)
    rig.send(value=0.1, stamp_ms=90, deadline_ms=100)
    rig.run(0.005)
    assert not rig.scene.q.any()
    assert rig.inbox.refused["late"] == 1


def test_success_is_latched_and_told_at_once(rig):
    rig.send(value=0.06)
    rig.run(0.04)
    assert [state.success for state in rig.outputs.states()] == [True]
    rig.send(value=0.0, stamp_ms=40)
    rig.run(0.1)
    state = rig.outputs.states()[-1]
    assert state.success
    assert state.milestones == {"opened": True}
    assert state.progress == "closed"


def test_signs_are_gathered_once_a_control_step_and_told_with_the_state(rig):
    updates = []
    update = rig.scene.update_signals
    rig.scene.update_signals = lambda: (updates.append(rig.simulation.stamp_ns), update())[1]
    rig.send(value=0.03)
    rig.run(0.2)
    assert updates == [40 * MS, 80 * MS, 120 * MS, 160 * MS, 200 * MS]
    assert rig.outputs.states()[-1].signals == FailureSignals(closest_m=0.03)


def test_a_reset_starts_an_episode_but_not_the_clock(rig):
    rig.send(value=0.06)
    rig.run(0.1)
    rig.simulation.reset(7)
    state = rig.simulation.state()
    assert (state.seed, state.episode, state.time_s, state.success) == (7, 2, 0.0, False)
    assert state.frames == {"head": 0}
    rig.run(0.05)
    assert rig.simulation.stamp_ns == 150 * MS
    assert not rig.scene.q.any()


def test_faults_silence_what_they_name_until_healed(rig):
    for kind, target in (
        ("camera_silent", "head"),
        ("joint_states_silent", "left"),
        ("arm_disabled", "right"),
    ):
        rig.simulation.inject(kind, target)
    rig.send("right", 0.1)
    rig.run(0.1)
    assert not rig.outputs.stamps("image", "head")
    assert not rig.outputs.stamps("joints", "left")
    assert len(rig.outputs.stamps("joints", "right")) == 20
    assert not rig.scene.q.any()
    assert not rig.simulation.enabled("right")
    rig.simulation.inject("none", "")
    rig.run(0.1)
    assert len(rig.outputs.stamps("image", "head")) == 3
    assert rig.simulation.enabled("right")


@pytest.mark.parametrize(("kind", "target"), [("fire", "head"), ("camera_silent", "tail")])
def test_an_unknown_fault_is_refused(rig, kind, target):
    with pytest.raises(CosimulationError, match=r"known: camera_silent|needs one of head"):
        rig.simulation.inject(kind, target)


def test_a_camera_that_nobody_listens_to_is_not_rendered(rig):
    rig.outputs.deaf.add("head")
    rig.run(0.1)
    assert rig.simulation.state().frames == {"head": 0}


def test_a_state_rate_that_physics_cannot_keep_is_refused(rig):
    with pytest.raises(CosimulationError, match="whole number of physics steps"):
        Cosimulation(FakeScene(), {}, 150, 25, rig.outputs, rig.inbox, rig.pacer)
