import math
from dataclasses import dataclass

import pytest

from teleop.session.progress import SessionProgress, format_duration


@dataclass(frozen=True)
class Info:
    ended: str
    outcome: str = "success"
    problems: tuple[str, ...] = ()


def test_nothing_is_estimated_before_there_are_two():
    progress = SessionProgress(100)
    progress.add(10.0)
    assert str(progress) == "1/100"
    assert math.isnan(progress.left_s)


def test_rate_and_time_left_come_from_one_saved_episode_to_the_next():
    progress = SessionProgress(100)
    for n in range(37):
        progress.add(70.0 * n)
    assert progress.left_s == pytest.approx(63 * 70.0)
    assert str(progress) == "37/100, 51 an hour, 1 h 13 min left"


def test_breaks_do_not_count():
    progress = SessionProgress(10)
    for time_s in (0.0, 60.0, 120.0, 4000.0, 4060.0):
        progress.add(time_s)
    assert progress.per_hour == pytest.approx(60.0)


def test_a_session_taken_up_again_knows_the_rate_of_the_last_one():
    ends = ["2026-11-22T10:00:00+00:00", "2026-11-22T10:00:30+00:00", "2026-11-22T10:01:00Z"]
    progress = SessionProgress(5, [Info(end) for end in ends] + [Info(ends[0], "failure")])
    assert progress.saved == 3
    assert progress.left_s == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (90, "2 min"), (3570, "1 h 00 min"), (4400, "1 h 13 min")],
)
def test_times_as_people_say_them(seconds, words):
    assert format_duration(seconds) == words
