"""The services that both nodes of the twin offer: of its scene, and of its operator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.node import Node
from std_srvs.srv import SetBool
from vega_msgs.msg import LeaderJog
from vega_msgs.srv import InjectFault, ResetScene
from vega_runtime import qos

from vega_sim.leaders import Leaders
from vega_sim.worker import Worker


class SceneServices:
    """Offers sim/reset and sim/inject_fault; a `ValueError` of either is the answer's message.

    Args:
        node: whose they are.
        reset: starts the episode that is asked for; returns its number.
        inject: makes something fail, of a kind and a target.
    """

    def __init__(
        self,
        node: Node,
        reset: Callable[[ResetScene.Request], int],
        inject: Callable[[str, str], None],
    ) -> None:
        self._reset, self._inject = reset, inject
        node.create_service(ResetScene, "sim/reset", self._on_reset)
        node.create_service(InjectFault, "sim/inject_fault", self._on_fault)

    def _on_reset(
        self, request: ResetScene.Request, response: ResetScene.Response
    ) -> ResetScene.Response:
        try:
            response.episode = self._reset(request)
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    def _on_fault(
        self, request: InjectFault.Request, response: InjectFault.Response
    ) -> InjectFault.Response:
        try:
            self._inject(request.kind, request.target)
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response


class OperatorServices:
    """Offers operator/act and listens to operator/jog.

    Args:
        node: whose they are.
        worker: the thread in which the leaders move.
        leaders: gives them; None while there is no scene.
    """

    def __init__(self, node: Node, worker: Worker, leaders: Callable[[], Leaders | None]) -> None:
        self._node, self._worker, self._leaders = node, worker, leaders
        node.create_service(SetBool, "operator/act", self._on_act)
        node.create_subscription(LeaderJog, "operator/jog", self._on_jog, qos.COMMAND)

    def _on_act(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        leaders = self._leaders()
        if leaders is None:
            response.message = "there is no scene yet: the node is not configured"
            return response
        try:
            response.message = self._worker.call(partial(leaders.act, request.data))
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    def _on_jog(self, message: LeaderJog) -> None:
        leaders = self._leaders()
        if leaders is None:
            return
        try:
            leaders.jog(message.arm, list(message.linear), list(message.angular), message.gripper)
        except ValueError as error:
            self._node.get_logger().error(
                f"operator/jog refused: {error}", throttle_duration_sec=2.0
            )
