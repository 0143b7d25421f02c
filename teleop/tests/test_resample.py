import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleop import resample
from teleop.resample import ResampleError
from vega_core.stamps import NS

MS = 1_000_000


def regular(hz, seconds, start=0):
    return start + np.rint(np.arange(int(hz * seconds)) * NS / hz).astype(np.int64)


@given(
    st.lists(st.integers(0, 10**10), min_size=1, max_size=30, unique=True),
    st.lists(st.integers(-(10**9), 2 * 10**10), min_size=1, max_size=30),
)
def test_nearest_is_what_a_search_through_all_finds(stamps, at):
    stamps, at = np.array(sorted(stamps)), np.array(sorted(at))
    match = resample.nearest(stamps, at)
    expected = np.abs(stamps[None] - at[:, None]).argmin(axis=1)
    assert match.samples.tolist() == expected.tolist()
    assert match.error_ns.tolist() == (stamps[expected] - at).tolist()


def test_of_two_that_are_equally_near_the_earlier_is_taken():
    assert resample.nearest(np.array([0, 10]), np.array([5])).samples.tolist() == [0]


def test_grid_has_no_drift_and_lies_where_all_streams_are():
    camera = regular(30, 10, start=17 * MS)
    joints = regular(200, 9, start=300 * MS)
    points = resample.grid([camera, joints], 25)
    assert points[0] in camera
    assert points[0] >= 300 * MS
    assert points[-1] <= joints[-1]
    exact = points[0] + np.arange(len(points)) * NS / 25
    assert np.abs(points - exact).max() <= 0.5


def test_at_the_cameras_own_rate_every_image_is_used_once():
    camera = regular(30, 5) + np.random.default_rng(0).integers(-2 * MS, 2 * MS, 150)
    match = resample.nearest(camera, resample.grid([camera], 30))
    assert np.array_equal(match.samples, np.arange(len(match.samples)))


def test_no_sample_is_further_than_half_a_sample_of_its_stream():
    camera, joints = regular(30, 5), regular(200, 5, start=1 * MS)
    points = resample.grid([camera, joints], 25)
    assert np.abs(resample.nearest(joints, points).error_ns).max() <= NS / 200 / 2
    assert np.abs(resample.nearest(camera, points).error_ns).max() <= NS / 30 / 2 + 1


def test_streams_that_never_run_together_are_refused():
    with pytest.raises(ResampleError, match="same time"):
        resample.grid([regular(30, 1), regular(200, 1, start=5 * NS)], 25)
    with pytest.raises(ResampleError, match="no samples"):
        resample.grid([regular(30, 1), np.array([], np.int64)], 25)


def test_a_lost_image_is_tolerated_and_counted_many_are_not():
    camera = regular(30, 10)
    points = resample.grid([camera], 25)
    one = resample.fit(resample.nearest(np.delete(camera, 102), points), 25)
    assert one.missing == 1
    resample.check({"camera head": one}, len(points), max_missing=0.01)
    with pytest.raises(ResampleError, match="camera head: 1 of 250 steps"):
        resample.check({"camera head": one}, len(points), max_missing=0.0)
    long = resample.fit(resample.nearest(np.delete(camera, range(100, 104)), points), 25)
    with pytest.raises(ResampleError, match="ms away"):
        resample.check({"camera head": long}, len(points), max_missing=1.0)
