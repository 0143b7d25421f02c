"""The protocol: layouts, round trips, and what is not a frame."""

from __future__ import annotations

import random

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vega_arms import frames, protocol, sdk_adapter
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.sdk_port import SdkPort

from benches.arms import fuzz

_WIDTHS = {"B": (0, 255), "b": (-128, 127), "H": (0, 65535), "h": (-32768, 32767)}
_WIDTHS["i"] = (-(2**31), 2**31 - 1)


def _values(kind: type) -> st.SearchStrategy:
    """Any frame of a kind."""
    if kind is frames.Text:
        return st.builds(frames.Text, st.binary(min_size=8, max_size=8))
    codes, count = [], ""
    for char in protocol._FORMATS[kind][1:]:
        if char.isdigit():
            count += char
            continue
        if char != "x":
            codes += [char] * int(count or 1)
        count = ""
    return st.tuples(*(st.integers(*_WIDTHS[code]) for code in codes)).map(kind._make)


@given(st.data())
def test_every_kind_of_frame_survives_the_bus(data):
    identifier = data.draw(st.sampled_from(sorted(protocol.KINDS)))
    frame = data.draw(_values(protocol.KINDS[identifier]))
    sent, payload = protocol.encode(identifier, frame)
    assert sent == identifier
    assert len(payload) == 8
    assert protocol.decode(identifier, payload) == frame


@given(st.sampled_from(sorted(protocol.KINDS)), st.data())
def test_a_number_too_large_for_its_field_becomes_the_nearest(identifier, data):
    kind = protocol.KINDS[identifier]
    if kind is frames.Text:
        return
    numbers = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=8)
    values = (data.draw(numbers) * 8)[: len(kind._fields)]
    _, payload = protocol.encode(identifier, kind._make(values))
    for asked, came in zip(values, protocol.decode(identifier, payload)):
        assert came == asked or abs(came) <= abs(asked)


@given(st.integers(0, 0x7FF), st.binary(max_size=8))
def test_nothing_raises(identifier, data):
    frame = protocol.decode(identifier, data)
    assert (frame is None) == (identifier not in protocol.KINDS or len(data) != 8)


def test_a_frame_is_not_put_under_an_identifier_of_another_kind():
    with pytest.raises(ValueError, match="0x2A1 does not carry Mode"):
        protocol.encode(frames.STATUS, frames.Mode(1, 1))


@pytest.mark.parametrize(
    ("identifier", "data", "frame"),
    [
        # As a leader says it on its bus.
        (0x151, "010164AD00000000", frames.Mode(1, 1, 100, frames.HIGH_FOLLOW)),
        (0x471, "0702000000000000", frames.Enable(7, 2)),
        # 30 and 60 degrees; 40 mm with 1 N m; motor 2 from 0 to 180 degrees at 3 rad/s.
        (0x155, "000075300000EA60", frames.Pair(30000, 60000)),
        (0x159, "00009C4003E80100", frames.GripperTarget(40000, 1000, 1)),
        (0x473, "02070800000BB800", frames.MotorLimits(2, 1800, 0, 3000)),
        (0x2A7, "FFFFB1E000015F90", frames.Pair(-20000, 90000)),
    ],
)
def test_known_bytes(identifier, data, frame):
    assert protocol.encode(identifier, frame) == (identifier, bytes.fromhex(data))


class _Recorder(can.BusABC):
    def __init__(self):
        super().__init__(channel="recorder")
        self.seen = []

    def send(self, msg, timeout=None):
        self.seen.append((msg.arbitration_id, bytes(msg.data)))


def test_the_vendors_sdk_writes_the_same_bytes():
    recorder = _Recorder()
    port = SdkPort("compared", lambda channel: recorder, mount="right")
    port.open()
    port.mode(frames.HIGH_FOLLOW, 60)
    port.joints([0.1, 0.2, -0.3, 0.4, -0.5, 0.6])
    port.gripper(0.04, 1.0)
    port.enable_motor(3)
    port.gripper_stroke(70)
    port.reset()
    millidegrees = [5730, 11459, -17189, 22918, -28648, 34377]
    assert recorder.seen == [
        protocol.encode(frames.MODE, frames.Mode(1, 1, 60, frames.HIGH_FOLLOW, mount=3)),
        *protocol.joint_pairs(frames.JOINT_TARGET, millidegrees),
        protocol.encode(frames.GRIPPER_TARGET, frames.GripperTarget(40000, 1000, 1)),
        protocol.encode(frames.ENABLE, frames.Enable(3, 2)),
        protocol.encode(frames.SET_GRIPPER, frames.GripperSetup(100, 70, 1)),
        protocol.encode(frames.MOTION, frames.Motion(2)),
    ]
    port.close()


@given(st.sampled_from(frames.HIGH_SPEED), st.binary(min_size=8, max_size=8))
def test_the_vendors_sdk_reads_the_same_of_motors(identifier, data):
    port, heard = SdkPort("read", lambda channel: _Recorder()), []
    decoder = FeedbackDecoder(port.sdk, heard.append, heard.append)
    still = [(i, bytes(8)) for i in (*frames.HIGH_SPEED, *frames.JOINT_FEEDBACK)]
    said = {**dict(still), identifier: data, frames.GRIPPER_FEEDBACK: bytes(8)}
    for number, payload in said.items():
        message = can.Message(arbitration_id=number, is_extended_id=False, data=payload)
        port.sdk.ParseCANFrame(message)
        decoder.take(message, 1.0)
    joint = identifier - frames.HIGH_SPEED[0]
    told = getattr(port.sdk.GetArmHighSpdInfoMsgs(), f"motor_{joint + 1}")
    assert heard[0].effort[joint] == pytest.approx(1e-3 * told.effort)
    assert heard[0].dq[joint] == pytest.approx(1e-3 * min(max(told.motor_speed, -30e3), 30e3))


def test_the_sdk_is_used_as_it_is():
    recorder = _Recorder()
    sdk_adapter.install(lambda channel: recorder)
    sdk = SdkPort("unchanged", lambda channel: recorder).sdk
    sdk.CreateCanBus("unchanged", judge_flag=True)
    sdk.EnableArm(2)
    assert recorder.seen == [protocol.encode(frames.ENABLE, frames.Enable(2, 2))]
    connection = sdk.GetCanBus()
    assert connection.recv_bus is connection.send_bus


def test_random_frames_raise_nothing_anywhere():
    figures = fuzz.run(20_000, seed=random.randrange(1000))
    assert figures["raised"] == figures["swallowed"] == 0
