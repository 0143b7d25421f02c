"""`ros2 run vega_bringup doctor`: looks at arms, cameras and computer before anything moves.

A survey gathers facts (`*survey`), pure functions judge them (`*checks`); each finding is a row
with what was found and what to do about it. Those of arms, cameras and policy stand beside their
drivers and nodes, and are registered in `examination`. Nothing that the doctor sends moves an arm.
"""
