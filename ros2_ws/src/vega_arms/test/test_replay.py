"""candump logs as input."""

from __future__ import annotations

import can
import pytest
from vega_arms import buses, protocol
from vega_arms.emulator import Follower, replay
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.sdk_port import SdkPort

LOG = """\
(1716000000.000100) can0 151#010164AD00000000
(1716000000.000220) can0 155#000075300000EA60
(1716000000.000340) can0 156#FFFF503800002710
(1716000000.000460) can0 157#FFFFB1E000015F90
(1716000000.000580) can0 159#00009C4003E80100
"""


def test_a_leaders_log_is_read_and_written_as_it_was(tmp_path):
    path = tmp_path / "leader.log"
    path.write_text(LOG, encoding="ascii")
    logged = list(replay.read(path))
    assert [frame.identifier for frame in logged] == [0x151, 0x155, 0x156, 0x157, 0x159]
    assert "".join(replay.line(frame) + "\n" for frame in logged) == LOG


@pytest.mark.parametrize("line", ["can0 151#01", "(1.0) can0 151#012", "(1.0) can0 15G#01", "x"])
def test_what_is_no_log_is_named(tmp_path, line):
    path = tmp_path / "broken.log"
    path.write_text(LOG + line + "\n", encoding="ascii")
    with pytest.raises(ValueError, match=r"broken\.log:6: expected"):
        list(replay.read(path))


def test_a_log_played_back_gives_the_leaders_pose(tmp_path):
    path = tmp_path / "leader.log"
    path.write_text(LOG, encoding="ascii")
    sender, receiver = (buses.open_bus("virtual", "replay") for _ in range(2))
    assert replay.play(replay.read(path), sender, speed=1000.0) == 5
    poses = []
    decoder = FeedbackDecoder(
        SdkPort("replayed", lambda channel: receiver).sdk, print, poses.append
    )
    for number in range(5):
        decoder.take(receiver.recv(1.0), number * 0.001)
    degrees = (30.0, 60.0, -45.0, 10.0, -20.0, 90.0)
    expected = [protocol.from_millidegrees(round(1000 * d)) for d in degrees]
    assert poses[0].q == pytest.approx((*expected, 0.04))
    sender.shutdown()
    receiver.shutdown()


def test_a_followers_own_frames_make_a_log_that_gives_its_state_back(tmp_path):
    arm = Follower()
    arm.physics.measured.q[:] = [0.1, 0.9, -0.9, 0.2, 0.3, -0.4]
    said = [frame for _ in range(10) for frame in arm.tick()]
    path = tmp_path / "follower.log"
    rows = (replay.Logged(0.0001 * n, "can0", *frame) for n, frame in enumerate(said))
    path.write_text("".join(replay.line(row) + "\n" for row in rows), encoding="ascii")
    states = []
    decoder = FeedbackDecoder(SdkPort("logged", buses.open_bus).sdk, states.append, print)
    for row in replay.read(path):
        decoder.take(_message(row), row.stamp)
    assert len(states) == 9, "the first period has no speeds yet"
    assert states[-1].q[0] == pytest.approx(0.1, abs=2e-5)
    assert not decoder.dropped


def _message(row):
    return can.Message(
        timestamp=row.stamp,
        arbitration_id=row.identifier,
        data=row.data,
        is_extended_id=False,
    )
