"""One episode from a script, in a stack that was launched for it:

ros2 launch vega_bringup policy.launch.py task:=close_laptop idle:=true
python docs/examples/robot.py
"""

from vega_bringup.robot import Robot, RobotError

try:
    with Robot("sim") as robot:
        robot.reset_scene(seed=3)
        robot.home()
        state = robot.observe()
        for camera, image in state.images.items():
            print(f"{camera}: {image.shape} at {state.stamps_s[camera]:.2f} s")
        print("joints:", state.joints.round(2))
        print(robot.run_policy("close_laptop"))
except RobotError as error:
    print(f"error: {error}")
