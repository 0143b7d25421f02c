"""Something that keeps the computer busy while the gate is measured."""

from __future__ import annotations

import os
import signal

from benches.harness import BenchError
from benches.launched import Launched

_START_S, _END_S = 90.0, 15.0


class Load:
    """The rest of the stack, busy: a policy in the twin, in a ROS domain of its own."""

    def __init__(self, folder: str) -> None:
        domain = str((int(os.environ.get("ROS_DOMAIN_ID") or 0) + 37) % 100)
        # The policy knows another task: it keeps trying until the time is up.
        arguments = ["task:=handover_cucumber", f"output:={folder}"]
        self._launched = Launched(
            ["vega_bringup", "policy.launch.py", *arguments], {"ROS_DOMAIN_ID": domain}
        )

    def __enter__(self) -> Load:
        if not self._launched.says("the policy acts", _START_S):
            self.__exit__()
            raise BenchError("the load did not come up: try `make run` to see why")
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self._launched.send(signal.SIGINT)
            self._launched.has_ended(_END_S)
        self._launched.clean_up()

    @property
    def running(self) -> bool:
        """Whether it is still at it."""
        return self._launched.exit_code is None
