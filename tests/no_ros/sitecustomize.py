"""Imports as on a machine without ROS 2; Python reads this by itself where it is on the path.

What else is out of reach is named by the variable VEGA_TEST_ABSENT, with commas between.
"""

import os
import re
import sys

_ABSENT = frozenset(os.environ.get("VEGA_TEST_ABSENT", "").split(","))
_ROS = re.compile(
    r"rclpy|rosidl\w*|rcl_interfaces|rpyutils|ament_\w+|launch|launch_ros"
    r"|\w+_msgs|std_srvs|builtin_interfaces"
)


class _Without:
    """A finder of modules that finds none of these packages."""

    def __init__(self, finder):
        self._finder = finder

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, fullname, path=None, target=None):
        name = fullname.partition(".")[0]
        if name in _ABSENT or _ROS.fullmatch(name):
            return None
        return self._finder.find_spec(fullname, path, target)


sys.meta_path[:] = map(_Without, sys.meta_path)
