"""Inclusion of other launch descriptions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..launch_description_entity import LaunchDescriptionEntity
from ..launch_description_source import LaunchDescriptionSource
from ..launch_description_sources import AnyLaunchDescriptionSource
from ..some_substitutions_type import SomeSubstitutionsType
from .launch_configurations import SetLaunchConfiguration
from .opaque_function import OpaqueFunction

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

LaunchArgument = tuple[SomeSubstitutionsType, SomeSubstitutionsType]

_FILE_LOCALS = ("current_launch_file_path", "current_launch_file_directory")


class IncludeLaunchDescription(Action):
    """Visits another launch description, in the scope of this one.

    The launch arguments given, and what the included description sets, stay set afterwards unless
    the include stands in a scoped group.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[LaunchArgument] | None = None,
        **kwargs: Any,
    ) -> None:
        """Include a source, or a launch file, with arguments as pairs of name and value."""
        super().__init__(**kwargs)
        if isinstance(launch_description_source, LaunchDescriptionSource):
            self._source = launch_description_source
        else:
            self._source = AnyLaunchDescriptionSource(launch_description_source)
        self._arguments = tuple(launch_arguments or ())

    @property
    def launch_description_source(self) -> LaunchDescriptionSource:
        """Where the included description comes from."""
        return self._source

    @property
    def launch_arguments(self) -> tuple[LaunchArgument, ...]:
        """The pairs of name and value."""
        return self._arguments

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the included description if it can be had without a running launch."""
        description = self._source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return actions that set the arguments, and the included description."""
        description = self._source.get_launch_description(context)
        path = os.path.abspath(self._source.location)
        outer = {name: context.get_locals_as_dict().get(name) for name in _FILE_LOCALS}
        context.extend_locals(dict(zip(_FILE_LOCALS, (path, os.path.dirname(path)))))
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self._arguments),
            description,
            OpaqueFunction(function=lambda inner: inner.extend_locals(outer)),
        ]
