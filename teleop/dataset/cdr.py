"""The few ROS 2 messages that are written or read without ROS, as CDR (plain, little-endian).

`teleop` stores every other message as the bytes in which it came.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teleop.errors import EpisodeDamaged
from vega_core.stamps import NS

_ENCAPSULATION = b"\x00\x01\x00\x00"
_BODY = len(_ENCAPSULATION)
_STAMP = struct.Struct("<iI")
_LENGTH = struct.Struct("<I")
Vectors = NDArray[np.float64]


class CdrWriter:
    """Appends fields in the order of the message definition."""

    def __init__(self) -> None:
        self._buffer = bytearray(_ENCAPSULATION)

    def _align(self, size: int) -> None:
        self._buffer += b"\x00" * (-(len(self._buffer) - _BODY) % size)

    def uint32(self, value: int) -> CdrWriter:
        self._align(4)
        self._buffer += _LENGTH.pack(value)
        return self

    def uint64(self, value: int) -> CdrWriter:
        self._align(8)
        self._buffer += struct.pack("<Q", value)
        return self

    def stamp(self, time_ns: int) -> CdrWriter:
        """A builtin_interfaces/Time."""
        self._align(4)
        self._buffer += _STAMP.pack(*divmod(time_ns, NS))
        return self

    def string(self, text: str) -> CdrWriter:
        data = text.encode()
        self.uint32(len(data) + 1)
        self._buffer += data + b"\x00"
        return self

    def strings(self, texts: Sequence[str]) -> CdrWriter:
        self.uint32(len(texts))
        for text in texts:
            self.string(text)
        return self

    def blob(self, data: bytes | memoryview) -> CdrWriter:
        """A uint8[]."""
        self.uint32(len(data))
        self._buffer += data
        return self

    def float64s(self, values: Sequence[float] | Vectors) -> CdrWriter:
        """A float64[]."""
        self.uint32(len(values))
        if len(values):
            self._align(8)
            self._buffer += np.asarray(values, dtype="<f8").tobytes()
        return self

    def header(self, stamp_ns: int, frame_id: str = "") -> CdrWriter:
        """A std_msgs/Header."""
        return self.stamp(stamp_ns).string(frame_id)

    def bytes(self) -> bytes:
        return bytes(self._buffer)


class CdrReader:
    """Reads fields in the order of the message definition.

    Raises:
        EpisodeDamaged: The bytes end early, or are not little-endian CDR.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        if bytes(data[:2]) != _ENCAPSULATION[:2]:
            raise EpisodeDamaged("a message is not little-endian CDR")
        self._data = data
        self.at = _BODY

    def _take(self, size: int, alignment: int) -> int:
        start = self.at + (-(self.at - _BODY) % alignment)
        if start + size > len(self._data):
            raise EpisodeDamaged(f"a message of {len(self._data)} bytes ends within a field")
        self.at = start + size
        return start

    def uint32(self) -> int:
        return int(_LENGTH.unpack_from(self._data, self._take(4, 4))[0])

    def uint64(self) -> int:
        return int(struct.unpack_from("<Q", self._data, self._take(8, 8))[0])

    def stamp(self) -> int:
        seconds, rest = _STAMP.unpack_from(self._data, self._take(8, 4))
        return int(seconds) * NS + int(rest)

    def string(self) -> str:
        length = self.uint32()
        start = self._take(length, 1)
        return bytes(self._data[start : start + max(length - 1, 0)]).decode("utf-8", "replace")

    def strings(self) -> tuple[str, ...]:
        return tuple(self.string() for _ in range(self.uint32()))

    def blob(self) -> bytes:
        length = self.uint32()
        start = self._take(length, 1)
        return bytes(self._data[start : start + length])

    def float64s(self) -> tuple[int, int]:
        """Offset and number of the elements of a float64[]."""
        length = self.uint32()
        return (self._take(8 * length, 8) if length else self.at), length


def header_stamp(data: bytes | memoryview) -> int:
    """Capture stamp (ns) of any message that starts with a Header or a Time.

    Raises:
        EpisodeDamaged: The message is too short for one.
    """
    return CdrReader(data).stamp()


def compressed_image(stamp_ns: int, frame_id: str, jpeg: bytes | memoryview) -> bytes:
    """A sensor_msgs/CompressedImage with a JPEG."""
    return CdrWriter().header(stamp_ns, frame_id).string("jpeg").blob(jpeg).bytes()


def read_compressed_image(data: bytes | memoryview) -> tuple[int, str, bytes]:
    """Stamp (ns), format and image of a sensor_msgs/CompressedImage."""
    reader = CdrReader(data)
    stamp = reader.stamp()
    reader.string()
    return stamp, reader.string(), reader.blob()


def joint_state(
    stamp_ns: int,
    names: Sequence[str],
    position: Sequence[float] | Vectors,
    velocity: Sequence[float] | Vectors = (),
    effort: Sequence[float] | Vectors = (),
    frame_id: str = "",
) -> bytes:
    """A sensor_msgs/JointState."""
    writer = CdrWriter().header(stamp_ns, frame_id).strings(names)
    return writer.float64s(position).float64s(velocity).float64s(effort).bytes()


