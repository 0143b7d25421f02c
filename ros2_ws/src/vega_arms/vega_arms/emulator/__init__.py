"""Emulated Piper arms: they speak the arms' CAN protocol at its real rates, with its real manners.

`python -m vega_arms.emulator --channel can_left --role both` stands in for a leader and a follower
that share a bus. `Emulator` is the same for use inside a process; whatever implements `ArmPhysics`
moves the follower, `SimpleArm` or a simulation.
"""

from vega_arms.emulator.emulator import Emulator
from vega_arms.emulator.follower import Follower
from vega_arms.emulator.leader import Leader
from vega_arms.emulator.physics import ArmPhysics, Drive, Measured, SimpleArm
from vega_arms.emulator.settings import POSE, Settings

__all__ = [
    "POSE",
    "ArmPhysics",
    "Drive",
    "Emulator",
    "Follower",
    "Leader",
    "Measured",
    "Settings",
    "SimpleArm",
]
