"""From observation to action chunk, while the arms move.

`observation` and `loop` are plain Python, `policy_node` puts them on ROS.
"""
