"""A recording session as services and topics of a node: `teleop/...`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.msg import ArmStatus, TakeEvent, TeleopState
from vega_msgs.srv import MarkTake, NoteTake
from vega_runtime import qos
from vega_runtime.owned import OwnedEntities

from hw_config import HardwareConfig, TaskConfig
from teleop.dataset.episode import EpisodeInfo
from teleop.dataset.store import Store
from teleop.recording.recorder import Recorder
from teleop.session.session import RecordingSession
from teleop.session.state import Answer, OngoingTake, Placement, SessionPhase, without_figures
from vega_teleop import leading
from vega_teleop.staging import TwinScene, by_hand

_POLL_S = 0.1
_STATE_S = 0.5
_LACK_S = 0.2
# Events that an operator has to hear about even when only warnings are shown.
_LOUD = ("problem", "failed")
_ENDED = ("saved", "discarded", "failed")


@dataclass(frozen=True)
class SessionParts:
    """What a session needs of its node.

    Attributes:
        store: The opened dataset.
        hardware: The cell.
        task: What is demonstrated.
        variant: Of the task.
        robot: sim, emulated or real.
        unattended: Whether a script leads, in the twin, and nobody is at the arms.
        wanted: Number of good episodes.
        recorder: Watches the topics, and records takes.
        begin: Begins a take with a placement; see `RecordingListener`.
        news: What an operator should know from the beginning.
    """

    store: Store
    hardware: HardwareConfig
    task: TaskConfig
    variant: str
    robot: str
    unattended: bool
    wanted: int
    recorder: Recorder
    begin: Callable[[Placement | None], OngoingTake]
    news: str = ""


class SessionServices:
    """Offers a session's verbs as services, and publishes how it stands: the session's listener.

    Attributes:
        session: The session.
    """

    def __init__(self, node: Node, parts: SessionParts) -> None:
        """Opens the session; nothing is offered before `open`."""
        self._node, self._parts = node, parts
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="session")
        self._state = node.create_publisher(TeleopState, "teleop/state", qos.LATCHED)
        self._events = node.create_publisher(TakeEvent, "teleop/event", qos.REPORT)
        self._owned = OwnedEntities(node)
        self._logged = ""
        newest = parts.recorder.newest.get
        self._leading = leading.watch(node, parts.hardware, parts.unattended, newest)
        self._was_well = False
        self._enabled: dict[str, bool] = {}
        self._twin: TwinScene | None = None
        self._plan = (
            by_hand(parts.task, parts.variant) if parts.robot == "real" else _placed_by_twin
        )
        self.session = RecordingSession(
            parts.store, parts.task.name, parts.wanted, self, news=parts.news
        )

    def open(self) -> None:
        """Offers the services and begins to poll."""
        session, node = self.session, self._node
        if self._parts.news:
            node.get_logger().warning(self._parts.news)
        if self._parts.robot != "real":
            task, variant = self._parts.task, self._parts.variant
            self._twin = TwinScene(node, task, variant, session.placed, self._worker.submit)
        verbs: dict[str, Callable[[], Answer]] = {
            "start": self._start,
            "save": session.save,
            "discard": session.discard,
            "redo": session.redo,
            "delete_last": session.delete_last,
            "undo_delete": session.undo_delete,
            "pause": session.pause,
            "resume": session.resume,
        }
        owned = self._owned
        for name, verb in verbs.items():
            owned.service(Trigger, f"teleop/{name}", partial(self._on_trigger, verb))
        owned.service(MarkTake, "teleop/mark", self._on_mark)
        owned.service(NoteTake, "teleop/note", self._on_note)
        for arm in self._parts.hardware.arms:
            topic, on_arm = f"{arm}/follower/status", partial(self._on_arm, arm)
            owned.subscribe(ArmStatus, topic, on_arm, qos.LATCHED)
        # Not the node's clock: an operator has to be told also when the twin's stands still.
        wall = Clock(clock_type=ClockType.STEADY_TIME)
        owned.timer(_POLL_S, self._poll, wall)
        owned.timer(_LACK_S, self._check_what_lacks, wall)
        owned.timer(_STATE_S, self._publish_length, wall)
        self.changed()

    def close(self) -> str:
        """Ends the session; what is being saved is saved, a running take is left to be recovered.

        Returns:
            What was left, for people.
        """
        self._owned.destroy()
        self._leading.close()
        if self._twin is not None:
            self._twin.close()
        self._worker.shutdown(wait=True)
        return self.session.close()

    def _start(self) -> Answer:
        # What people say while something is wrong does not hold for when it is well again.
        waits = self.session.phase is SessionPhase.WAITING and not self._parts.recorder.lacking()
        asked = self._leading.hand_over() if waits else None
        return self.session.start() if asked is None else Answer(False, asked)

    def _poll(self) -> None:
        self._parts.recorder.update()
        self.session.update()

    def _check_what_lacks(self) -> None:
        if self.session.phase in (SessionPhase.WAITING, SessionPhase.READY, SessionPhase.FINISHED):
            scene = self._twin.lacking() if self._twin else []
            faults = self._parts.recorder.lacking()
            if faults and self._was_well:
                self._leading.interrupt(faults[0])
            self._was_well = self._was_well or not faults
            self.session.lack([*faults, *self._leading.lacking(), *scene])

    def _on_arm(self, arm: str, status: ArmStatus) -> None:
        if not (status.enabled and self._enabled.get(arm, True)):
            self._leading.interrupt(f"the {arm} arm was not enabled")
        self._enabled[arm] = status.enabled

    def _publish_length(self) -> None:
        if self.session.phase is SessionPhase.RECORDING:
            self.changed()

    # What the session asks of its listener.

    def begin(self, placement: Placement | None) -> OngoingTake:
        """Begins a take; see `RecordingListener`."""
        return self._parts.begin(placement)

    def plan(self, infos: Sequence[EpisodeInfo]) -> Placement | None:
        """Where the objects belong next; see `RecordingListener`."""
        return self._plan(infos)

    def submit(self, work: Callable[[], None]) -> object:
        """Runs what takes time in a thread of the session; see `RecordingListener`."""
        return self._worker.submit(work)

    def notify(self, kind: str, text: str) -> None:
        """Records and publishes an event, and logs what an operator has to know."""
        self._events.publish(self._parts.recorder.event(kind, text))
        if kind in _LOUD:
            advice = " Discard it (d), or begin again at once (r)" if kind == "problem" else ""
            word = "BAD TAKE: " if kind == "problem" else ""
            self._node.get_logger().error(f"{word}{text}.{advice}")
        elif kind in ("began", "discarded", "saved"):
            self._node.get_logger().info(text)
        if kind in _ENDED and self._twin is not None:
            self._twin.use()
            self.session.lack(self._twin.lacking())

    def changed(self) -> None:
        """Publishes the session's state, and logs what an operator waits for, once each."""
        state = self.session.state
        message = TeleopState(
            phase=int(state.phase),
            text="; ".join(filter(None, (state.news, state.text))),
            task=self._parts.task.name,
            dataset=str(self._parts.store.folder),
            episode=state.episode,
            saved=state.saved,
            wanted=state.wanted,
            take_s=state.take_s,
            left_s=state.left_s,
            placement=state.placement,
            problems=list(state.problems),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._state.publish(message)
        self._log(state.text, state.phase, state.placement)

    def _log(self, text: str, phase: SessionPhase, placement: str) -> None:
        if phase is SessionPhase.READY and placement:
            text += f". Place: {placement}"
        logged = without_figures(text) if phase is SessionPhase.WAITING else text
        if (
            phase in (SessionPhase.WAITING, SessionPhase.READY, SessionPhase.FINISHED)
            and logged != self._logged
        ):
            self._logged = logged
            self._node.get_logger().info(text)

    # What operators ask of the session.

    def _on_trigger(
        self,
        verb: Callable[[], Answer],
        request: Trigger.Request,
        response: Trigger.Response,
    ) -> Trigger.Response:
        answer = verb()
        response.success, response.message = answer.done, answer.text
        return response

    def _on_mark(self, request: MarkTake.Request, response: MarkTake.Response) -> MarkTake.Response:
        answer = self.session.mark(request.success)
        response.success, response.message = answer.done, answer.text
        return response

    def _on_note(self, request: NoteTake.Request, response: NoteTake.Response) -> NoteTake.Response:
        answer = self.session.note(request.text)
        response.success, response.message = answer.done, answer.text
        return response


def _placed_by_twin(infos: Sequence[EpisodeInfo]) -> None:
    """The twin resets the scene, and says what it has placed."""
