"""The service by which emulated hardware and the twin are made to fail."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from vega_msgs.srv import InjectFault


def offer(node: Node, name: str, inject: Callable[[str, str], None]) -> None:
    """Offers a service that injects faults.

    Args:
        node: Whose service it is.
        name: Of the service.
        inject: Makes something fail, of a kind and a target; the text of a `ValueError` is the
            answer's message.
    """

    def answer(
        request: InjectFault.Request, response: InjectFault.Response
    ) -> InjectFault.Response:
        try:
            inject(request.kind, request.target)
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    node.create_service(InjectFault, name, answer)
