"""Something that keeps the computer busy while the gate is measured."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

from benches.harness import BenchError


class Load:
    """The rest of the stack, busy: a policy in the twin, in a ROS domain of its own."""

    _ACTS = b"the policy acts"

    def __init__(self, folder: str) -> None:
        domain = str((int(os.environ.get("ROS_DOMAIN_ID") or 0) + 37) % 100)
        # The policy knows another task: it keeps trying until the time is up.
        arguments = ["task:=handover_cucumber", f"output:={folder}"]
        self._process = subprocess.Popen(
            ["ros2", "launch", "vega_bringup", "policy.launch.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ROS_DOMAIN_ID": domain},
            start_new_session=True,
        )
        self.acting = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self._ACTS in line:
                self.acting.set()

    def __enter__(self) -> Load:
        if not self.acting.wait(90.0):
            self.__exit__()
            raise BenchError("the load did not come up: try `make run` to see why")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(15.0)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it is still at it."""
        return self._process.poll() is None
