"""Messages of the launch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..action import Action
from ..logging import get_logger
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class LogInfo(Action):
    """Prints a message."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the action from the message."""
        super().__init__(**kwargs)
        self._msg = normalize_to_list_of_substitutions(msg)

    def execute(self, context: LaunchContext) -> None:
        """Print it."""
        get_logger("launch.user").info("%s", perform_substitutions(context, self._msg))
