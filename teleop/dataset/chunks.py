"""Messages inside the chunks of an MCAP file, without copying what is not wanted."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, ChunkIndex, Schema

from teleop.errors import EpisodeDamaged

_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
# What the public readers and decompressors raise on damaged bytes.
DAMAGE = (
    McapError,
    EpisodeDamaged,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,
    zstandard.ZstdError,
)
MAX_CHUNK_BYTES = 1 << 30


class MessageSpan(NamedTuple):
    """Where a message lies in its chunk: data[start:end]."""

    channel: int
    log_ns: int
    publish_ns: int
    start: int
    end: int


def unpack(chunk: Chunk) -> bytes:
    """The records of a chunk.

    Raises:
        EpisodeDamaged: The checksum is wrong, or the chunk cannot be decompressed.
    """
    if chunk.uncompressed_size > MAX_CHUNK_BYTES:
        raise EpisodeDamaged(f"a chunk claims to have {chunk.uncompressed_size} bytes")
    try:
        if chunk.compression == "lz4":
            raw = bytes(lz4.frame.decompress(chunk.data))
        elif chunk.compression == "zstd":
            raw = zstandard.decompress(chunk.data, chunk.uncompressed_size)
        elif chunk.compression == "":
            raw = chunk.data
        else:
            raise EpisodeDamaged(f"a chunk is compressed with {chunk.compression!r}")
    except (RuntimeError, ValueError, zstandard.ZstdError, MemoryError) as error:
        raise EpisodeDamaged(f"a chunk cannot be decompressed ({error})") from None
    if len(raw) != chunk.uncompressed_size:
        raise EpisodeDamaged("a chunk has another size than it claims")
    if chunk.uncompressed_crc and zlib.crc32(raw) != chunk.uncompressed_crc:
        raise EpisodeDamaged("the checksum of a chunk is wrong")
    return raw


def read_chunk(file: IO[bytes], index: ChunkIndex) -> bytes:
    """The records of the chunk that an index points at.

    Raises:
        EpisodeDamaged: It is not there, or its checksum is wrong.
    """
    stream = ReadDataStream(file)
    try:
        file.seek(index.chunk_start_offset)
        opcode, length = stream.read1(), stream.read8()
        if opcode != Opcode.CHUNK or length + _HEAD.size != index.chunk_length:
            raise EpisodeDamaged(f"there is no chunk at byte {index.chunk_start_offset}")
        return unpack(Chunk.read(stream))
    except EpisodeDamaged:
        raise
    except (*DAMAGE, OSError) as error:
        raise EpisodeDamaged(f"a chunk cannot be read ({error})") from None


def records_of(raw: bytes) -> Iterator[MessageSpan | Schema | Channel]:
    """Messages, schemas and channels of a chunk, in order.

    Raises:
        EpisodeDamaged: The records do not fill the chunk.
    """
    at, end = 0, len(raw)
    while at < end:
        if at + _HEAD.size > end:
            raise EpisodeDamaged("a chunk ends within a record")
        opcode, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        if at + length > end:
            raise EpisodeDamaged("a chunk ends within a record")
        if opcode == Opcode.MESSAGE:
            if length < _MESSAGE.size:
                raise EpisodeDamaged("a message is shorter than its head")
            channel, _, log_ns, publish_ns = _MESSAGE.unpack_from(raw, at)
            yield MessageSpan(channel, log_ns, publish_ns, at + _MESSAGE.size, at + length)
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            yield _definition(opcode, raw[at : at + length])
        at += length


def _definition(opcode: int, body: bytes) -> Schema | Channel:

    stream = ReadDataStream(io.BytesIO(body))
    try:
        return Schema.read(stream) if opcode == Opcode.SCHEMA else Channel.read(stream)
    except DAMAGE as error:
        raise EpisodeDamaged(f"a definition cannot be read ({error})") from None