def arm_command(
    stamp_ns: int,
    sequence: int,
    deadline_ns: int,
    names: Sequence[str],
    positions: Sequence[float] | Vectors,
) -> bytes:
    """A vega_msgs/ArmCommand."""
    writer = CdrWriter().header(stamp_ns).uint64(sequence).stamp(deadline_ns)
    return writer.strings(names).float64s(positions).bytes()


def take_event(stamp_ns: int, kind: str, text: str) -> bytes:
    """A vega_msgs/TakeEvent."""
    return CdrWriter().stamp(stamp_ns).string(kind).string(text).bytes()


def read_take_event(data: bytes | memoryview) -> tuple[int, str, str]:
    """Stamp (ns), kind and text of a vega_msgs/TakeEvent."""
    reader = CdrReader(data)
    return reader.stamp(), reader.string(), reader.string()


class JointSeries(NamedTuple):
    """N messages of one arm. Vectors that a message leaves out are NaN.

    Attributes:
        names: The joints of a row.
        stamps_ns: int64 [N].
        position: float64 [N, J].
        velocity: float64 [N, J].
        effort: float64 [N, J].
    """

    names: tuple[str, ...]
    stamps_ns: NDArray[np.int64]
    position: Vectors
    velocity: Vectors
    effort: Vectors


class _Form(NamedTuple):
    """Where a message has its names and vectors: (offset, length) of each vector."""

    names: tuple[str, ...]
    vectors: tuple[tuple[int, int], ...]


def _joint_state_form(data: bytes) -> _Form:
    reader = CdrReader(data)
    reader.stamp()
    reader.string()
    return _Form(reader.strings(), (reader.float64s(), reader.float64s(), reader.float64s()))


def _arm_command_form(data: bytes) -> _Form:
    reader = CdrReader(data)
    reader.stamp()
    reader.string()
    reader.uint64()
    reader.stamp()
    return _Form(reader.strings(), (reader.float64s(),))


_FORMS = {
    "sensor_msgs/msg/JointState": _joint_state_form,
    "vega_msgs/msg/ArmCommand": _arm_command_form,
}


def read_joint_series(schema: str, messages: Sequence[bytes]) -> JointSeries:
    """Reads JointState or ArmCommand messages of one topic (a command has positions only).

    Raises:
        EpisodeDamaged: A message is malformed, or names other joints than the first one.
    """
    form_of = _FORMS[schema]
    first = form_of(messages[0])
    count, joints = len(messages), len(first.names)
    vectors = np.full((3, count, joints), np.nan)
    stamps = np.empty(count, dtype=np.int64)
    # Messages of one sender have the same length nearly always, so they are read as a table.
    by_length: dict[int, list[int]] = {}
    for row, message in enumerate(messages):
        by_length.setdefault(len(message), []).append(row)
    for length, rows in by_length.items():
        table = np.frombuffer(b"".join(messages[row] for row in rows), dtype=np.uint8)
        table = table.reshape(len(rows), length)
        form = form_of(messages[rows[0]])
        _check(form, first)
        alike = _alike(table, form, schema)
        where = np.asarray(rows)
        _fill(vectors, stamps, where[alike], table[alike], form)
        for row in where[~alike]:
            odd = form_of(messages[row])
            _check(odd, first)
            single = np.frombuffer(messages[row], dtype=np.uint8)[None]
            _fill(vectors, stamps, np.array([row]), single, odd)
    return JointSeries(first.names, stamps, vectors[0], vectors[1], vectors[2])


def _check(form: _Form, first: _Form) -> None:
    if form.names != first.names:
        raise EpisodeDamaged(
            f"the joints change within a topic: {', '.join(first.names)} "
            f"became {', '.join(form.names)}"
        )
    for _, length in form.vectors:
        if length not in (0, len(form.names)):
            raise EpisodeDamaged(
                f"a message names {len(form.names)} joints but has {length} values"
            )


def _alike(table: NDArray[np.uint8], form: _Form, schema: str) -> NDArray[np.bool_]:
    """Which rows differ from the first in stamps, counters and values only."""
    fixed = np.ones(table.shape[1], dtype=bool)
    fixed[_BODY : _BODY + 8] = False
    for offset, length in form.vectors:
        fixed[offset : offset + 8 * length] = False
    if schema == "vega_msgs/msg/ArmCommand":
        reader = CdrReader(table[0].tobytes())
        reader.stamp()
        reader.string()
        start = reader.at
        reader.uint64()
        reader.stamp()
        fixed[start : reader.at] = False
    alike: NDArray[np.bool_] = (table[:, fixed] == table[0, fixed]).all(axis=1)
    return alike


def _fill(
    vectors: Vectors,
    stamps: NDArray[np.int64],
    rows: NDArray[np.int64],
    table: NDArray[np.uint8],
    form: _Form,
) -> None:
    seconds = np.ascontiguousarray(table[:, _BODY : _BODY + 4]).view("<i4")[:, 0]
    rest = np.ascontiguousarray(table[:, _BODY + 4 : _BODY + 8]).view("<u4")[:, 0]
    stamps[rows] = seconds.astype(np.int64) * NS + rest
    for which, (offset, length) in enumerate(form.vectors):
        if length:
            block = np.ascontiguousarray(table[:, offset : offset + 8 * length])
            vectors[which, rows] = block.view("<f8")
