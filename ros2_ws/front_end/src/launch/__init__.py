"""The launch API for ROS 2 installations that come without it.

It supplies the usual names for the part of the API that this project's launch files use. The
launch package of a full ROS 2 installation takes precedence wherever it can be imported.
"""

from . import actions as actions
from . import conditions as conditions
from . import event_handlers as event_handlers
from . import events as events
from . import launch_description_sources as launch_description_sources
from . import logging as logging
from . import some_substitutions_type as some_substitutions_type
from . import substitutions as substitutions
from . import utilities as utilities
from .action import Action
from .condition import Condition
from .event import Event
from .event_handler import EventHandler
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .launch_description_source import LaunchDescriptionSource
from .launch_description_sources import InvalidLaunchFileError
from .launch_service import LaunchService
from .some_entities_type import SomeEntitiesType, SomeEntitiesType_types_tuple
from .some_substitutions_type import SomeSubstitutionsType, SomeSubstitutionsType_types_tuple
from .substitution import Substitution
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
    "SomeEntitiesType_types_tuple",
    "SomeSubstitutionsType",
    "SomeSubstitutionsType_types_tuple",
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
