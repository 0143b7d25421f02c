"""What would end a launch waits until the emergency stop is left.

The gate holds the stop, and the gate ends with its launch: a session or a policy that ends while a
stop is latched must not take it down, nor the steps by which people leave the stop.
"""

from __future__ import annotations

from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import LogInfo, OpaqueFunction, TimerAction
from vega_control.stop_latch import is_latched

_LOOK_S = 0.5
TOLD = (
    "the emergency stop is pressed: everything else stays up until it is left. "
    "ros2 run vega_control estop shows the steps; Ctrl-C ends all at once"
)


def once_stop_is_left(end: Action) -> OpaqueFunction:
    """What ends a launch, at once or as soon as no emergency stop is latched any more."""
    told = False

    def poll(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        nonlocal told
        if context.is_shutdown:
            return []
        if not is_latched():
            return [end]
        said = [] if told else [LogInfo(msg=TOLD)]
        told = True
        return [*said, TimerAction(period=_LOOK_S, actions=[OpaqueFunction(function=poll)])]

    return OpaqueFunction(function=poll)
