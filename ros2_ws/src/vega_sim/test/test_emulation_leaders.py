"""The emulation node with an operator: leaders on the buses, and the service that moves them."""

import pytest
import rclpy
from std_srvs.srv import SetBool
from vega_arms import frames, protocol
from vega_msgs.srv import ResetScene

import hw_config

from .conftest import EmulationRig

HARDWARE = hw_config.load()
HOME = HARDWARE.arms["right"].home


class LeaderRig(EmulationRig):
    """The node with a scripted operator, and somebody on the right bus."""

    def second_joint(self, identifier):
        """What the newest frame of this kind says of joint 2, rad."""
        newest = None
        while (message := self.bus.recv(0.0)) is not None:
            if message.arbitration_id == identifier:
                newest = protocol.decode(identifier, message.data)
        return None if newest is None else protocol.from_millidegrees(newest[1])


@pytest.fixture(scope="module")
def rig():
    rclpy.init(args=["--ros-args", "-p", "operator:=scripted"])
    rig = LeaderRig()
    rig.activate()
    yield rig
    rig.close()
    rclpy.shutdown()


def leader_away(rig):
    said = rig.second_joint(frames.JOINT_TARGET[0])
    return 0.0 if said is None else abs(said - HOME[1])


def arm_away(rig):
    said = rig.second_joint(frames.JOINT_FEEDBACK[0])
    return 0.0 if said is None else abs(said - HOME[1])


def test_the_operator_moves_the_leader_and_the_arm_on_its_bus_follows(rig):
    answer = rig.call(SetBool, "operator/act", data=True)
    assert answer.success, answer.message
    rig.until(lambda: leader_away(rig) > 0.3)
    rig.until(lambda: arm_away(rig) > 0.3)
    rig.until(lambda: any("operator" in {v.key for v in r.status[0].values} for r in rig.reports))


def test_between_two_takes_the_leaders_lead_the_arms_home(rig):
    rig.until(lambda: arm_away(rig) > 0.3)
    refused = rig.call(ResetScene, "sim/reset", task="", variant="", seed=1)
    assert not refused.success
    assert "service operator/act with data: false" in refused.message
    assert rig.call(SetBool, "operator/act", data=False).success
    rig.until(lambda: rig.call(ResetScene, "sim/reset", task="", variant="", seed=1).success)
    assert rig.call(SetBool, "operator/act", data=True).success
    rig.until(lambda: arm_away(rig) > 0.3)
