"""The ros2 command for ROS 2 installations that come without it."""
