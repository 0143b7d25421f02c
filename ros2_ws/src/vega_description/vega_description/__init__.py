"""Geometry of the robot: MJCF of the Piper arm and the Cobot Magic cell, frames, kinematics."""
