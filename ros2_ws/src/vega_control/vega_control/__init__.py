"""The command gate: everything that wants to move an arm goes through it.

`limits`, `chunk`, `schedule`, `stop`, `feedback` and `gate` are plain Python, `gate_node` puts them
on ROS.
"""
