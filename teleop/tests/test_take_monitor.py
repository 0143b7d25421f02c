"""A bad take is called out while it runs, a good one never is."""

from __future__ import annotations

import pytest

import hw_config
from teleop.recording.take_monitor import RecorderLoad, Stream, TakeMonitor
from vega_core.stamps import NS

LIMITS = hw_config.load().recording
START_NS = 1_790_000_000 * NS
CAMERAS = ("/head", "/left_wrist", "/right_wrist")
FOLLOWER = "/left/follower"
STREAMS = (
    *(Stream(c, f"image of {c}", "camera", 30.0, LIMITS.max_image_gap_s) for c in CAMERAS),
    Stream(FOLLOWER, f"joint state of {FOLLOWER}", "follower", 200.0, LIMITS.max_state_gap_s),
    Stream("/gate/state", "state of the gate"),
    Stream("/left/command", "command to the left arm", "command"),
)
ARRIVES_NS = 10_000_000


class Take:
    """Streams at their rates, that a test spoils."""

    def __init__(self, steady: bool = True) -> None:
        self.watch = TakeMonitor(STREAMS, LIMITS)
        self.load = RecorderLoad()
        self.now_ns = START_NS
        self.steady_ns: int | None = 77 * NS if steady else None
        self.late_ns = dict.fromkeys((s.topic for s in STREAMS), 0)
        self.slower = dict.fromkeys((s.topic for s in STREAMS), 1.0)
        self.silent: set[str] = set()
        self.problems: list[str] = []
        self._due = {s.topic: float(START_NS) for s in STREAMS if s.hz}
        self.watch.start(START_NS)

    def run(self, seconds: float) -> list[str]:
        """Goes on; what was called out since the take began."""
        end_ns = self.now_ns + round(seconds * NS)
        while self.now_ns < end_ns:
            self.now_ns += NS // 10
            if self.steady_ns is not None:
                self.steady_ns += NS // 10
            self._bring()
            self.problems += self.watch.update(self.now_ns, self.load, self.steady_ns)
        return self.problems

    def _bring(self) -> None:
        for stream in STREAMS:
            while stream.hz and self._due[stream.topic] + ARRIVES_NS <= self.now_ns:
                due = self._due[stream.topic]
                if stream.topic not in self.silent:
                    stamp_ns = round(due) + self.late_ns[stream.topic]
                    self.watch.observe(stream.topic, stamp_ns, round(due) + ARRIVES_NS)
                self._due[stream.topic] = due + NS / stream.hz * self.slower[stream.topic]


def test_a_good_take_has_no_problem_and_all_that_was_expected():
    take = Take()
    assert take.run(10.0) == []
    expected = take.watch.expected(take.now_ns)
    assert expected == {**dict.fromkeys(CAMERAS, 300), FOLLOWER: 2000}


def test_a_camera_that_is_not_there_is_called_out_within_a_second():
    take = Take()
    take.silent.add("/head")
    (problem,) = take.run(1.0)
    assert problem.startswith("no image of /head for")
    assert problem.endswith("since the take began")


def test_a_stream_that_ends_is_called_out_within_a_second_and_only_once():
    take = Take()
    take.run(5.0)
    take.silent.add(FOLLOWER)
    assert any(p.startswith(f"no joint state of {FOLLOWER} for 0.") for p in take.run(0.9))
    assert len([p for p in take.run(5.0) if p.startswith("no joint state")]) == 1


def test_a_gap_is_told_with_its_length_and_time():
    take = Take()
    take.run(3.0)
    take.silent.add("/left_wrist")
    take.run(0.3)
    take.silent.clear()
    assert any(
        p.startswith("no image of /left_wrist for 0.3") and "s into the take" in p
        for p in take.run(1.0)
    )


def test_a_camera_at_half_its_rate_is_called_out():
    take = Take()
    take.slower["/head"] = 2.0
    problems = take.run(4.0)
    assert "only 15.0 of 30 a second: image of /head" in problems


def test_single_frames_that_go_missing_add_up():
    take = Take()
    for _ in range(6):
        take.run(1.0)
        take.silent.add("/head")
        take.run(0.1)
        take.silent.clear()
    assert any(p.endswith("are missing: image of /head") for p in take.problems)


