"""One recorder a dataset, or one repair."""

from __future__ import annotations

from pathlib import Path

from teleop.errors import DatasetBusy
from teleop.writing import not_written
from vega_core.lock import LOCK_NAME, FolderBusy, FolderLock


class DatasetLock(FolderLock):
    """Held from construction until `release`, or until the process ends in whatever way.

    Raises:
        DatasetBusy: Another one holds it; the text names process and computer.
        DatasetError: The folder cannot be written.
    """

    def __init__(self, dataset: Path, purpose: str = "recorded") -> None:
        try:
            super().__init__(dataset, purpose)
        except FolderBusy as error:
            raise DatasetBusy(str(error)) from None
        except OSError as error:
            raise not_written(dataset / LOCK_NAME, error) from None
