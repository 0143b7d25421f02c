"""Files and folders that survive a crash: what is written is on the disk, or was never there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path


class OutputFile:
    """A new file that is only appended to. Errors are those of the operating system.

    Raises:
        OSError: The file is there already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Appends all of it, or raises OSError; a part may then have been written."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def sync(self) -> None:
        """Returns when everything written is on the disk."""
        os.fdatasync(self._fd)

    def truncate(self, length: int) -> None:
        """Cuts the file; the next write continues there."""
        os.ftruncate(self._fd, length)
        os.lseek(self._fd, length, os.SEEK_SET)

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def sync_folder(folder: Path) -> None:
    """Makes additions, removals and renames within a folder last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems cannot; they order these operations by themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file by one with this text; a crash leaves the old one or the new one.

    Raises:
        OSError: It cannot be written; the old one is still there.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)
        file = OutputFile(temporary)
        try:
            file.write(text.encode())
            file.sync()
        finally:
            file.close()
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Renames within a file system and makes it last in both folders."""
    os.rename(source, target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def remove_folder(folder: Path) -> None:
    """Removes a folder with what is in it, and makes that last."""
    shutil.rmtree(folder)
    sync_folder(folder.parent)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def why(error: OSError, then: str = "") -> str:
    """What the operating system says, and what to do about it where that is clear.

    Args:
        error: Of a file or folder.
        then: What to do once there is space again, such as `run python -m teleop.repair`.
    """
    text = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{text}: free some space" + (f", then {then}" if then else "")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{text}: choose a folder that this user may write to"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{text}: a file lies where a folder is needed; choose another folder"
    return text
