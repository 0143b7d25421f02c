"""What a process is run with: command, name, directory, environment."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..substitution import SomeSubstitutionsType, Substitution
from ..utilities import perform_substitutions, text_of

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

Environment = Mapping[Any, SomeSubstitutionsType]

_numbers = itertools.count(1)


@dataclass
class ProcessCommand:
    """The surroundings of a command, before substitutions are performed."""

    prefix: SomeSubstitutionsType | None
    name: SomeSubstitutionsType | None
    cwd: SomeSubstitutionsType | None
    env: Environment | None
    additional_env: Environment | None

    def resolve(
        self, context: LaunchContext, words: Iterable[list[Substitution]]
    ) -> dict[str, Any]:
        """Return `name`, `cmd`, `cwd` and `env` of the process; names are numbered through."""

        text = functools.partial(text_of, context)
        command = [perform_substitutions(context, word) for word in words]
        program = os.path.basename(command[0])
        prefix = self._global_prefix(context, program) if self.prefix is None else text(self.prefix)
        base: Environment = context.environment if self.env is None else self.env
        variables = [*base.items(), *(self.additional_env or {}).items()]
        name = program if self.name is None else text(self.name)
        return {
            "name": f"{name}-{next(_numbers)}",
            "cmd": shlex.split(prefix) + command,
            "cwd": None if self.cwd is None else text(self.cwd),
            "env": {text(variable): text(value) for variable, value in variables},
        }

    @staticmethod
    def _global_prefix(context: LaunchContext, program: str) -> str:
        """Return the prefix given on the command line if it is meant for this program."""
        configurations = context.launch_configurations
        if not re.match(configurations.get("launch-prefix-filter", ""), program):
            return ""
        return str(configurations.get("launch-prefix", ""))
