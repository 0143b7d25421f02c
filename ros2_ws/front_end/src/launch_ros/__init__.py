"""The launch API for ROS 2 nodes, for ROS 2 installations that come without it."""

import launch

if not getattr(launch, "__vega_front_end__", False):
    raise ImportError(
        f"launch comes from {launch.__file__}, but the launch_ros that belongs to it is missing; "
        "add the rest of that ROS 2 installation to the Python path, or remove it from there"
    )

from launch.uncovered import module_getattr

from . import actions as actions
from . import descriptions as descriptions
from . import parameter_descriptions as parameter_descriptions
from . import substitutions as substitutions

__vega_front_end__ = True
__getattr__ = module_getattr(__name__)
