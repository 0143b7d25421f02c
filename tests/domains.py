"""ROS domains that no other test run on this machine uses at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_HIGHEST = 101  # above, discovery's ports overlap those of outgoing connections on Linux


@contextlib.contextmanager
def leased_domain() -> Iterator[int]:
    """A ROS domain for the time of the context; the lease ends with the process at the latest."""
    folder = Path(tempfile.gettempdir()) / f"vega-ros-domains-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for domain in range(_HIGHEST, 0, -1):
        with (folder / str(domain)).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError(f"all ROS domains from 1 to {_HIGHEST} are leased by test runs")
