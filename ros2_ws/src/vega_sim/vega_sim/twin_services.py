"""The services that both nodes of the twin offer: of its scene, and of its operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from std_srvs.srv import SetBool
from vega_msgs.msg import LeaderJog
from vega_msgs.srv import ResetScene
from vega_runtime import fault_injection, qos
from vega_runtime.parameters import parameter

from vega_sim.leaders import NOBODY, Leaders
from vega_sim.worker import Worker


@dataclass(frozen=True)
class SceneParameters:
    """Parameters of both nodes."""

    task: str = parameter("close_laptop", "task of hw_config whose scene is set up")
    variant: str = parameter("easy", "easy or hard")
    seed: int = parameter(0, "seed of the first episode's placements", low=0)
    operator: str = parameter(
        NOBODY, "who moves the leader arms: none (there are none), scripted or keyboard"
    )


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
        self._reset = reset
        node.create_service(ResetScene, "sim/reset", self._on_reset)
        fault_injection.offer(node, "sim/inject_fault", inject)

    def _on_reset(
        self, request: ResetScene.Request, response: ResetScene.Response
    ) -> ResetScene.Response:
        try:
            response.episode = self._reset(request)
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
