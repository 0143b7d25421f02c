"""An episode's signs as a ROS message, and back."""

from __future__ import annotations

from dataclasses import asdict, fields

from vega_msgs.msg import EpisodeSigns

from vega_sim.signs import Signs


def to_message(signs: Signs) -> EpisodeSigns:
    """The message of what has happened."""
    return EpisodeSigns(**asdict(signs))


def from_message(message: EpisodeSigns) -> Signs:
    """What the message says has happened."""
    return Signs(**{field.name: getattr(message, field.name) for field in fields(Signs)})
