"""The records of an MCAP file in their order: chunks, attachments, metadata, summary, footer.

The layout is that of the public MCAP specification with profile "ros2". Schemas and channels lie
inside the chunks, whose checksum then covers them.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lz4.frame
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from mcap.writer import MCAP0_MAGIC

from vega_core.files import OutputFile

PROFILE = "ros2"
LIBRARY = "vega teleop"
_MESSAGE = struct.Struct("<BQHIQQ")
_RECORD_HEAD = 9
# Images do not shrink; a chunk is stored compressed only where that saves something.
_WORTH_COMPRESSING = 0.97


@dataclass(frozen=True)
class MessageTimes:
    """Log times (ns) of a chunk's messages and their offsets in the chunk, by channel."""

    index: dict[int, list[tuple[int, int]]]
    start_ns: int
    end_ns: int


class ChunkBuilder:
    """Collects the records of a chunk."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._index: dict[int, list[tuple[int, int]]] = {}

    def add_record(self, record: Schema | Channel) -> None:
        self.data += bytes_of(record)

    def add_message(
        self, channel: int, sequence: int, log_ns: int, publish_ns: int, data: bytes | memoryview
    ) -> None:
        self._index.setdefault(channel, []).append((log_ns, len(self.data)))
        length = _MESSAGE.size - _RECORD_HEAD + len(data)
        self.data += _MESSAGE.pack(
            Opcode.MESSAGE, length, channel, sequence & 0xFFFFFFFF, log_ns, publish_ns
        )
        self.data += data

    def times(self) -> MessageTimes:
        all_times = [log for entries in self._index.values() for log, _ in entries]
        return MessageTimes(self._index, min(all_times, default=0), max(all_times, default=0))


class McapFile:
    """Appends to a file that nobody else writes to. Not thread-safe.

    Every method either appends whole records and returns when the disk has them, or raises OSError
    and leaves the file as it was before.
    """

    def __init__(self, path: Path, open_file: Callable[[Path], OutputFile] = OutputFile) -> None:
        self._file = open_file(path)
        self.length = 0
        self._digest = hashlib.sha256()
        self._crc = 0
        self._chunks: list[ChunkIndex] = []
        self._attachments: list[AttachmentIndex] = []
        self._metadata: list[MetadataIndex] = []
        self._counts: dict[int, int] = {}
        self._span: tuple[int, int] | None = None
        try:
            self._append([MCAP0_MAGIC, bytes_of(Header(PROFILE, LIBRARY))])
        except OSError:
            self.close()
            raise

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of what was written so far."""
        return self._digest.hexdigest()

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last log time (ns) of all messages."""
        return self._span

    def add_chunk(self, builder: ChunkBuilder) -> None:
        """Writes a chunk and the index of its messages."""
        raw = bytes(builder.data)
        packed = lz4.frame.compress(raw, store_size=True)
        compression = "lz4" if len(packed) < _WORTH_COMPRESSING * len(raw) else ""
        times = builder.times()
        chunk = Chunk(
            compression=compression,
            data=packed if compression else raw,
            message_start_time=times.start_ns,
            message_end_time=times.end_ns,
            uncompressed_crc=zlib.crc32(raw),
            uncompressed_size=len(raw),
        )
        record = bytes_of(chunk)
        start = self.length
        at = start + len(record)
        offsets: dict[int, int] = {}
        indexes: list[bytes] = []
        for channel, entries in times.index.items():
            offsets[channel] = at
            indexes.append(bytes_of(MessageIndex(channel, sorted(entries))))
            at += len(indexes[-1])
        self._append([record, *indexes])
        self._chunks.append(
            ChunkIndex(
                chunk_length=len(record),
                chunk_start_offset=start,
                compression=compression,
                compressed_size=len(chunk.data),
                message_end_time=times.end_ns,
                message_index_length=at - start - len(record),
                message_index_offsets=offsets,
                message_start_time=times.start_ns,
                uncompressed_size=len(raw),
            )
        )
        for channel, entries in times.index.items():
            self._counts[channel] = self._counts.get(channel, 0) + len(entries)
        if times.index:
            first, last = self._span or (times.start_ns, times.end_ns)
            self._span = (min(first, times.start_ns), max(last, times.end_ns))

    def add_attachment(self, name: str, media_type: str, data: bytes, time_ns: int) -> None:
        """Writes a file of another kind; its checksum protects it."""
        record = bytes_of(Attachment(time_ns, time_ns, name, media_type, data))
        start = self.length
        self._append([record])
        self._attachments.append(
            AttachmentIndex(start, len(record), time_ns, time_ns, len(data), name, media_type)
        )

    def add_metadata(self, name: str, values: dict[str, str]) -> None:
        """Writes named texts."""
        record = bytes_of(Metadata(name, values))
        start = self.length
        self._append([record])
        self._metadata.append(MetadataIndex(start, len(record), name))

    def finish(self, schemas: Sequence[Schema], channels: Sequence[Channel]) -> None:
        """Writes the end: summary, statistics, indexes, footer. The file is then closed."""
        first, last = self._span or (0, 0)
        statistics = Statistics(
            attachment_count=len(self._attachments),
            channel_count=len(channels),
            channel_message_counts={c.id: self._counts.get(c.id, 0) for c in channels},
            chunk_count=len(self._chunks),
            message_count=sum(self._counts.values()),
            message_end_time=last,
            message_start_time=first,
            metadata_count=len(self._metadata),
            schema_count=len(schemas),
        )
        data_end = bytes_of(DataEnd(self._crc))
        summary_start = self.length + len(data_end)
        summary = bytearray()
        offsets: list[SummaryOffset] = []
        groups: list[tuple[Opcode, Iterable[McapRecord]]] = [
            (Opcode.SCHEMA, schemas),
            (Opcode.CHANNEL, channels),
            (Opcode.STATISTICS, [statistics]),
            (Opcode.CHUNK_INDEX, self._chunks),
            (Opcode.ATTACHMENT_INDEX, self._attachments),
            (Opcode.METADATA_INDEX, self._metadata),
        ]
        for opcode, records in groups:
            group = b"".join(bytes_of(record) for record in records)
            if group:
                offsets.append(SummaryOffset(opcode, summary_start + len(summary), len(group)))
                summary += group
        offset_start = summary_start + len(summary)
        summary += b"".join(bytes_of(offset) for offset in offsets)
        head = struct.pack("<BQQQ", Opcode.FOOTER, 20, summary_start, offset_start)
        crc = zlib.crc32(head, zlib.crc32(summary))
        footer = bytes_of(Footer(summary_start, offset_start, crc))
        self._append([data_end, bytes(summary), footer, MCAP0_MAGIC])
        self.close()

    def close(self) -> None:
        """Closes the file as it is; an unfinished one can be repaired."""
        self._file.close()

    def _append(self, parts: Sequence[bytes]) -> None:
        try:
            for part in parts:
                self._file.write(part)
            self._file.sync()
        except OSError:
            self._file.truncate(self.length)
            raise
        for part in parts:
            self._digest.update(part)
            self._crc = zlib.crc32(part, self._crc)
            self.length += len(part)


def bytes_of(record: McapRecord) -> bytes:
    """A record as it stands in a file."""
    builder = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())
