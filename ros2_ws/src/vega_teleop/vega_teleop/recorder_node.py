"""The node `recorder`: records demonstrations, take by take, as the operator asks."""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

from diagnostic_msgs.msg import DiagnosticArray
from vega_msgs.msg import TakeEvent
from vega_runtime import diagnostics, qos
from vega_runtime.lifecycle import LifecycleNode, TransitionError
from vega_runtime.node import main as run_node
from vega_runtime.owned import OwnedEntities
from vega_runtime.parameters import ParameterError, declare, parameter

import hw_config
from teleop.dataset.episode import DatasetLayout, RobotKind, TakeStart, hardware_files
from teleop.dataset.store import Store
from teleop.errors import TeleopError
from teleop.recording.recorder import Clocks, Recorder, TakeRecording
from teleop.session.operator import SCRIPTED
from teleop.session.resume import open_or_resume
from teleop.session.state import Placement
from vega_core.provenance import git_state, versions
from vega_teleop.message_definitions import schema_of
from vega_teleop.recording_topics import Subscribed, subscriptions
from vega_teleop.session_services import SessionParts, SessionServices

_REPORT_S = 1.0


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; rates and limits come from hw_config."""

    dataset: str = parameter("", "folder that the episodes go to")
    task: str = parameter("close_laptop", "task of hw_config that is demonstrated")
    variant: str = parameter("easy", "of the task: easy or hard")
    episodes: int = parameter(100, "good episodes that are wanted", low=1, high=100_000)
    operator: str = parameter("", "who leads; empty: the user of this computer")
    robot: str = parameter("sim", "what stands behind the topics: sim, emulated or real")


class RecorderNode(LifecycleNode):
    """Subscribes to everything that is recorded, and offers the session's services."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self._given = declare(self, Parameters)
        if not self._given.dataset:
            raise ParameterError("the parameter 'dataset' is missing: a folder for the episodes")
        if self._given.robot not in get_args(RobotKind):
            known = ", ".join(get_args(RobotKind))
            raise ParameterError(f"robot {self._given.robot!r}: expected one of {known}")
        self._ros_clock = self.get_clock()
        self._store: Store | None = None
        self._recorder: Recorder | None = None
        self._session: SessionServices | None = None
        self._recording: TakeRecording | None = None
        # What `configure` and `activate` open, and their opposites close.
        self._owned_topics, self._owned_timers = OwnedEntities(self), OwnedEntities(self)

    def configure(self) -> None:
        """Opens the dataset, and listens to everything that will be recorded."""
        given = self._given
        self._hardware = hw_config.load()
        self._task = hw_config.load_task(given.task)
        self._git, self._versions = git_state(Path(hw_config.__file__).parent), versions()
        self._hardware_files = hardware_files(hw_config.config_dir())
        wanted = subscriptions(self._hardware, given.robot)
        folder = Path(given.dataset).expanduser()
        taken = open_or_resume(folder, DatasetLayout.of(self._hardware))
        self._store, self._news = taken.store, taken.news
        for text in taken.repaired:
            self.get_logger().warning(f"{folder}: {text}")
        self._recorder = Recorder(
            [topic.recorded for topic in wanted],
            schema_of(TakeEvent),
            self._hardware.recording,
            self._store.folder,
            self._clocks(),
        )
        for topic in wanted:
            self._listen(topic, self._recorder)
        self._diagnostics = self._owned_topics.publisher(
            DiagnosticArray, "/diagnostics", qos.REPORT
        )

    def activate(self) -> None:
        """Offers the services; from now on takes can begin."""
        store, recorder = self._ready()
        given = self._given
        parts = SessionParts(
            store=store,
            hardware=self._hardware,
            task=self._task,
            variant=given.variant,
            robot=given.robot,
            unattended=given.robot != "real" and given.operator == SCRIPTED,
            wanted=given.episodes,
            recorder=recorder,
            begin=self._begin,
            news=self._news,
        )
        self._session = SessionServices(self, parts)
        self._session.open()
        self._owned_timers.timer(_REPORT_S, self._report)

    def deactivate(self) -> None:
        """Ends the session; a take that runs is left to be recovered."""
        self._owned_timers.destroy()
        if self._session is not None:
            session, self._session = self._session, None
            self.get_logger().info(session.close())

    def cleanup(self) -> None:
        """Lets go of topics and dataset."""
        self.deactivate()
        self._owned_topics.destroy()
        if self._recorder is not None:
            self._recorder.close()
        if self._store is not None:
            self._store.close()
        self._recorder = self._store = None

    def close(self) -> None:
        """Called at the end of the process."""
        self.cleanup()

    def _clocks(self) -> Clocks:
        if self.get_parameter("use_sim_time").value:
            return Clocks(self._now_ns, None)
        # ROS time is the system's: asking it directly costs a twentieth.
        return Clocks(time.time_ns, time.monotonic_ns)

    def _now_ns(self) -> int:
        return int(self._ros_clock.now().nanoseconds)

    def _listen(self, topic: Subscribed, recorder: Recorder) -> None:
        # Raw: what comes is written as it is; Python never takes it apart.
        callback: Any = partial(recorder.message, topic.recorded.stream.topic)
        self._owned_topics.subscribe(topic.message, topic.topic, callback, topic.profile, raw=True)

    def _begin(self, placement: Placement | None) -> TakeRecording:
        store, recorder = self._ready()
        given = self._given
        start = TakeStart(
            task=given.task,
            instruction=self._task.instruction,
            operator=given.operator or getpass.getuser(),
            start_ns=recorder.clocks.ros_ns(),
            robot=cast(RobotKind, given.robot),
            topology=self._hardware.topology,
            placement=None if placement is None else dict(placement),
            git=self._git,
            versions=self._versions,
        )
        take = store.begin(start, self._hardware_files)
        try:
            self._recording = recorder.begin(take)
        except TeleopError:
            store.discard(take)
            raise
        return self._recording

    def _ready(self) -> tuple[Store, Recorder]:
        if self._store is None or self._recorder is None:
            raise TransitionError("the recorder is not configured")
        return self._store, self._recorder

    def _report(self) -> None:
        recording = self._recording
        level, text = diagnostics.OK, "waiting for a take"
        values: dict[str, float | int] = {}
        if recording is not None and recording.runs:
            text = f"recording take {recording.take.index}"
            if recording.problems:
                level, text = diagnostics.WARN, "; ".join(recording.problems)
            values = recording.values()
        stamp = self._ros_clock.now().to_msg()
        report = diagnostics.report(stamp, "recorder", level, text, values)
        self._diagnostics.publish(report)


def main() -> None:
    """Runs the node; a take that runs at its end is left to be recovered."""
    run_node(RecorderNode)


if __name__ == "__main__":
    main()
