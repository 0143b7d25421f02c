"""Joint states by name: a swapped arm is an error, not a strange motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sensor_msgs.msg import JointState


class NamedJoints:
    """Reads one arm's joint states; messages that name other joints are not used."""

    def __init__(
        self, source: str, names: Sequence[str], complain: Callable[[str], object] | None = None
    ) -> None:
        """Takes what is expected.

        Args:
            source: Whose joint states they are, for people.
            names: The joints, in order.
            complain: Gets one sentence when wrong messages begin to come.
        """
        self._source = source
        self._names = list(names)
        self._complain = complain
        self._wrong = False

    def positions(self, message: JointState) -> Sequence[float] | None:
        """Positions in the expected order (rad, gripper m), or None for another arm's message."""
        wrong = message.name != self._names
        if wrong and not self._wrong and self._complain is not None:
            self._complain(
                f"joint states of the {self._source} name {', '.join(message.name) or 'nothing'}; "
                f"expected {', '.join(self._names)}. Are two arms swapped?"
            )
        self._wrong = wrong
        return None if wrong else message.position
