"""Rerun as the sink: what is written comes back, and what does not work is told in a sentence.

Rerun is optional. Where it is not installed, opening a view has to say so; where it is, a file is
written and read back.
"""

import importlib.util
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from vega_teleop.rerun_sink import HERE, RerunSink, ViewError

INSTALLED = importlib.util.find_spec("rerun") is not None
CAMERAS, ARMS = ("left_wrist", "head", "right_wrist"), ("left", "right")
NS = 1_000_000_000


def free_ports():
    """Two ports that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind((HERE, 0))
        return first.getsockname()[1], second.getsockname()[1]


def columns(file):
    """Every component that is in the file's recording, by entity: a list of its rows."""
    import pyarrow
    from rerun.chunk import RrdReader

    found = {}
    for chunk in RrdReader(file).stream():
        batch = chunk.to_record_batch()
        for name, column in zip(batch.schema.names, batch.columns):
            key = (chunk.entity_path.strip("/"), name.split(":")[-1])
            if name == "ros_time":
                column = column.cast("int64")
            elif column.type.id == pyarrow.lib.Type_TIMESTAMP:
                continue  # when it was logged
            found.setdefault(key, []).extend(column.to_pylist())
    return found


def test_without_rerun_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ViewError, match=r"needs Rerun.*pip install 'rerun-sdk>=0.41,<0.42'"):
        RerunSink(str(tmp_path / "a.rrd"), CAMERAS, ARMS)
    assert list(tmp_path.iterdir()) == []


def test_a_file_holds_what_was_shown(tmp_path):
    file = tmp_path / "new" / "session.rrd"
    if not INSTALLED:
        with pytest.raises(ViewError, match="needs Rerun"):
            RerunSink(str(file), CAMERAS, ARMS)
        return
    sink = RerunSink(str(file), CAMERAS, ARMS)
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    sink.image("head", 10 * NS, jpeg)
    stamps = np.array([10 * NS, 10 * NS + 20_000_000])
    positions = np.arange(14, dtype=float).reshape(2, 7) / 100
    sink.joints("left", "leader", stamps, positions)
    sink.take(11 * NS, "# RECORDING")
    sink.event(11 * NS, "problem: no images", loud=True)
    sink.coverage(12 * NS, b"\x89PNG")
    sink.close()
    found = columns(file)
    assert bytes(found["cameras/head", "blob"][0][0]) == jpeg
    joints = found["joints/left/leader", "scalars"]
    assert np.array([row for row in joints if row]) == pytest.approx(positions[:, :6])
    gripper = found["gripper/left/leader", "scalars"]
    assert np.array([row for row in gripper if row])[:, 0] == pytest.approx(positions[:, 6])
    assert ["# RECORDING"] in found["take", "text"]
    assert ["problem: no images"] in found["events", "text"]
    assert ["WARN"] in found["events", "level"]
    assert found["joints/left/leader", "ros_time"] == list(stamps)


def test_wrong_use_is_refused(monkeypatch, tmp_path):
    if not INSTALLED:
        return
    with pytest.raises(ViewError, match=r"serve.*window.*\.rrd, got 'somewhere'"):
        RerunSink("somewhere", CAMERAS, ARMS)
    (tmp_path / "file").touch()
    with pytest.raises(ViewError, match="cannot be written to"):
        RerunSink(str(tmp_path / "file" / "a.rrd"), CAMERAS, ARMS)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ViewError, match="there is no display"):
        RerunSink("window", CAMERAS, ARMS)


def test_a_served_view_is_seen_from_this_machine_only_and_ends_with_it():
    if not INSTALLED:
        return
    port, web_port = free_ports()
    sink = RerunSink("serve", CAMERAS, ARMS, port, web_port)
    try:
        assert f"http://{HERE}:{web_port}/?url=" in sink.where
        for number in (port, web_port):
            assert listening(number) == {HERE}
        with pytest.raises(ViewError, match=f"port {port} is taken"):
            RerunSink("serve", CAMERAS, ARMS, port, web_port)
    finally:
        sink.close()
    assert listening(port) == listening(web_port) == set()


def test_a_program_that_does_not_start_is_told(monkeypatch):
    if not INSTALLED:
        return
    monkeypatch.setattr("vega_teleop.rerun_sink._program", lambda: "/bin/false")
    with pytest.raises(ViewError, match="did not start"):
        RerunSink("serve", CAMERAS, ARMS, *free_ports())


def listening(port):
    """Addresses on which this machine listens at a port."""
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows += [row.split() for row in Path(table).read_text().splitlines()]
    listening = "0A"
    found = [row[1] for row in rows if row[3] == listening and row[1].endswith(f":{port:04X}")]
    return {_address(place.split(":")[0]) for place in found}


def _address(place):
    raw = bytes.fromhex(place)
    return socket.inet_ntoa(raw[::-1]) if len(raw) == 4 else "an IPv6 address"
