"""Log output of the launch itself: to the screen, and to launch.log in one directory a launch."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TextIO

from .uncovered import module_getattr

__all__ = [
    "LaunchConfig",
    "get_logger",
    "launch_config",
]


def _base_directory() -> Path:
    """Return where log directories are made: ROS_LOG_DIR, or log/ in ROS_HOME or ~/.ros."""
    explicit = os.environ.get("ROS_LOG_DIR")
    if explicit:
        return Path(explicit).expanduser()
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "log"


class LaunchConfig:
    """Where the log files of this launch are, and how much is logged."""

    def __init__(self) -> None:
        """Create the configuration; no directory is made before something is logged."""
        self._log_dir: str | None = None
        self._files: dict[str, TextIO] = {}
        self._screen_is_gone = False
        self._told_of_loss = False
        self.level = logging.INFO

    @property
    def log_dir(self) -> str:
        """The log directory of this launch, made when it is first asked for."""
        if self._log_dir is None:
            stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
            name = f"{stamp}-{socket.gethostname()}-{os.getpid()}"
            directory = _base_directory().absolute() / name
            directory.mkdir(parents=True)
            _point_latest_at(directory)
            self._log_dir = str(directory)
        return self._log_dir

    @log_dir.setter
    def log_dir(self, new_log_dir: str) -> None:
        if not os.path.isdir(new_log_dir):
            raise ValueError(f"the log directory {new_log_dir} does not exist")
        self._log_dir = new_log_dir

    def get_log_file_path(self, file_name: str = "launch.log") -> str:
        """Return the path of a log file of this launch."""
        return os.path.join(self.log_dir, file_name)

    def write_file(self, file_name: str, line: str) -> None:
        """Append a line to a log file of this launch; a disk that is full loses it."""
        try:
            file = self._files.get(file_name)
            if file is None:
                path = self.get_log_file_path(file_name)
                file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close_file
                self._files[file_name] = file
            file.write(line + "\n")
            file.flush()
        except OSError as error:
            # The launch must go on, and above all be able to end.
            self.close_file(file_name)
            if not self._told_of_loss:
                self._told_of_loss = True
                problem = f"log files cannot be written ({error.strerror}); their lines are lost"
                self.write_screen(f"[ERROR] [launch]: {problem}")

    def close_file(self, file_name: str) -> None:
        """Close a log file; writing to it later opens it again."""
        file = self._files.pop(file_name, None)
        if file is not None:
            with contextlib.suppress(OSError):  # what it still held is lost
                file.close()

    def write_screen(self, line: str) -> None:
        """Print a line; once the screen, or the file in its place, takes no more, drop it."""
        if self._screen_is_gone:
            return
        try:
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            self._screen_is_gone = True
            # What Python still holds for the screen would fail once more when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _point_latest_at(directory: Path) -> None:
    link = directory.parent / "latest"
    try:
        if link.is_symlink():
            link.unlink()
        link.symlink_to(directory, target_is_directory=True)
    except OSError:
        pass  # the link is a convenience: another launch may have just made it


launch_config = LaunchConfig()


class _LaunchHandler(logging.Handler):
    """Sends records to the screen and to launch.log."""

    def emit(self, record: logging.LogRecord) -> None:
        text = f"[{record.levelname}] [{record.name}]: {self.format(record)}"
        launch_config.write_screen(text)
        launch_config.write_file("launch.log", f"{record.created:.7f} {text}")


_handler = _LaunchHandler()


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger that writes to the screen and to launch.log."""
    logger = logging.getLogger(name)
    if _handler not in logger.handlers:
        logger.addHandler(_handler)
        logger.propagate = False
    logger.setLevel(launch_config.level)
    return logger


__getattr__ = module_getattr(__name__)
