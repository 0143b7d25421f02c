"""Reads hw_config's YAML and reports what is wrong with it by file and line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hw_config.cell import HardwareConfig
from hw_config.schema import ConfigError, ConfigProblem, Contradiction, TaskConfig

_HERE = Path(__file__).resolve().parent
# Keys of cameras.yaml that may stand once for all cameras.
_FOR_ALL_CAMERAS = ("width", "height", "fps", "warm_up_frames", "lock_exposure", "allow_usb2")
_Lines = dict[tuple[str, ...], int]


def config_dir() -> Path:
    """The folder that describes the cell: $VEGA_HW_CONFIG, or the one of this repository.

    Raises:
        ConfigError: $VEGA_HW_CONFIG is no folder with tasks.
    """
    folder = Path(os.environ.get("VEGA_HW_CONFIG") or _HERE)
    if not (folder / "tasks").is_dir():
        raise ConfigError(f"VEGA_HW_CONFIG={folder}: expected a copy of hw_config with its tasks/")
    return folder


def load(folder: Path | None = None) -> HardwareConfig:
    """Reads arms, cameras, limits, rates, workspace and how demonstrations are recorded.

    Raises:
        ConfigError: A file is missing or malformed, a key is unknown or missing, or a value is
            impossible; every problem is listed with its file and line.
    """
    folder = folder or config_dir()
    arms = _File(folder / "arms.yaml")
    cameras = _File(folder / "cameras.yaml")
    limits = _File(folder / "limits.yaml")
    rates = _File(folder / "rates.yaml")
    workspace = _File(folder / "workspace.yaml")
    recording = _File(folder / "recording.yaml")
    stream = {k: v for k, v in cameras.data.items() if k in _FOR_ALL_CAMERAS}
    entries = cameras.mapping("cameras")
    both_arms = {k: v * 2 if isinstance(v, list) else v for k, v in limits.data.items()}
    data = {
        **{k: v for k, v in cameras.data.items() if k not in (*stream, "cameras")},
        **arms.data,
        "cameras": {
            k: {**stream, **v, "name": k} if isinstance(v, dict) else v for k, v in entries.items()
        },
        "limits": both_arms,
        "rates": rates.data,
        "workspace": workspace.data,
        "recording": recording.data,
    }

    def locate(path: tuple[str, ...]) -> str:
        if path[:1] == ("limits",):
            return limits.at(path[1:2])
        if path[:1] == ("rates",):
            return rates.at(path[1:])
        if path[:1] == ("workspace",):
            return workspace.at(path[1:])
        if path[:1] == ("recording",):
            return recording.at(path[1:])
        if path[:1] == ("cameras",):
            shared = path not in cameras.lines and path[2:] in cameras.lines
            return cameras.at(path[2:] if shared else path)
        return (arms if path[:1] and path[0] in arms.data else cameras).at(path)

    return _validate(HardwareConfig, data, locate)


def task_names(folder: Path | None = None) -> list[str]:
    """Names of the tasks that this cell knows, sorted."""
    return sorted(path.stem for path in ((folder or config_dir()) / "tasks").glob("*.yaml"))


def load_task(name: str, folder: Path | None = None) -> TaskConfig:
    """Reads one task.

    Raises:
        ConfigError: There is no such task (the valid names are listed) or its file is wrong.
    """
    folder = folder or config_dir()
    names = task_names(folder)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f"unknown task {name!r}; the tasks are: {', '.join(names)}.{hint}")
    file = _File(folder / "tasks" / f"{name}.yaml")
    return _validate(TaskConfig, {**file.data, "name": name}, file.at)


class _File:
    """A YAML file and the line of each of its keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: _Lines = {}
        self.data: dict[str, Any] = {}
        try:
            self._read(yaml.SafeLoader(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid YAML: {error}") from None

    def _read(self, document: yaml.SafeLoader) -> None:
        root = document.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{self.path}: expected a mapping of keys to values")
        self._index(root, ())
        self.data = document.construct_document(root)

    def _index(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*path, str(key.value))
                line = key.start_mark.line + 1
                if here in self.lines:
                    where = f"{self.path}:{line}"
                    raise ConfigError(f"{where}: {'.'.join(here)} is given a second time")
                self.lines[here] = line
                self._index(value, here)

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise ConfigError(f"{self.path}: expected a mapping under '{key}'")
        return value

    def at(self, path: tuple[str, ...]) -> str:
        """`file:line` of the deepest known part of a path; the first line where none is known."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.path}:{self.lines[path[:end]]}"
        return f"{self.path}:1"


def _validate(schema: Any, data: dict[str, Any], locate: Callable[[tuple[str, ...]], str]) -> Any:
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        rows = []
        for key, text in _problems(error):
            row = f"{locate(key)}: {'.'.join(key)}: {text}".replace(": : ", ": ")
            rows.append(row)
        raise ConfigError("\n".join(rows)) from None


def _problems(error: ValidationError) -> Iterator[ConfigProblem]:
    for problem in error.errors():
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, Contradiction):
            yield from cause.problems
            continue
        said = {"extra_forbidden": "unknown key", "missing": "missing key"}
        text = said.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        yield ConfigProblem(tuple(str(part) for part in problem["loc"]), text)
