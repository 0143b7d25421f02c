"""Images keep their colours and their order, and a full queue refuses instead of growing."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from teleop.dataset.cdr import CdrWriter, read_compressed_image
from teleop.errors import TeleopError
from teleop.recording.jpeg import Encoders, read_image, to_compressed

STAMP_NS = 1_790_000_000_123_456_789


def image_message(
    pixels: np.ndarray,
    encoding: str = "rgb8",
    frame_id: str = "camera",
    step: int | None = None,
    stamp_ns: int = STAMP_NS,
) -> bytes:
    """A serialised sensor_msgs/Image."""
    height, width, _ = pixels.shape
    writer = CdrWriter().header(stamp_ns, frame_id).uint32(height).uint32(width).string(encoding)
    data = bytearray(writer.bytes()) + b"\x00"
    data += b"\x00" * (-(len(data) - 4) % 4)
    data += np.uint32(3 * width if step is None else step).tobytes()
    data += np.uint32(pixels.size).tobytes() + pixels.tobytes()
    return bytes(data)


def plain(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((48, 64, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize("frame_id", ["", "c", "camera_color_optical_frame"])
def test_an_image_is_read_whatever_the_length_of_its_frame(frame_id):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    image = read_image(image_message(pixels, frame_id=frame_id))
    assert (image.stamp_ns, image.frame_id) == (STAMP_NS, frame_id)
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize(("encoding", "sent"), [("rgb8", (200, 30, 60)), ("bgr8", (60, 30, 200))])
def test_colours_and_stamp_survive(encoding, sent):
    stamp_ns, name, jpeg = read_compressed_image(
        to_compressed(image_message(plain(*sent), encoding), 95)
    )
    assert (stamp_ns, name) == (STAMP_NS, "jpeg")
    blue_green_red = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(blue_green_red[20, 20], (60, 30, 200), atol=4)


def test_the_quality_matters():
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    message = image_message(pixels)
    assert len(to_compressed(message, 95)) > 1.5 * len(to_compressed(message, 50))


def test_what_is_no_colour_image_is_refused_by_name():
    with pytest.raises(TeleopError, match="expected an rgb8 or bgr8 image, got 'mono8'"):
        read_image(image_message(plain(1, 2, 3), "mono8"))
    with pytest.raises(TeleopError, match="in rows of 200"):
        read_image(image_message(plain(1, 2, 3), step=200))
    with pytest.raises(TeleopError):
        read_image(image_message(plain(1, 2, 3))[:-1])


def test_images_of_a_lane_come_out_in_order_and_drain_waits_for_them():
    encoders = Encoders(threads=2, quality=90, most_waiting=100)
    came: dict[int, list[bytes]] = {0: [], 1: [], 2: []}
    for number in range(20):
        for lane, images in came.items():
            assert encoders.offer(
                lane, image_message(plain(number, lane, 0)), images.append, pytest.fail
            )
    assert encoders.drain(30.0)
    encoders.close()
    for lane, images in came.items():
        assert images == [
            to_compressed(image_message(plain(number, lane, 0)), 90) for number in range(20)
        ]


def test_one_image_too_many_is_refused_at_once():
    encoders = Encoders(threads=1, quality=90, most_waiting=3)
    go_on = threading.Event()
    message = image_message(plain(1, 2, 3))
    taken = [encoders.offer(0, message, lambda data: go_on.wait(30.0), pytest.fail) for _ in "1234"]
    assert taken == [True, True, True, False]
    assert not encoders.drain(0.0)
    go_on.set()
    assert encoders.drain(30.0)
    encoders.close()


def test_an_image_that_cannot_be_encoded_is_told_and_the_next_one_is():
    encoders = Encoders(threads=1, quality=90, most_waiting=3)
    good: list[bytes] = []
    bad: list[str] = []
    encoders.offer(0, image_message(plain(1, 2, 3), "mono8"), good.append, bad.append)
    encoders.offer(0, image_message(plain(1, 2, 3)), good.append, bad.append)
    assert encoders.drain(30.0)
    encoders.close()
    assert len(good) == 1
    assert bad == ["expected an rgb8 or bgr8 image, got 'mono8'"]
