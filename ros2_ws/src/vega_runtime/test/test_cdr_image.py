import struct

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from vega_runtime import images

from vega_core import cdr_image


def serialized(frame_id="head_camera_color_optical_frame", height=4, width=6):
    shape = (height, width, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    message = images.to_message(image, Time(sec=12, nanosec=345_000_000), frame_id)
    return image, message


@pytest.mark.parametrize("frame_id", ["", "a", "ab", "abc", "abcd", "head_camera_color"])
def test_a_serialised_image_is_read_as_it_was_written(frame_id):
    image, message = serialized(frame_id)
    cdr = serialize_message(message)
    assert cdr_image.stamp_s(cdr) == pytest.approx(12.345)
    assert np.array_equal(cdr_image.rgb_pixels(cdr), image)


def test_the_other_byte_order_is_read_too():
    body = struct.pack(">iI", 7, 500_000_000) + struct.pack(">I", 2) + b"a\0" + b"\0\0"
    body += struct.pack(">II", 1, 2) + struct.pack(">I", 5) + b"rgb8\0" + b"\0" + b"\0\0"
    body += struct.pack(">II", 6, 6) + bytes(range(6))
    cdr = b"\0\0\0\0" + body
    assert cdr_image.stamp_s(cdr) == 7.5
    assert cdr_image.rgb_pixels(cdr).ravel().tolist() == list(range(6))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("encoding", "bgr8", "expected an rgb8 image, got 'bgr8'"), ("step", 20, "rows of 18 bytes")],
)
def test_what_is_no_rgb8_image_is_refused(field, value, says):
    _, message = serialized()
    setattr(message, field, value)
    with pytest.raises(ValueError, match=says):
        cdr_image.rgb_pixels(serialize_message(message))


def test_a_message_that_is_cut_short_is_refused():
    _, message = serialized()
    cdr = serialize_message(message)
    for length in (16, 40, len(cdr) - 10):
        with pytest.raises(ValueError, match=r"cut short|expected"):
            cdr_image.rgb_pixels(cdr[:length])


def test_the_header_tells_whose_image_it_is_and_when():
    image, message = serialized("head")
    header, pixels = cdr_image.read_image(serialize_message(message), ("bgr8", "rgb8"))
    assert (header.frame_id, header.encoding, header.stamp_ns) == ("head", "rgb8", 12_345_000_000)
    assert cdr_image.stamp_ns(serialize_message(message)) == header.stamp_ns
    assert np.array_equal(pixels, image)
    with pytest.raises(cdr_image.WrongEncoding, match="expected an mono8 or bgr8 image"):
        cdr_image.read_image(serialize_message(message), ("mono8", "bgr8"))