def test_cameras_that_are_apart_are_called_out():
    take = Take()
    take.late_ns["/right_wrist"] = -25_000_000
    # Nearest images are then 8 ms apart; half a frame is the most that free cameras can have.
    assert take.run(3.0) == []
    take = Take()
    take.slower["/right_wrist"] = 2.1
    assert any(p.startswith("cameras are 3") for p in take.run(4.0))


def test_images_far_from_joint_states_are_called_out():
    take = Take()
    take.slower[FOLLOWER] = 4.0
    assert any(p.startswith("images and joint states are") for p in take.run(4.0))


@pytest.mark.parametrize(
    ("late_s", "words"),
    [
        (-0.5, "s before it arrives, the computer is too busy or a clock is wrong"),
        (0.5, "s after it arrives, a wrong clock"),
    ],
)
def test_a_wrong_clock_of_a_camera_is_called_out(late_s, words):
    take = Take()
    take.late_ns["/head"] = round(late_s * NS)
    assert any(f"{words}: image of /head" in problem for problem in take.run(2.0))


@pytest.mark.parametrize(("step_s", "way"), [(2.0, "forward by 2.00"), (-2.0, "back by 2.00")])
def test_a_step_of_the_clock_is_called_out(step_s, way):
    take = Take()
    take.run(1.0)
    take.now_ns += round(step_s * NS)
    assert any(f"the clock was set {way} s" in p for p in take.run(0.2))


def test_a_twin_that_stands_still_makes_no_take_bad():
    take = Take(steady=False)
    take.run(2.0)
    for _ in range(100):
        assert take.watch.update(take.now_ns, take.load) == []
    assert take.run(2.0) == []


def test_the_time_of_a_twin_that_runs_back_is_called_out():
    take = Take(steady=False)
    take.run(2.0)
    problems = take.watch.update(take.now_ns - NS, take.load)
    assert any("the clock was set back by 1.00 s" in p for p in problems)


def test_what_the_recorder_loses_is_called_out():
    take = Take()
    take.load.lost_images = 3
    take.load.damaged, take.load.damage = 2, "expected an rgb8 picture"
    take.load.free_bytes = round(LIMITS.min_free_disk_gb * 0.9e9)
    said = " / ".join(take.run(0.1))
    assert "3 images were lost" in said
    assert "2 messages are unusable: expected an rgb8 picture" in said
    assert "the disk is nearly full (1.8 GB left)" in said


def test_a_pause_is_no_gap_and_nothing_is_expected_of_it():
    take = Take()
    take.run(2.0)
    take.watch.pause(take.now_ns)
    take.silent = {s.topic for s in STREAMS}
    assert take.run(5.0) == []
    take.silent.clear()
    take.watch.resume(take.now_ns)
    assert take.run(3.0) == []
    assert take.watch.recorded_ns(take.now_ns) == 5 * NS
    assert take.watch.expected(take.now_ns)[FOLLOWER] == 1000


def test_stamps_that_run_backwards_are_called_out():
    take = Take()
    take.run(1.0)
    take.watch.observe("/head", START_NS, take.now_ns)
    assert "stamps run backwards: image of /head" in take.run(0.1)


def test_a_stamp_that_comes_twice_is_called_out_but_for_commands_in_one_tick_of_the_clock():
    take = Take()
    take.run(1.0)
    for _ in range(2):
        take.watch.observe("/left/command", take.now_ns, take.now_ns)
    assert take.run(0.1) == []
    for _ in range(2):
        take.watch.observe(FOLLOWER, take.now_ns, take.now_ns)
    assert f"the same stamp came twice: joint state of {FOLLOWER}" in take.run(0.1)


def test_reports_of_several_nodes_may_come_in_any_order_with_any_clock():
    take = Take()
    for stamp_ns in (5, START_NS, 5 * NS, 3 * NS) * 10:
        take.watch.observe("/gate/state", stamp_ns, take.now_ns)
        take.run(0.1)
    assert take.problems == []


def test_between_takes_what_lacks_is_named_until_it_comes():
    take = Take()
    take.silent.add("/head")
    take.slower["/left_wrist"] = 2.0
    take.run(3.0)
    assert take.watch.lacking(take.now_ns) == [
        "no image of /head",
        "only about 15 of 30 a second: image of /left_wrist",
    ]
    take.silent.clear()
    take.slower["/left_wrist"] = 1.0
    take.run(3.0)
    assert take.watch.lacking(take.now_ns) == []
