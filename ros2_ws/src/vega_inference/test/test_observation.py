import numpy as np
import pytest
from vega_inference.observation import ObservationBuffer, StaleObservation


@pytest.fixture
def buffer():
    return ObservationBuffer(
        {"head": 30.0, "left_wrist": 30.0},
        {"left": 2, "right": 1},
        max_image_age_s=0.2,
        max_state_age_s=0.1,
        decode=lambda frame: np.frombuffer(frame, np.uint8),
    )


def fill(buffer, now_s=10.0):
    """Frames and joint states of every source at `now_s`."""
    for camera in ("head", "left_wrist"):
        buffer.add_frame(camera, now_s, camera.encode())
    buffer.add_state("left", now_s, [1.0, 2.0])
    buffer.add_state("right", now_s, [3.0])


def test_a_snapshot_has_the_newest_frames_and_the_state_at_the_oldest_of_their_stamps(buffer):
    buffer.add_frame("head", 10.00, b"old")
    buffer.add_frame("head", 10.033, b"new")
    buffer.add_frame("left_wrist", 10.012, b"wrist")
    for arm, start in (("left", [0.0, 1.0]), ("right", [5.0])):
        buffer.add_state(arm, 10.010, start)
        buffer.add_state(arm, 10.015, [q + 1.0 for q in start])
        buffer.add_state(arm, 10.035, [q + 9.0 for q in start])
    snapshot = buffer.snapshot(10.04)
    assert bytes(snapshot.images["head"]) == b"new"
    assert snapshot.stamp_s == 10.012
    assert snapshot.state == pytest.approx([0.4, 1.4, 5.4], abs=1e-5)
    assert snapshot.state.dtype == np.float32
    assert snapshot.age_s == pytest.approx(0.028)


def test_a_state_from_before_the_frame_is_taken_as_it_is(buffer):
    fill(buffer)
    buffer.add_frame("head", 10.02, b"")
    buffer.add_frame("left_wrist", 10.02, b"")
    assert buffer.snapshot(10.02).state == pytest.approx([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        ("head", "head camera: no frame yet"),
        ("left_wrist", "left_wrist camera: no frame yet"),
        ("right", "right arm: no joint state yet"),
    ],
)
def test_what_never_came_is_named(buffer, lacking, says):
    for camera in {"head", "left_wrist"} - {lacking}:
        buffer.add_frame(camera, 10.0, b"")
    buffer.add_state("left", 10.0, [0.0, 0.0])
    if lacking != "right":
        buffer.add_state("right", 10.0, [0.0])
    with pytest.raises(StaleObservation, match=says):
        buffer.snapshot(10.0)


def test_a_camera_that_stopped_is_named_with_its_age(buffer):
    fill(buffer, 10.0)
    fill(buffer, 10.5)
    buffer.add_frame("left_wrist", 11.03, b"")
    with pytest.raises(StaleObservation) as caught:
        buffer.snapshot(11.03)
    assert str(caught.value) == "head camera: last frame is 0.53 s old (limit 0.2 s)"
    assert caught.value.sources == ("head",)
    assert caught.value.cameras


def test_silent_joint_states_are_told_from_silent_cameras(buffer):
    fill(buffer)
    with pytest.raises(StaleObservation) as caught:
        buffer.check(10.15)
    assert str(caught.value) == "left arm: last joint state is 0.15 s old (limit 0.1 s)"
    assert not caught.value.cameras


def test_missing_frames_are_counted_by_their_stamps(buffer):
    for k in (0, 1, 2, 4, 5, 8):
        buffer.add_frame("head", 10.0 + k / 30, b"")
    assert buffer.frames_received == {"head": 6, "left_wrist": 0}
    assert buffer.frames_dropped == {"head": 3, "left_wrist": 0}
    buffer.add_frame("head", 20.0, b"")  # an outage, not a loss
    assert buffer.frames_dropped["head"] == 3
    buffer.reset_counts()
    assert buffer.frames_received == buffer.frames_dropped == {"head": 0, "left_wrist": 0}


def test_late_frames_and_states_do_not_replace_newer_ones(buffer):
    fill(buffer)
    buffer.add_frame("head", 9.9, b"late")
    buffer.add_state("right", 9.9, [7.0])
    snapshot = buffer.snapshot(10.0)
    assert bytes(snapshot.images["head"]) == b"head"
    assert snapshot.state[2] == 3.0


def test_time_that_is_set_back_starts_anew(buffer):
    fill(buffer, 50.0)
    fill(buffer, 3.0)
    assert buffer.snapshot(3.0).stamp_s == 3.0


def test_states_of_the_wrong_length_are_dropped(buffer):
    fill(buffer)
    buffer.add_state("right", 10.01, [0.0, 0.0])
    assert buffer.snapshot(10.01).state == pytest.approx([1.0, 2.0, 3.0])
