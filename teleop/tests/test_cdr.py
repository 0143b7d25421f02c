import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap_ros2._dynamic import generate_dynamic, serialize_dynamic

from teleop.dataset import cdr
from teleop.errors import EpisodeDamaged
from teleop.tests.definitions import schema

STAMPS = st.integers(0, (2**31 - 1) * 10**9 + 999_999_999)
TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20)
NUMBERS = st.floats(allow_nan=False)
NAMES = tuple(f"joint{i}" for i in range(7))


def decoded(name, data):
    definition = schema(name)
    return generate_dynamic(definition.name, definition.text)[definition.name](data)


def encoded(name, message):
    definition = schema(name)
    return serialize_dynamic(definition.name, definition.text)[definition.name](message)


def nanoseconds(stamp):
    return stamp.sec * 10**9 + stamp.nanosec


@given(STAMPS, TEXTS, st.binary(max_size=50))
def test_image_is_what_the_public_decoder_reads(stamp, frame, jpeg):
    data = cdr.compressed_image(stamp, frame, jpeg)
    message = decoded("sensor_msgs/CompressedImage", data)
    assert nanoseconds(message.header.stamp) == stamp == cdr.header_stamp(data)
    assert (message.header.frame_id, message.format, bytes(message.data)) == (frame, "jpeg", jpeg)
    assert cdr.read_compressed_image(data) == (stamp, "jpeg", jpeg)


@given(STAMPS, TEXTS, st.lists(TEXTS, max_size=9), st.data())
def test_joint_state_is_what_the_public_decoder_reads(stamp, frame, names, data):
    count = len(names)
    vectors = [
        data.draw(st.one_of(st.just([]), st.lists(NUMBERS, min_size=count, max_size=count)))
        for _ in range(3)
    ]
    raw = cdr.joint_state(stamp, names, *vectors, frame_id=frame)
    message = decoded("sensor_msgs/JointState", raw)
    assert nanoseconds(message.header.stamp) == stamp
    assert list(message.name) == names
    found = [list(message.position), list(message.velocity), list(message.effort)]
    assert found == vectors
    series = cdr.read_joint_series("sensor_msgs/msg/JointState", [raw])
    assert series.names == tuple(names)
    for row, vector in zip((series.position, series.velocity, series.effort), vectors):
        if vector:
            assert list(row[0]) == vector
        else:
            assert np.isnan(row).all()


@given(STAMPS, st.integers(0, 2**64 - 1), STAMPS, st.lists(NUMBERS, min_size=7, max_size=7))
def test_command_is_what_the_public_decoder_reads(stamp, sequence, deadline, values):
    raw = cdr.arm_command(stamp, sequence, deadline, NAMES, values)
    message = decoded("vega_msgs/ArmCommand", raw)
    assert (nanoseconds(message.deadline), message.sequence) == (deadline, sequence)
    assert (tuple(message.names), list(message.positions)) == (NAMES, values)
    series = cdr.read_joint_series("vega_msgs/msg/ArmCommand", [raw])
    assert (list(series.position[0]), int(series.stamps_ns[0])) == (values, stamp)


@given(STAMPS, TEXTS, TEXTS)
def test_event_is_what_the_public_decoder_reads(stamp, kind, text):
    raw = cdr.take_event(stamp, kind, text)
    message = decoded("vega_msgs/TakeEvent", raw)
    assert (nanoseconds(message.stamp), message.kind, message.text) == (stamp, kind, text)
    assert cdr.read_take_event(raw) == (stamp, kind, text)


@given(
    st.lists(
        st.tuples(STAMPS, st.lists(NUMBERS, min_size=7, max_size=7), st.sampled_from(["", "a"])),
        min_size=1,
        max_size=20,
    )
)
def test_series_of_unlike_messages_is_read_row_by_row(rows):
    raw = [
        cdr.joint_state(stamp, NAMES, values, values if frame else (), frame_id=frame)
        for stamp, values, frame in rows
    ]
    series = cdr.read_joint_series("sensor_msgs/msg/JointState", raw)
    assert series.stamps_ns.tolist() == [stamp for stamp, _, _ in rows]
    assert series.position.tolist() == [values for _, values, _ in rows]
    assert np.isnan(series.velocity[:, 0]).tolist() == [not frame for _, _, frame in rows]


def test_commands_with_any_sequence_and_deadline_are_read_at_once():
    raw = [cdr.arm_command(k, k * 7, k * 10**9, NAMES, [float(k)] * 7) for k in range(100)]
    series = cdr.read_joint_series("vega_msgs/msg/ArmCommand", raw)
    assert series.position[:, 3].tolist() == [float(k) for k in range(100)]


def test_joints_that_change_within_a_topic_are_refused():
    raw = [cdr.joint_state(0, NAMES, [0.0] * 7), cdr.joint_state(0, NAMES[::-1], [0.0] * 7)]
    with pytest.raises(EpisodeDamaged, match="joints change"):
        cdr.read_joint_series("sensor_msgs/msg/JointState", raw)


def test_values_that_do_not_fit_the_names_are_refused():
    with pytest.raises(EpisodeDamaged, match="7 joints but has 3 values"):
        cdr.read_joint_series("sensor_msgs/msg/JointState", [cdr.joint_state(0, NAMES, [0.0] * 3)])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 7))
def test_nonsense_is_refused_in_words(nonsense, at, bit):
    raw = bytearray(cdr.joint_state(5, NAMES, [1.0] * 7))
    raw[at % len(raw)] ^= 1 << bit
    for data in (nonsense, b"\0\1\0\0" + nonsense, bytes(raw)):
        for name in ("sensor_msgs/msg/JointState", "vega_msgs/msg/ArmCommand"):
            with contextlib.suppress(EpisodeDamaged):
                cdr.read_joint_series(name, [data])
        for read in (cdr.read_compressed_image, cdr.read_take_event, cdr.header_stamp):
            with contextlib.suppress(EpisodeDamaged):
                read(data)


def test_big_endian_messages_are_refused():
    with pytest.raises(EpisodeDamaged, match="little-endian"):
        cdr.header_stamp(b"\0\0\0\0" + bytes(8))
