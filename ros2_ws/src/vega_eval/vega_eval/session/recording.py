"""An MCAP recording a trial, in a dataset that `teleop` reads: `DIR/recordings`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from rclpy.node import Node
from vega_msgs.msg import TakeEvent
from vega_teleop.message_definitions import schema_of
from vega_teleop.recording_topics import Subscribed, policy_subscriptions

from hw_config import HardwareConfig, TaskConfig
from teleop.dataset.episode import DatasetLayout, RobotKind, TakeStart, hardware_files, joint_topic
from teleop.dataset.store import Store
from teleop.recording.recorder import Clocks, Recorder, TakeRecording
from teleop.session.resume import open_or_resume
from vega_core.provenance import GitState
from vega_eval.trials.folder import RECORDINGS
from vega_eval.trials.record import TrialOutcome, TrialRecord
from vega_eval.trials.schedule import Placement

_OUTCOMES = {
    TrialOutcome.SUCCESS: "success",
    TrialOutcome.PARTIAL: "failure",
    TrialOutcome.FAIL: "failure",
    TrialOutcome.INVALID: "unjudged",
}


class TrialRecorder:
    """Records what the policy saw and did.

    Images and joint states of followers come through `tap`, everything else it subscribes to.

    Raises:
        TeleopError: The dataset cannot be opened.
    """

    def __init__(
        self, node: Node, hardware: HardwareConfig, robot: str, folder: Path, config: Path
    ) -> None:
        """Opens the dataset; what a crash left unsealed is repaired.

        Args:
            node: Who subscribes.
            hardware: The cell.
            robot: sim, emulated or real.
            folder: Of the session.
            config: The folder of hw_config, which is embedded.
        """
        self._robot, self._topology = robot, hardware.topology
        layout = DatasetLayout.of(hardware)
        taken = open_or_resume(folder / RECORDINGS, layout)
        self._store: Store = taken.store
        self.repaired = taken.repaired
        self._files = hardware_files(config)
        wanted = policy_subscriptions(hardware, robot)
        self._recorder = Recorder(
            [each.recorded for each in wanted],
            schema_of(TakeEvent),
            hardware.recording,
            self._store.folder,
            _clocks(node),
        )
        self._tapped = {("camera", str(n)): layout.image_topic(n) for n in hardware.cameras}
        self._tapped |= {("arm", str(arm)): joint_topic(arm) for arm in hardware.arms}
        self._recording: TakeRecording | None = None
        for each in wanted:
            if each.recorded.stream.topic not in self._tapped.values():
                self._listen(node, each)

    def _listen(self, node: Node, each: Subscribed) -> None:
        callback: Callable[[Any], None] = partial(
            self._recorder.message, each.recorded.stream.topic
        )
        node.create_subscription(each.message, each.topic, callback, each.profile, raw=True)

    def tap(self, what: str, name: str, cdr: bytes) -> None:
        """Takes an image or a joint state; never waits."""
        self._recorder.message(self._tapped[what, name], cdr)

    def update(self) -> None:
        """Watches the recording; call it ten times a second."""
        self._recorder.update()

    def begin(
        self, task: TaskConfig, variant: str, operator: str, placement: Placement, git: GitState
    ) -> str:
        """Begins a recording; returns where it will be, relative to the session's folder.

        Raises:
            TeleopError: It cannot be written.
        """
        start = TakeStart(
            task=task.name,
            instruction=task.instruction,
            operator=operator,
            start_ns=self._recorder.clocks.ros_ns(),
            robot=cast(RobotKind, self._robot),
            topology=self._topology,
            placement={**placement.model_dump(mode="json"), "variant": variant},
            git=git,
        )
        take = self._store.begin(start, self._files)
        self._recording = self._recorder.begin(take)
        return f"{RECORDINGS}/episodes/{take.index:06d}"

    def stop(self) -> None:
        """Records nothing more of the present trial."""
        if self._recording is not None:
            self._recording.stop()

    def finish(self, record: TrialRecord) -> None:
        """Seals the recording with the trial's verdict.

        Raises:
            TeleopError: It cannot be written.
        """
        recording, self._recording = self._recording, None
        if recording is None:
            return
        said = f"trial {record.trial}, attempt {record.attempt}, policy {record.policy}"
        end = recording.finish(cast(Any, _OUTCOMES[record.verdict.outcome]), said)
        self._store.save(recording.take, end)

    def close(self) -> None:
        """Lets go of the dataset; a recording that was not finished is repaired by the next one."""
        self._recorder.close()
        self._store.close()


def _clocks(node: Node) -> Clocks:
    if node.get_parameter("use_sim_time").value:
        clock = node.get_clock()
        return Clocks(lambda: int(clock.now().nanoseconds), None)
    return Clocks(time.time_ns, time.monotonic_ns)
