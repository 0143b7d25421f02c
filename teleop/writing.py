"""What is said when a dataset, or what somebody asked for, cannot be read or written."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from teleop.errors import DatasetError
from vega_core import files


def repair_command(dataset: Path) -> str:
    """The command that repairs a dataset."""
    return f"python -m teleop.repair {quote(str(dataset))}"


def why(error: OSError) -> str:
    """What the operating system says, and what to do about it where that is clear."""
    return files.why(error, "repair the dataset (python -m teleop.repair DIR)")


def not_written(path: Path, error: OSError, what: str = "written") -> DatasetError:
    """The error for people when a dataset cannot be written."""
    return DatasetError(f"{path}: cannot be {what} ({why(error)})")


def write_result(path: Path, text: str) -> None:
    """Replaces a file by one with this text; a crash leaves the old one or the new one.

    Raises:
        DatasetError: It cannot be written.
    """
    try:
        files.write_atomically(path, text)
    except OSError as error:
        raise not_written(path, error) from None
