"""Where the output of a launched process goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from .logging import launch_config

OutputConfiguration = str | Mapping[str, str | Iterable[str]]

_SOURCES = ("stdout", "stderr")
_DESTINATIONS = {"screen", "log", "own_log"}
_ALIASES: dict[str, dict[str, set[str]]] = {
    "screen": {"both": {"screen"}},
    "log": {"both": {"log"}, "stderr": {"screen"}},
    "both": {"both": {"screen", "log"}},
    "own_log": {"both": {"own_log"}},
    "full": {"both": {"screen", "log", "own_log"}},
}


def parse_output(configuration: OutputConfiguration) -> dict[str, set[str]]:
    """Return the destinations of stdout and of stderr.

    Args:
        configuration: one of screen, log, both, own_log and full, or a mapping from stdout,
            stderr and both to destinations among screen, log and own_log.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(configuration, str):
        if configuration not in _ALIASES:
            valid = ", ".join(_ALIASES)
            raise ValueError(f"output={configuration!r} is not one of: {valid}")
        chosen = _ALIASES[configuration]
    else:
        chosen = {
            source: {given} if isinstance(given, str) else set(given)
            for source, given in configuration.items()
        }
    unknown = (set(chosen) - {*_SOURCES, "both"}) | (set().union(*chosen.values()) - _DESTINATIONS)
    if unknown:
        raise ValueError(f"output={configuration!r} names unknown {', '.join(sorted(unknown))}")
    both = chosen.get("both", set())
    return {source: both | chosen.get(source, set()) for source in _SOURCES}


class ProcessOutput:
    """Splits what a process writes into lines and sends them where they belong.

    Whatever is configured, all lines are also kept in `<process>.log` in the log directory.
    """

    def __init__(self, process: str, configuration: OutputConfiguration) -> None:
        """Create the output of the process with this name."""
        self._process = process
        self._destinations = parse_output(configuration)
        self._rest = dict.fromkeys(_SOURCES, b"")

    def write(self, source: str, data: bytes) -> None:
        """Take what the process wrote on `source`, "stdout" or "stderr"."""
        *lines, self._rest[source] = (self._rest[source] + data).split(b"\n")
        for line in lines:
            self._send(source, line)

    def flush(self) -> None:
        """Send unfinished lines and close the files of this process."""
        for source in _SOURCES:
            rest, self._rest[source] = self._rest[source], b""
            if rest:
                self._send(source, rest)
            launch_config.close_file(f"{self._process}-{source}.log")
        launch_config.close_file(f"{self._process}.log")

    def _send(self, source: str, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip("\r")
        prefixed = f"[{self._process}] {line}"
        destinations = self._destinations[source]
        if "screen" in destinations:
            launch_config.write_screen(prefixed)
        if "log" in destinations:
            launch_config.write_file("launch.log", f"{time.time():.7f} {prefixed}")
        if "own_log" in destinations:
            launch_config.write_file(f"{self._process}-{source}.log", line)
        launch_config.write_file(f"{self._process}.log", line)
