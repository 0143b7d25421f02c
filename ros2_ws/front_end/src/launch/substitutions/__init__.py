"""Substitutions: text that is only known once the launch runs."""

from ..uncovered import module_getattr
from .computed import Command, PythonExpression
from .failure import SubstitutionFailure
from .logic import (
    AllSubstitution,
    AndSubstitution,
    AnySubstitution,
    EqualsSubstitution,
    IfElseSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from .paths import (
    FileContent,
    FindExecutable,
    PathJoinSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)
from .text_substitution import TextSubstitution
from .values import EnvironmentVariable, LaunchConfiguration, LaunchLogDir, LocalSubstitution

__all__ = [
    "AllSubstitution",
    "AndSubstitution",
    "AnySubstitution",
    "Command",
    "EnvironmentVariable",
    "EqualsSubstitution",
    "FileContent",
    "FindExecutable",
    "IfElseSubstitution",
    "LaunchConfiguration",
    "LaunchLogDir",
    "LocalSubstitution",
    "NotEqualsSubstitution",
    "NotSubstitution",
    "OrSubstitution",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFile",
    "ThisLaunchFileDir",
]

__getattr__ = module_getattr(__name__)
