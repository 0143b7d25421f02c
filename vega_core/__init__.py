"""What every package shares and none owns: files that survive, locks, journals, times, pages.

It needs neither ROS nor torch, and imports no other package of this project.
"""
