"""Messages from and to YAML, and the rate meter."""

import array

import pytest
from geometry_msgs.msg import Point, Polygon, PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from vega_ros2_cli.errors import OperatorError
from vega_ros2_cli.interfaces import fill, to_plain, to_yaml
from vega_ros2_cli.topics import RateMeter


def test_values_of_all_kinds_can_be_filled_in():
    state = fill(JointState(), {"name": ["a"], "position": [1], "header": {"stamp": {"sec": 3}}})
    assert (state.name, state.position, state.header.stamp.sec) == (["a"], array.array("d", [1]), 3)
    polygon = fill(Polygon(), {"points": [{"x": 1}, {"y": 2.5}]})
    assert [(point.x, point.y) for point in polygon.points] == [(1.0, 0.0), (0.0, 2.5)]
    assert fill(PoseStamped(), {"pose": {"position": {"z": 2}}}).pose.position == Point(z=2.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"height": "tall"}, "field 'height' of Image is uint32, it cannot be 'tall'"),
        ({"height": -1}, "field 'height' of Image is uint32"),
        ({"encoding": ["rgb8"]}, "expected text"),
        ({"data": 3}, "expected a list"),
        ({"data": [256]}, "expected 0 to 255"),
        ({"header": {"seq": 1}}, "Header has no field 'seq'. Its fields: stamp, frame_id"),
    ],
)
def test_values_that_do_not_fit(fields, message):
    with pytest.raises(OperatorError, match=message):
        fill(Image(), fields)


def test_arrays_of_fixed_size():
    info = fill(CameraInfo(), {"k": [1, 0, 0, 0, 1, 0, 0, 0, 1]})
    assert list(info.k) == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    with pytest.raises(OperatorError, match="expected 9 elements, got 2"):
        fill(CameraInfo(), {"k": [1, 0]})


def test_arrays_can_be_cut_or_left_out():
    image = Image(height=1, data=bytes(range(200)))
    plain = to_plain(image, limit=3)
    assert plain["data"] == [0, 1, 2, "..."]
    assert to_plain(image, arrays=False)["data"] == "<array of 200 elements>"
    assert to_yaml({"a": [1, 2], "ä": 1.0}, flow_style=True) == "{a: [1, 2], ä: 1.0}\n"
    assert to_yaml(1.5) == "1.5\n"


def test_the_rate_is_the_mean_over_the_window():
    meter = RateMeter(window=2)
    assert meter.report() is None
    for now_s in (0.0, 5.0, 5.1, 5.3):
        meter.add(now_s)
    assert meter.report() == (
        "average rate: 6.667\n\tmin: 0.100s max: 0.200s std dev: 0.05000s window: 2"
    )
