"""Actions on ROS nodes."""

from launch.uncovered import module_getattr

from .node import LifecycleNode, Node
from .scope import PushROSNamespace, PushRosNamespace, SetParameter, SetRemap

__all__ = [
    "LifecycleNode",
    "Node",
    "PushROSNamespace",
    "PushRosNamespace",
    "SetParameter",
    "SetRemap",
]

__getattr__ = module_getattr(__name__)
