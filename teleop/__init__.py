"""Leader-follower teleoperation and the episode recorder, ROS-free.

This is where mapping, recording, quality checks and exports belong; none of it is built yet.
"""
