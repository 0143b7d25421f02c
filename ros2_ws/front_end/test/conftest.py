import importlib.util
import os
import queue
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PATIENCE_S = 60.0

sys.path.append(str(SOURCE))
_launch = importlib.util.find_spec("launch")
# Where a full ROS 2 installation is on the path its launch takes precedence, and this front end
# is not installed at all: its tests are about nothing then.
if _launch is None or not str(_launch.origin).startswith(str(SOURCE)):
    collect_ignore_glob = ["test_*.py"]

_HEADER = """
import os
import signal
import sys
from launch import LaunchDescription, LaunchDescriptionSource
from launch.actions import *
from launch.conditions import *
from launch.event_handlers import *
from launch.events.process import ShutdownProcess, SignalProcess
from launch.events import matches_action
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import *
from launch_ros.actions import *
from launch_ros.parameter_descriptions import *

def python(code, **kwargs):
    return ExecuteProcess(cmd=[sys.executable, "-c", code], output="screen", **kwargs)

def say(*msg, **kwargs):
    return LogInfo(msg=[*msg], **kwargs)

"""


class Launched:
    """A running `ros2` command whose output lines are awaited."""

    def __init__(self, command, env, log_dir):
        self.log_dir = log_dir
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            start_new_session=True,
        )
        self.lines = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def text(self):
        return "\n".join(self.lines)

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, pattern):
        """Return the match of the next line in which the pattern is found."""
        while True:
            line = self._queue.get(timeout=PATIENCE_S)
            assert line is not None, f"ended without {pattern!r}:\n{self.text}"
            self.lines.append(line)
            match = re.search(pattern, line)
            if match:
                return match

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """Wait for the end; return the exit code."""
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return self.process.returncode

    def said(self):
        """Return what LogInfo actions have printed."""
        prefix = "[INFO] [launch.user]: "
        return [line[len(prefix) :] for line in self.lines if line.startswith(prefix)]

    def printed(self):
        """Return what processes have printed, without the names of the processes."""
        lines = (re.match(r"\[[^\] ]+-\d+\] (.*)", line) for line in self.lines)
        return [match[1] for match in lines if match]

    def logs(self):
        """Return the log files of the launch by name."""
        (directory,) = (d for d in self.log_dir.iterdir() if not d.is_symlink())
        return {file.name: file.read_text() for file in directory.iterdir()}


@pytest.fixture
def environment(tmp_path):
    """Environment of the commands, with a log directory of the test's own."""
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "ROS_LOG_DIR": str(tmp_path / "log"),
    }


@pytest.fixture
def ros2(environment, tmp_path):
    """Start a `ros2` command; what is left of it is killed after the test."""
    started = []

    def start(*arguments, **variables):
        command = [sys.executable, "-m", "vega_ros2_cli", *map(str, arguments)]
        launched = Launched(command, {**environment, **variables}, tmp_path / "log")
        started.append(launched)
        return launched

    yield start
    for launched in started:
        if launched.process.poll() is None:
            launched.send(signal.SIGKILL)
            launched.process.wait()


@pytest.fixture
def launch_file(tmp_path):
    """Write a launch file from the entities of its description, and return its path."""

    def write(entities, name="test.launch.py", before=""):
        path = tmp_path / name
        body = textwrap.indent(textwrap.dedent(entities).strip(), "        ")
        path.write_text(
            f"{_HEADER}{textwrap.dedent(before)}\ndef generate_launch_description():\n"
            f"    return LaunchDescription([\n{body}\n    ])\n"
        )
        return path

    return write


@pytest.fixture
def launch(ros2, launch_file):
    """Launch entities with launch arguments."""

    def start(entities, *arguments, before="", **variables):
        return ros2("launch", launch_file(entities, before=before), *arguments, **variables)

    return start


def is_alive(pid):
    """Return whether a process runs; one that is dead but not reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


@pytest.fixture
def alive():
    return is_alive
