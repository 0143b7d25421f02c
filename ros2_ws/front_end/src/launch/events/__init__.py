"""Events of a launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..uncovered import module_getattr

if TYPE_CHECKING:
    from ..action import Action
    from ..launch_description import LaunchDescription

__all__ = ["Event", "IncludeLaunchDescription", "Shutdown", "matches_action", "process"]


class Event:
    """Something that happened while the launch runs."""

    name = "launch.Event"


class Shutdown(Event):
    """The launched system is to be shut down."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: Any = "reason not given", due_to_sigint: bool = False) -> None:
        """Create the event with its reason in words."""
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class IncludeLaunchDescription(Event):
    """A launch description is to be visited."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: LaunchDescription) -> None:
        """Create the event for the description."""
        self.launch_description = launch_description


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a matcher that accepts just this action."""
    return lambda action: action is target_action


from . import process  # noqa: E402 - its events refer to the names above

__getattr__ = module_getattr(__name__)
