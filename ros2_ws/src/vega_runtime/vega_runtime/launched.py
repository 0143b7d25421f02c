"""A launched node ends with its launch, also with one that was killed.

Upstream's `ros2 launch` leaves its nodes running then; the front end of wheel installs also has a
guardian, which ends what does not end by itself.
"""

from __future__ import annotations

import os

LAUNCH_PID = "VEGA_LAUNCH_PID"
"""Environment variable in which the launch tells its nodes its process id."""


class LaunchWatch:
    """Whether the launch that started this process is gone.

    A process that no launch has started is left alone.
    """

    def __init__(self) -> None:
        given = os.environ.get(LAUNCH_PID, "")
        parent = os.getppid()
        self._launch = parent if given == str(parent) else None

    def gone(self) -> bool:
        """True from when the launch is gone."""
        return self._launch is not None and os.getppid() != self._launch


class Ending:
    """Whether to end. Plain: a signal handler that takes a lock can block itself."""

    def __init__(self) -> None:
        self._asked, self._launch = False, LaunchWatch()

    def ask(self) -> None:
        """Asks for the end."""
        self._asked = True

    @property
    def asked(self) -> bool:
        """Whether the end was asked for, or the launch is gone."""
        return self._asked or self._launch.gone()
