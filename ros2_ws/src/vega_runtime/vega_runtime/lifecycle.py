"""Lifecycle nodes whose transitions fail with a sentence instead of a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial

from lifecycle_msgs.srv import ChangeState
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode as RclpyLifecycleNode
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

_Change = Callable[[ChangeState.Request, ChangeState.Response], ChangeState.Response]


class TransitionError(RuntimeError):
    """A transition cannot be made; the text tells an operator why and what to do."""


class LifecycleNode(RclpyLifecycleNode):
    """Calls `configure`, `activate`, `deactivate` and `cleanup`, which subclasses override.

    What they raise ends the transition as a failure: a `TransitionError`, a `ValueError` or an
    `OSError` is logged as its one sentence, anything else is a bug and is logged whole.
    """

    def __init__(self, node_name: str) -> None:
        super().__init__(node_name)
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = partial(self._change_or_refuse, service.callback)

    def configure(self) -> None:
        """Opens what the node needs. Nothing moves yet."""

    def activate(self) -> None:
        """Starts work."""

    def deactivate(self) -> None:
        """Stops work; a node that commands arms leaves them holding."""

    def cleanup(self) -> None:
        """Closes what `configure` opened. Called from any state, also after a failure."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("configure")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        return self._attempt("activate") if result == TransitionCallbackReturn.SUCCESS else result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt("deactivate")
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("cleanup")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("cleanup")

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("cleanup")

    def _change_or_refuse(
        self, change: _Change, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        """Refuses a transition that the present state lacks; it would end the process in rclpy."""
        try:
            return change(request, response)
        except rclpy_implementation.RCLError:
            asked = request.transition.label or f"number {request.transition.id}"
            self.get_logger().error(f"refused transition {asked}: not possible in this state")
            response.success = False
            return response

    def _attempt(self, name: str) -> TransitionCallbackReturn:
        try:
            getattr(self, name)()
        except (TransitionError, ValueError, OSError) as error:
            self.get_logger().error(f"cannot {name}: {error}")
        except Exception:
            self.get_logger().error(f"cannot {name}:\n{traceback.format_exc()}")
        else:
            return TransitionCallbackReturn.SUCCESS
        return TransitionCallbackReturn.FAILURE
