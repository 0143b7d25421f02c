"""Where a launch description comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .some_substitutions_type import SomeSubstitutionsType
from .uncovered import reject_arguments
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from .launch_context import LaunchContext
    from .launch_description import LaunchDescription


class LaunchDescriptionSource:
    """A launch description, or the path of a file that makes one."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "",
        method: str = "unspecified mechanism from a script",
        **uncovered: Any,
    ) -> None:
        """Create a source from a description at hand, or from the location of one."""
        reject_arguments(self, uncovered)
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None
        self._method = method

    @property
    def method(self) -> str:
        """How the description is obtained, in words."""
        return self._method

    @property
    def location(self) -> str:
        """The path once it is known, else its description."""
        if self._expanded_location is not None:
            return self._expanded_location
        return describe_substitutions(self._location)

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description, loading it the first time."""
        if self._description is None:
            self._expanded_location = perform_substitutions(context, self._location)
            self._description = self._get_launch_description(self._expanded_location)
        return self._description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description if its location needs nothing from a running launch."""
        from .launch_context import LaunchContext

        if self._description is not None:
            return self._description
        context = LaunchContext()
        try:
            perform_substitutions(context, self._location)
        except Exception:
            return None
        return self.get_launch_description(context)

    def _get_launch_description(self, location: str) -> LaunchDescription:
        raise NotImplementedError(f"{type(self).__name__}._get_launch_description")
