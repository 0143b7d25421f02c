"""Unpacks a recording that was compressed as a whole file, as `ros2 bag` does with zstd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from teleop.dataset.episode import MCAP_FILE
from teleop.dataset.sealed_file import whole_file_zstd
from teleop.errors import EpisodeDamaged
from vega_core.files import OutputFile, sync_folder

_UNPACKED = MCAP_FILE + ".unpacked"
_BLOCK = 1 << 16


def unpack(folder: Path) -> bool:
    """Puts the recording itself in the place of a compressed one; whether there was one.

    Raises:
        EpisodeDamaged: It cannot be decompressed, or not to its end; nothing has changed.
        OSError: It cannot be written; nothing has changed.
    """
    source = whole_file_zstd(folder)
    if source is None:
        return False
    target = folder / _UNPACKED
    target.unlink(missing_ok=True)
    try:
        file = OutputFile(target)
        try:
            with source.open("rb") as packed:
                for block in _decompressed(packed):
                    file.write(block)
            file.sync()
        finally:
            file.close()
    except zstandard.ZstdError as error:
        target.unlink()
        raise EpisodeDamaged(f"{source}: cannot be decompressed ({error})") from None
    except OSError:
        target.unlink(missing_ok=True)
        raise
    os.replace(target, folder / MCAP_FILE)
    if source.name != MCAP_FILE:
        source.unlink()
    sync_folder(folder)
    return True


def _decompressed(packed: IO[bytes]) -> Iterator[bytes]:
    """What a file's frames hold, one after the other. Raises ZstdError, also for half a frame."""
    frame = None
    while block := packed.read(_BLOCK):
        while block:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(block)
            block = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise zstandard.ZstdError("it ends within a frame")
