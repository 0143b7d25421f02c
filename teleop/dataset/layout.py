"""The folders of a dataset, and what all its episodes share.

DIR/dataset.yaml     what all episodes share
DIR/journal.jsonl    what happened
DIR/episodes/000000  a sealed episode: episode.mcap, episode.json
DIR/recording/000001 an unsealed one: episode.mcap, take.json
DIR/trash/           deleted ones
DIR/quarantine/      what a repair could not save, each with why.txt
DIR/.lock            held by the one recorder
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from pydantic import ValidationError

from teleop.dataset.episode import FORMAT, DatasetLayout, EpisodeInfo, as_json, read_info
from teleop.dataset.foreign import DATASET_FILE, what_it_is
from teleop.dataset.journal import read_journal
from teleop.errors import DatasetError, TeleopError
from teleop.writing import not_written
from vega_core.files import sync_folder, write_atomically
from vega_core.stamps import iso_utc

EPISODES, RECORDING, TRASH, QUARANTINE = "episodes", "recording", "trash", "quarantine"
_PARTS = (EPISODES, RECORDING, TRASH, QUARANTINE)


def read_infos(folder: Path) -> list[EpisodeInfo]:
    """Sealed episodes of a dataset by index, without writing to it.

    Raises:
        DatasetError: The folder is no dataset.
        EpisodeDamaged: One cannot be read; a repair puts it right or aside.
    """
    read_layout(folder)
    return [read_info(path) for path in episode_folders(folder)]


def read_layout(folder: Path) -> DatasetLayout:
    """What all episodes of a dataset share.

    Raises:
        DatasetError: The folder is no dataset of this format.
    """
    path = Path(folder) / DATASET_FILE
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = data.pop("format", None)
        if found != FORMAT:
            raise DatasetError(
                f"{path}: format {found!r}; this version reads {FORMAT}: update the software"
            )
        data.pop("created", None)
        return DatasetLayout.model_validate(data)
    except (FileNotFoundError, NotADirectoryError):
        text = what_it_is(Path(folder))
        raise DatasetError(f"{folder} is no dataset of recordings: {text}") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise DatasetError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DatasetError(f"{path}: {where}: {first['msg']}") from None


def episode_folders(folder: Path) -> list[Path]:
    """Folders of the sealed episodes, by index."""
    return numbered(Path(folder) / EPISODES)


def unsealed_folders(folder: Path) -> list[Path]:
    """Folders of the unsealed takes, by index."""
    return numbered(Path(folder) / RECORDING)


def numbered(folder: Path) -> list[Path]:
    """Folders of episodes or takes, by index."""
    try:
        paths = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(paths, key=lambda path: int(path.name))


def misnamed(folder: Path) -> list[str]:
    """Names of folders among the episodes that are not those of episodes."""
    try:
        paths = [path for path in (folder / EPISODES).iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(path.name for path in paths if not path.name.isdecimal())


def next_index(folder: Path) -> int:
    """The index after the highest that was ever used."""
    used = [read_journal(folder).highest_index()]
    for part in _PARTS:
        for path in (folder / part).iterdir():
            number = re.match(r"\d{1,6}(?!\d)", path.name)
            if number:
                used.append(int(number[0]))
    return max(used) + 1


def refuse_foreign(folder: Path) -> None:
    """Raises DatasetError for a folder in which something else lies."""
    known = {*_PARTS, ".lock", DATASET_FILE + ".tmp"}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if foreign:
        raise DatasetError(
            f"{folder} is not empty and no dataset (it has {', '.join(foreign[:3])}): "
            "give a new folder, or one that was recorded before"
        )


def create_parts(folder: Path) -> None:
    """Makes the folders of a dataset that are missing. Raises OSError."""
    for part in _PARTS:
        (folder / part).mkdir(exist_ok=True)


def layout_text(layout: DatasetLayout, created: str) -> str:
    """The text of dataset.yaml."""
    data = {"format": FORMAT, "created": created, **layout.model_dump(mode="json")}
    return str(yaml.safe_dump(data, sort_keys=False))


def create_or_check(folder: Path, layout: DatasetLayout, now: Callable[[], int]) -> None:
    """Makes the parts of a dataset that are not there yet, under its lock.

    Raises:
        DatasetError: It cannot be written, or has another layout.
    """
    path = folder / DATASET_FILE
    try:
        create_parts(folder)
        if not path.exists():
            write_atomically(path, layout_text(layout, iso_utc(now())))
            sync_folder(folder.parent)
    except OSError as error:
        raise not_written(folder, error) from None
    found = read_layout(folder)
    # Equal dicts may differ in order, and the order is that of state, action and views.
    if as_json(found) != as_json(layout):
        raise DatasetError(f"{folder}: {_difference(found, layout)}")


def _difference(found: DatasetLayout, wanted: DatasetLayout) -> str:
    for name in DatasetLayout.model_fields:
        old, new = getattr(found, name), getattr(wanted, name)
        if old != new or list(old) != list(new):
            return (
                f"its episodes have {name} {old}, hw_config now says {new}: "
                "a dataset holds one layout, so record to another folder"
            )
    raise TeleopError("layouts differ in nothing")
