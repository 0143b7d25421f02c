"""Sessions of trials in the twin, without ROS: faster than real time, on many processors."""
