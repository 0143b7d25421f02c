"""Opens the file of a sealed episode, and says what is wrong with it and what to do."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import IO

from mcap.reader import make_reader
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC
from zstandard import FRAME_HEADER

from teleop.dataset.chunks import DAMAGE
from teleop.dataset.episode import MCAP_FILE, EpisodeInfo
from teleop.errors import EpisodeDamaged
from teleop.writing import repair_command
from vega_core.files import sha256_of

_FOOTER_BYTES = 9 + 20 + len(MCAP0_MAGIC)


def open_sealed(folder: Path, info: EpisodeInfo, verify: bool) -> tuple[IO[bytes], Summary]:
    """The open file of an episode and its summary.

    Args:
        folder: The episode's folder.
        info: What was sealed.
        verify: Whether to compare digests (reads all).

    Raises:
        EpisodeDamaged: It is not what was sealed; the text says what is wrong.
    """
    path = folder / info.mcap.file
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        text = _packed(folder) or f"{path}: cannot be read ({error.strerror})"
        raise EpisodeDamaged(f"{text}: {_to_repair(folder)}") from None
    try:
        if size != info.mcap.bytes:
            text = _packed(folder) or f"{path}: has {size} bytes, {info.mcap.bytes} were sealed"
            raise EpisodeDamaged(f"{text}: {_to_repair(folder)}")
        if verify and _digest(path) != info.mcap.sha256:
            text = f"{path}: has changed since it was sealed (its digest differs)"
            raise EpisodeDamaged(f"{text}: {_to_repair(folder)}")
        return file, _read_summary(path, file)
    except BaseException:
        file.close()
        raise


def whole_file_zstd(folder: Path) -> Path | None:
    """The recording of an episode or take that was compressed as a whole; None: none is seen."""
    path = folder / MCAP_FILE
    try:
        if not path.is_file():
            packed = (path.with_name(path.name + ending) for ending in (".zstd", ".zst"))
            return next((each for each in packed if each.is_file()), None)
        with path.open("rb") as file:
            return path if file.read(len(FRAME_HEADER)) == FRAME_HEADER else None
    except OSError:
        return None


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        text = f"{path}: cannot be read ({error.strerror})"
        raise EpisodeDamaged(f"{text}: {_to_repair(path.parent)}") from None


def _packed(folder: Path) -> str:
    packed = whole_file_zstd(folder)
    return f"{packed} is compressed as a whole (zstd)" if packed else ""


def _to_repair(folder: Path) -> str:
    return f"run {repair_command(folder.parent.parent)}"


def _read_summary(path: Path, file: IO[bytes]) -> Summary:
    """The summary, its checksum verified."""
    try:
        size = file.seek(0, 2)
        file.seek(size - _FOOTER_BYTES)
        footer = file.read(_FOOTER_BYTES)
        start, _, crc = struct.unpack_from("<QQI", footer, 9)
        file.seek(start)
        body = file.read(size - start - 4 - len(MCAP0_MAGIC))
        if not footer.endswith(MCAP0_MAGIC) or zlib.crc32(body) != crc:
            raise EpisodeDamaged("the checksum of its summary is wrong")
        file.seek(0)
        summary = make_reader(file).get_summary()
    except (*DAMAGE, OSError) as error:
        raise EpisodeDamaged(
            f"{path}: cannot be read ({error}): {_to_repair(path.parent)}"
        ) from None
    if summary is None or summary.statistics is None:
        raise EpisodeDamaged(f"{path}: has no summary")
    return summary
