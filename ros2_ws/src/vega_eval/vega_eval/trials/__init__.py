"""What a session of trials is, as data and on the disk; no ROS, no simulator."""
