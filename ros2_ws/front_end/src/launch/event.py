"""Base class of the events a launch reacts to."""

from __future__ import annotations


class Event:
    """Something that happened while the launch runs."""

    name = "launch.Event"
