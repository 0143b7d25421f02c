"""The launch API for ROS 2 installations that come without it.

It supplies the usual names for the part of the API that launch files of this project and of its
users need. The launch package of a full ROS 2 installation takes precedence wherever it can be
imported.
"""

from . import actions as actions
from . import conditions as conditions
from . import event_handlers as event_handlers
from . import events as events
from . import launch_description_sources as launch_description_sources
from . import logging as logging
from . import substitutions as substitutions
from . import utilities as utilities
from .action import Action, LaunchDescriptionEntity, SomeEntitiesType
from .conditions import Condition
from .event_handlers import EventHandler
from .events import Event
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_sources import InvalidLaunchFileError, LaunchDescriptionSource
from .launch_service import LaunchService
from .substitution import SomeSubstitutionsType, Substitution
from .uncovered import module_getattr

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "InvalidLaunchFileError",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchService",
    "SomeEntitiesType",
    "SomeSubstitutionsType",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "launch_description_sources",
    "logging",
    "substitutions",
]

__vega_front_end__ = True
__getattr__ = module_getattr(__name__)
