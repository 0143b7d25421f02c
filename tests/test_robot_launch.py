"""robot.launch.py stays up without a policy: the exercises of the guide, in their order."""

import os
import re
import signal
import subprocess
from functools import partial
from pathlib import Path

from system import launched, probing
from vega_msgs.msg import ArmStatus
from vega_runtime import qos

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "robot.md"
robot = partial(launched, file="robot.launch.py")


def exercises():
    """The commands that the guide has for a second terminal."""
    part = GUIDE.read_text("utf-8").split("## Exercises")[1].split("\n## ")[0]
    launch, commands = re.findall(r"```bash\n(.*?)```", part, re.S)
    assert launch.split() == [
        "ros2",
        "launch",
        "vega_bringup",
        "robot.launch.py",
        "robot:=emulated",
    ]
    return commands.splitlines()


def typed(command, domain):
    """What a command says, typed into a shell."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
    ended = subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    return ended.stdout


def test_the_exercises_of_the_guide_can_be_typed_in_their_order(light_cell, tmp_path):
    arguments = ("robot:=emulated", f"output:={tmp_path / 'run'}")
    with robot(*arguments, environment=light_cell) as system, probing(system) as probe:
        system.wait_for_line("all up after")
        status = {
            arm: probe.listen(ArmStatus, f"{arm}/follower/status", qos.LATCHED)
            for arm in ("left", "right")
        }

        def enabled():
            return all(said and said[-1].enabled for said in status.values())

        probe.until(enabled, "both arms to be enabled")
        for command in exercises():
            told = typed(command, system.domain)
            assert "success=True" in told, (command, told, system.text)
            if "silence" in command:
                probe.until(lambda: "silent" in status["right"][-1].text, "the arm to be missed")
            elif "kind: none" in command and "/sim/" in command:
                probe.until(lambda: "enable" in status["right"][-1].text, "the next step")
            elif "camera_gone" in command:
                probe.until(lambda: system.count("head camera"), "the camera to be missed")
            elif "enable" in command:
                probe.until(enabled, "both arms to be enabled")
        assert system.exit_code is None
        system.stop(signal.SIGINT)
    assert system.count("Traceback|has died") == 0, system.text


def test_the_twin_stays_up_without_a_policy_and_goes_home(light_cell, tmp_path):
    with robot(f"output:={tmp_path / 'run'}", environment=light_cell) as system:
        with probing(system) as probe:
            system.wait_for_line("all up after.*: sim, gate")
            typed("ros2 service call /gate/home std_srvs/srv/Trigger", system.domain)
            probe.until(lambda: probe.gate and "home" in probe.gate.reason, "the way home")
        assert not system.processes_of("policy_node")
        system.stop(signal.SIGINT)
    assert (tmp_path / "run" / "logs").is_dir()
    assert system.count("Traceback|has died") == 0, system.text


def test_without_its_hardware_the_real_robot_is_refused(tmp_path):
    with robot("robot:=real", f"output:={tmp_path / 'run'}") as system:
        assert system.wait() != 0
    assert system.count("robot:=real: no CAN interface can_left, can_right") == 1, system.text
    assert system.count("process started") == 0
    assert not (tmp_path / "run").exists()
