"""ROS nodes as processes."""

from __future__ import annotations

import collections
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml
from launch.action import LaunchDescriptionEntity
from launch.actions import ExecuteProcess
from launch.logging import get_logger, launch_config
from launch.substitution import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, text_of

from ..names import check_node_name, join_namespaces, rule_words
from ..parameter_descriptions import ParameterFile
from ..parameters import evaluate_parameter_dict
from ..substitutions import ExecutableInPackage
from .scope import NAMESPACE, PARAMETERS, REMAPPINGS

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

SomeParameters = Iterable[Any]
RemapRule = tuple[SomeSubstitutionsType, SomeSubstitutionsType]

_names_seen: collections.Counter[str] = collections.Counter()


class _Quoting(yaml.SafeDumper):
    """Quotes all text: what is text for Python's YAML, as 1e3, is a number for that of ROS 2."""


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


class Node(ExecuteProcess):
    """Runs the executable of a node with its name, namespace, parameters and remappings."""

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: SomeParameters | None = None,
        remappings: Iterable[RemapRule] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe a node.

        Args:
            executable: its name in the package, or its path if no package is given.
            package: the package of the executable.
            name: the name of the node; by default the one its code gives it.
            namespace: its namespace, within the one that is pushed unless it starts with "/".
            exec_name: what the process is called in the logs.
            parameters: paths of parameter files, `ParameterFile`s and dictionaries;
                a later one takes precedence.
            remappings: pairs of a name and what it becomes.
            ros_arguments: words for the ROS part of the command line.
            arguments: words for the rest of it.
            kwargs: as for `launch.actions.ExecuteProcess`, but not `cmd` and `name`.

        Raises:
            TypeError: if `parameters` or `remappings` are not lists of those.
        """
        program = executable
        if package is not None:
            program = ExecutableInPackage(package=package, executable=executable)
        super().__init__(cmd=[program, *(arguments or ())], name=exec_name, **kwargs)
        if isinstance(parameters, (str, bytes, Mapping)):
            raise TypeError(f"Node: parameters has to be a list, got {parameters!r}")
        self._parameters = list(parameters or ())
        self._remappings = [_check_rule(rule) for rule in remappings or ()]
        self._ros_arguments = list(ros_arguments or ())
        self._requested_name = name
        self._requested_namespace = namespace
        self._full_name: str | None = None

    @property
    def node_name(self) -> str:
        """The full name of the node; "/**" stands for what only its code knows.

        Raises:
            RuntimeError: before the node is executed.
        """
        if self._full_name is None:
            raise RuntimeError("the name of a node is not known before it is executed")
        return self._full_name

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Complete the command line and start the process."""
        name = self._text(context, self._requested_name)
        if name is not None:
            check_node_name(name)
        namespace = join_namespaces(
            context.launch_configurations.get(NAMESPACE),
            self._text(context, self._requested_namespace),
        )
        is_known = name is not None and namespace is not None
        self._full_name = f"{(namespace or '').rstrip('/')}/{name}" if is_known else "/**"
        words: list[SomeSubstitutionsType] = []
        if self._ros_arguments:
            words += ["--ros-args", *self._ros_arguments]
        words.append("--ros-args")
        if name is not None:
            words += ["-r", f"__node:={name}"]
        if namespace is not None:
            words += ["-r", f"__ns:={namespace}"]
        words += self._scope_parameter_words(context)
        for parameters in self._parameters:
            words += self._parameter_words(context, parameters)
        words += rule_words(self._all_remappings(context))
        self.cmd += [normalize_to_list_of_substitutions(word) for word in words]
        result = super().execute(context)
        if is_known:
            self._warn_of_duplicates()
        return result

    @staticmethod
    def _text(context: LaunchContext, subs: SomeSubstitutionsType | None) -> str | None:
        return None if subs is None else text_of(context, subs)

    def _scope_parameter_words(self, context: LaunchContext) -> list[str]:
        scope = context.launch_configurations.get(PARAMETERS, ())
        return [word for name, value in scope for word in ("-p", f"{name}:={value}")]

    def _parameter_words(self, context: LaunchContext, parameters: Any) -> list[str]:
        if isinstance(parameters, Mapping):
            values = evaluate_parameter_dict(context, parameters)
            return ["--params-file", self._write_parameters(values)]
        if not isinstance(parameters, ParameterFile):
            parameters = ParameterFile(parameters)
        path = parameters.evaluate(context)
        if not path.is_file():
            get_logger("launch").warning("Parameter file path is not a file: %s", path)
            return []
        return ["--params-file", str(path)]

    def _write_parameters(self, values: dict[str, Any]) -> str:
        with tempfile.NamedTemporaryFile(
            "w", prefix="launch_params_", dir=launch_config.log_dir, delete=False
        ) as file:
            yaml.dump({self.node_name: {"ros__parameters": values}}, file, _Quoting)
        return os.path.abspath(file.name)

    def _all_remappings(self, context: LaunchContext) -> list[tuple[str, str]]:
        own = [tuple(text_of(context, name) for name in rule) for rule in self._remappings]
        return [*context.launch_configurations.get(REMAPPINGS, ()), *own]

    def _warn_of_duplicates(self) -> None:
        _names_seen[self.node_name] += 1
        if _names_seen[self.node_name] > 1:
            get_logger(self.name).warning(
                "there are now at least %d nodes with the name %s created within this launch",
                _names_seen[self.node_name],
                self.node_name,
            )


class LifecycleNode(Node):
    """Runs a node with a lifecycle, which needs a name and a namespace.

    The launch itself does not follow or change the state of the node.
    """

    def __init__(
        self,
        *,
        name: SomeSubstitutionsType,
        namespace: SomeSubstitutionsType,
        **kwargs: Any,
    ) -> None:
        """Describe the node; see `Node`."""
        super().__init__(name=name, namespace=namespace, **kwargs)


def _check_rule(rule: Any) -> Any:
    if not isinstance(rule, (tuple, list)) or len(rule) != 2:
        raise TypeError(f"Node: a remapping has to be a pair of names, got {rule!r}")
    return rule
