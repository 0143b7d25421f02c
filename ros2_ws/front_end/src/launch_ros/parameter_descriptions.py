"""Descriptions of node parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from launch.substitution import SomeSubstitutionsType
from launch.uncovered import describe_uncovered, module_getattr, reject_arguments
from launch.utilities import text_of, typed_value

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "ParameterFile",
    "ParameterValue",
]

FilePath = Union[str, bytes, "os.PathLike[str]"]


class ParameterValue:
    """The value of a parameter, read as a certain type."""

    def __init__(self, value: Any, *, value_type: Any = None, **uncovered: Any) -> None:
        """Describe a value.

        Args:
            value: a scalar, text or substitutions, or a list of them.
            value_type: bool, int, float, str or a `typing.List` of one of them; None for what
                YAML makes of the text.
            uncovered: refused by name.
        """
        reject_arguments(self, uncovered)
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value.

        Raises:
            ValueError: if it cannot be read as its type.
        """
        return typed_value(context, self.value, self.value_type)


class ParameterFile:
    """A YAML file of parameters, which the node reads itself."""

    def __init__(
        self,
        param_file: FilePath | SomeSubstitutionsType,
        *,
        allow_substs: Any = False,
        **uncovered: Any,
    ) -> None:
        """Describe the file by its path."""
        reject_arguments(self, uncovered)
        if allow_substs is not False:
            name = "launch_ros.parameter_descriptions.ParameterFile(allow_substs=...)"
            raise TypeError(describe_uncovered(name))
        self.param_file = param_file

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path."""
        if isinstance(self.param_file, (bytes, os.PathLike)):
            return Path(os.fsdecode(self.param_file))
        return Path(text_of(context, self.param_file))


__getattr__ = module_getattr(__name__)
