"""The operator's side of a session as services and topics of a node: `eval/...`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from vega_msgs.msg import EvalState
from vega_msgs.srv import JudgeTrial, NoteTake
from vega_runtime import images, qos

from vega_eval.session.operator_console import (
    ConsoleAnswer,
    ConsoleState,
    OperatorConsole,
    SessionPhase,
)
from vega_eval.session.ros_backend import RosBackend
from vega_eval.trials.record import TrialOutcome
from vega_eval.trials.session_spec import TaskSpec

_STATE_S, _HELP_S = 0.5, 0.2
_OUTCOMES = {
    JudgeTrial.Request.SUCCESS: TrialOutcome.SUCCESS,
    JudgeTrial.Request.PARTIAL: TrialOutcome.PARTIAL,
    JudgeTrial.Request.FAIL: TrialOutcome.FAIL,
    JudgeTrial.Request.INVALID: TrialOutcome.INVALID,
}


class OperatorServices:
    """Offers the operator's verbs, and publishes its state."""

    def __init__(
        self,
        node: Node,
        console: OperatorConsole,
        backend: RosBackend,
        task_spec: TaskSpec,
        output: str,
    ) -> None:
        self._node, self._console, self._backend = node, console, backend
        self._task_spec, self._output = task_spec, output
        self._logged = ""
        self._shown: ConsoleState | None = None
        self._state = node.create_publisher(EvalState, "eval/state", qos.LATCHED)
        self._help = node.create_publisher(Image, "eval/reset_help", qos.SENSOR)
        verbs: dict[str, Callable[[], ConsoleAnswer]] = {
            "ready": console.ready,
            "stop": console.stop,
            "redo": console.redo,
            "pause": console.pause,
            "resume": console.resume,
        }
        for name, verb in verbs.items():
            node.create_service(Trigger, f"eval/{name}", partial(self._on_trigger, verb))
        node.create_service(JudgeTrial, "eval/judge", self._on_judge)
        node.create_service(NoteTake, "eval/note", self._on_note)
        # Not the node's clock: an operator has to be told also when the twin's stands still.
        wall = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_STATE_S, self._publish_while_running, clock=wall)
        node.create_timer(_HELP_S / 2, self._publish_if_changed, clock=wall)
        node.create_timer(_HELP_S, self._publish_help, clock=wall)

    def _publish_if_changed(self) -> None:
        if self._console.state != self._shown:
            self._publish()

    def _publish_while_running(self) -> None:
        if self._console.state.phase is SessionPhase.RUNNING:
            self._publish()

    def _publish(self) -> None:
        state = self._shown = self._console.state
        episode, session = self._backend.episode, self._backend.schedule_length
        message = EvalState(
            phase=int(state.phase),
            text=state.text,
            task=self._task_spec.task,
            output=self._output,
            trial=state.trial,
            attempt=state.attempt,
            trials=session,
            valid=state.valid,
            policy=state.policy,
            placement=state.placement,
            elapsed_s=episode.elapsed_s if episode is not None else 0.0,
            time_limit_s=self._task_spec.time_limit_s,
            milestones=list(self._task_spec.milestones),
            warnings=list(state.warnings),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._state.publish(message)
        if state.text != self._logged:
            self._logged = state.text
            self._node.get_logger().info(state.text)

    def _publish_help(self) -> None:
        if (
            self._console.state.phase is not SessionPhase.LAYING
            or not self._help.get_subscription_count()
        ):
            return
        image = self._backend.reset_image()
        if image is not None:
            stamp = self._node.get_clock().now().to_msg()
            self._help.publish(images.to_message(image, stamp, self._backend.head_frame))

    def _on_trigger(
        self,
        verb: Callable[[], ConsoleAnswer],
        request: Trigger.Request,
        response: Trigger.Response,
    ) -> Trigger.Response:
        response.success, response.message = verb()
        return response

    def _on_judge(
        self, request: JudgeTrial.Request, response: JudgeTrial.Response
    ) -> JudgeTrial.Response:
        outcome = _OUTCOMES.get(request.outcome)
        if outcome is None:
            response.message = f"unknown outcome {request.outcome}; expected 0 to 3"
            return response
        answer = self._console.judge(
            outcome, list(request.milestones), request.failure_type, request.note
        )
        response.success, response.message = answer
        return response

    def _on_note(self, request: NoteTake.Request, response: NoteTake.Response) -> NoteTake.Response:
        response.success, response.message = self._console.note(request.text)
        return response
