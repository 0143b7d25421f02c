"""The longest valid prefix of an MCAP file, and a whole file made of it.

Only what a checksum vouches for is kept: chunks and attachments. A chunk that a crash tore, and all
after the first damage, is left out. Messages outside of chunks, and chunks without a checksum, as
other programs write them, are kept if the file is whole: up to its end, and by the checksum of all
its data where it has one.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Metadata, Schema
from mcap.writer import MCAP0_MAGIC

from teleop.dataset.chunks import DAMAGE, MAX_CHUNK_BYTES, MessageSpan, records_of, unpack
from teleop.dataset.episode import FileInfo
from teleop.dataset.mcap_file import ChunkBuilder, McapFile
from teleop.dataset.stamps import StreamCounter, StreamFigures
from teleop.errors import EpisodeDamaged
from vega_core.files import OutputFile
from vega_core.stamps import NS

_HEAD = struct.Struct("<BQ")
# A torn chunk that claims to reach further than this is not believed.
_BELIEVABLE_NS = 3600 * NS
# Message indexes are made anew; the header says nothing that matters.
_KNOWN = (
    Opcode.HEADER,
    Opcode.CHUNK,
    Opcode.MESSAGE_INDEX,
    Opcode.ATTACHMENT,
    Opcode.METADATA,
)
_LOOSE = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE)
_PRIVATE = range(0x80, 0x100)
_CHUNK_BYTES = 1 << 20
_CRC_BYTES = 4
_DROPPED: dict[int, str] = {Opcode.ATTACHMENT: "a file of its configuration"}


@dataclass
class Prefix:
    """What was found to be valid.

    Attributes:
        ended: Why it ends there; empty when everything up to the summary is valid.
        dropped: Damaged parts without messages, which are left out.
        unvouched: Whether messages were taken for which no checksum vouches.
        metadata: Named texts.
        torn_until_ns: Log time until which the first damaged chunk reached, if it still says so.
        messages: Number of messages.
        first_ns: First log time.
        last_ns: Last log time.
        counters: Of each topic, by publish times.
    """

    ended: str = ""
    dropped: list[str] = field(default_factory=list)
    unvouched: bool = False
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    torn_until_ns: int | None = None
    messages: int = 0
    first_ns: int = 0
    last_ns: int = 0
    counters: dict[str, StreamCounter] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, StreamFigures]:
        """What is known of each topic."""
        return {topic: counter.figures for topic, counter in self.counters.items()}

    def lost_s(self) -> float:
        """How much of the damaged chunk is lost (s); 0 where that is unknown."""
        lost = (self.torn_until_ns or 0) - self.last_ns
        return lost / NS if self.messages and 0 < lost < _BELIEVABLE_NS else 0.0

    def count(self, topic: str, log_ns: int, publish_ns: int) -> int:
        """Counts a message; returns its number within its topic."""
        self.first_ns = min(self.first_ns, log_ns) if self.messages else log_ns
        self.last_ns = max(self.last_ns, log_ns) if self.messages else log_ns
        self.messages += 1
        counter = self.counters.setdefault(topic, StreamCounter())
        counter.add(publish_ns)
        return counter.count


def salvage(
    path: Path,
    target: Path,
    metadata: dict[str, dict[str, str]],
    open_file: Callable[[Path], OutputFile] = OutputFile,
) -> tuple[Prefix, FileInfo]:
    """Writes the valid prefix of a file as a whole file.

    Args:
        path: The damaged or unfinished file; it is not changed.
        target: The new file; it must not exist.
        metadata: What shall stand in place of the file's own metadata of these names.
        open_file: Makes the new file.

    Raises:
        OSError: A file cannot be read or written; the new one is gone.
    """
    try:
        file = McapFile(target, open_file)
        try:
            prefix, found = _Salvage(path).run(file, metadata)
            file.finish(list(found.schemas.values()), list(found.channels.values()))
        finally:
            file.close()
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return prefix, FileInfo(bytes=file.length, sha256=file.sha256)


class _Definitions:
    """Schemas and channels that were met, and whether messages agree with them."""

    def __init__(self) -> None:
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}

    def chunk(self, raw: bytes, prefix: Prefix) -> ChunkBuilder:
        """A chunk ready to be written; one that is not valid as a whole changes nothing."""
        schemas, channels = dict(self.schemas), dict(self.channels)
        records = list(records_of(raw))
        for record in records:
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                if record.schema_id not in schemas:
                    raise EpisodeDamaged(f"the type of {record.topic} is not defined")
                channels[record.id] = record
            elif record.channel not in channels:
                raise EpisodeDamaged("a message belongs to no topic")
        self.schemas, self.channels = schemas, channels
        builder = ChunkBuilder()
        for record in records:
            if isinstance(record, MessageSpan):
                topic = channels[record.channel].topic
                number = prefix.count(topic, record.log_ns, record.publish_ns)
                data = memoryview(raw)[record.start : record.end]
                builder.add_message(record.channel, number, record.log_ns, record.publish_ns, data)
            else:
                builder.add_record(record)
        return builder


def _checksum_of_whole(path: Path) -> int | None:
    """The checksum of all the data of a file that is whole and fits it, 0 if it has none.

    None: records do not follow one another up to the end mark, or the checksum does not fit.
    """
    with path.open("rb") as file:
        crc = zlib.crc32(file.read(len(MCAP0_MAGIC)))
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            opcode, length = _HEAD.unpack(head)
            if length > MAX_CHUNK_BYTES:
                return None
            body = file.read(length)
            if opcode == Opcode.DATA_END:
                said = struct.unpack_from("<I", body)[0] if length == _CRC_BYTES else 0
                file.seek(-len(MCAP0_MAGIC), os.SEEK_END)
                return said if file.read() == MCAP0_MAGIC and said in (0, crc) else None
            crc = zlib.crc32(body, zlib.crc32(head, crc))
    return None


class _Salvage:
    """One pass over a file, record by record, until the first that is not valid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loose = bytearray()
        self._prefix = Prefix()
        self._definitions = _Definitions()

    def run(
        self, target: McapFile, metadata: dict[str, dict[str, str]]
    ) -> tuple[Prefix, _Definitions]:
        left = dict(metadata)
        with self._path.open("rb") as file:
            for part in self._parts(file):
                if isinstance(part, ChunkBuilder):
                    target.add_chunk(part)
                elif isinstance(part, Attachment):
                    target.add_attachment(part.name, part.media_type, part.data, part.log_time)
                else:
                    self._prefix.metadata.setdefault(part.name, part.metadata)
                    target.add_metadata(part.name, left.pop(part.name, part.metadata))
        for name, values in left.items():
            target.add_metadata(name, values)
        return self._prefix, self._definitions

    def _parts(self, file: IO[bytes]) -> Iterator[ChunkBuilder | Attachment | Metadata]:
        prefix = self._prefix
        size = os.fstat(file.fileno()).st_size
        if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
            prefix.dropped.append("the mark at its beginning")
        while True:
            at = file.tell()
            head = file.read(_HEAD.size)
            if not head:
                prefix.ended = "it was not finished"
                return
            if len(head) < _HEAD.size:
                prefix.ended = "it ends within a record"
                return
            opcode, length = _HEAD.unpack(head)
            if opcode == Opcode.DATA_END:
                yield from self._loose_parts()
                return
            if not self._is_known(opcode) or length > MAX_CHUNK_BYTES:
                prefix.ended = f"it is damaged at byte {at}"
                return
            body = file.read(length)
            if opcode == Opcode.CHUNK and len(body) >= 16:
                prefix.torn_until_ns = struct.unpack_from("<Q", body, 8)[0]
            if len(body) < length:
                torn = at + _HEAD.size + length > size
                prefix.ended = "it ends within a record" if torn else f"byte {at} cannot be read"
                return
            try:
                part = self._part(opcode, body)
            except DAMAGE as error:
                if opcode == Opcode.CHUNK:
                    prefix.ended = f"it is damaged from byte {at} on ({error})"
                    return
                prefix.dropped.append(_DROPPED.get(opcode, f"a record at byte {at}"))
                continue
            prefix.torn_until_ns = None
            if opcode in _LOOSE:
                self._loose += head + body
            if part is not None or len(self._loose) > _CHUNK_BYTES:
                yield from self._loose_parts()
            if part is not None:
                yield part

    def _loose_parts(self) -> Iterator[ChunkBuilder]:
        """What was found outside of chunks, as a chunk."""
        raw, self._loose = bytes(self._loose), bytearray()
        if raw:
            try:
                yield self._definitions.chunk(raw, self._prefix)
            except DAMAGE as error:
                self._prefix.dropped.append(f"messages outside of chunks ({error})")

    def _is_known(self, opcode: int) -> bool:
        return opcode in _KNOWN or (opcode in (*_LOOSE, *_PRIVATE) and self._whole)

    @cached_property
    def _whole(self) -> bool:
        checksum = _checksum_of_whole(self._path)
        self._prefix.unvouched = checksum == 0
        return checksum is not None

    def _part(self, opcode: int, body: bytes) -> ChunkBuilder | Attachment | Metadata | None:
        stream = ReadDataStream(io.BytesIO(body))
        if opcode == Opcode.CHUNK:
            chunk = Chunk.read(stream)
            if not chunk.uncompressed_crc and not self._whole:
                raise EpisodeDamaged("a chunk has no checksum")
            return self._definitions.chunk(unpack(chunk), self._prefix)
        if opcode == Opcode.ATTACHMENT:
            if zlib.crc32(body[:-4]) != struct.unpack("<I", body[-4:])[0]:
                raise EpisodeDamaged("the checksum of an attachment is wrong")
            return Attachment.read(stream)
        if opcode == Opcode.METADATA:
            return Metadata.read(stream)
        return None
