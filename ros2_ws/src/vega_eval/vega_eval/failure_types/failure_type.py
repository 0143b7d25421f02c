"""What a type of failure is: what it means, how it is asked for, drawn and recognised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vega_core.registry import Registry


class Signals(Protocol):
    """What is known of an episode that failed; `vega_sim.failure_signals` says more of each.

    The twin's own signals have these attributes, and so has the ROS message that carries them.
    """

    @property
    def closest_m(self) -> float: ...
    @property
    def touched(self) -> bool: ...
    @property
    def held(self) -> bool: ...
    @property
    def ever_held(self) -> bool: ...
    @property
    def lost(self) -> bool: ...
    @property
    def released_at_target(self) -> bool: ...
    @property
    def table_contact_s(self) -> float: ...
    @property
    def table_force_n(self) -> float: ...
    @property
    def stalled_s(self) -> float: ...


@dataclass(frozen=True)
class Rules:
    """Where the rules draw their lines.

    Attributes:
        table_contact_s: arms may press on the table for so long, altogether. The scripted operator
            never does; an arm that is sent below the table does for as long as it stays there.
        blocked_commands: so many commands to an arm may be braked by the gate because the way led
            out of the workspace. At 200 commands a second this is the time of `table_contact_s`.
            Where the table is as high as hw_config says, the scripted operator needs none.
        stalled_s: an arm that has not got on for so long does not any more. The scripted operator
            pauses for 3.0 s at most in episodes that it solves.
    """

    table_contact_s: float = 0.5
    blocked_commands: int = 100
    stalled_s: float = 4.0


@dataclass(frozen=True)
class Evidence:
    """All that a rule may look at.

    Attributes:
        signals: what had happened when the trial ended.
        estopped: somebody, or something, pressed the emergency stop.
        comms_lost: it ended because data of a camera, an arm or the policy did not come.
        blocked_by_workspace: commands that the gate braked because they led out of the workspace.
        rules: the thresholds.
    """

    signals: Signals
    estopped: bool = False
    comms_lost: bool = False
    blocked_by_workspace: int = 0
    rules: Rules = Rules()

    @property
    def stalled(self) -> bool:
        """Whether the arms had stopped getting on."""
        return self.signals.stalled_s >= self.rules.stalled_s


@dataclass(frozen=True, eq=False)
class FailureType:
    """Why a trial failed. There is one object of each type, in every process.

    Attributes:
        value: in files, messages and services.
        title: in tables and charts.
        meaning: one line for people.
        key: that the operator presses for it.
        prompt: what the operator is told that the key stands for.
        colours: of its field in charts and of the text on it.
        position: types stand in this order in tables and questions, least first.
        priority: rules are asked in this order, least first; the first that holds decides.
        rule: whether a failure was of this type; None where only a person can tell.
    """

    value: str
    title: str
    meaning: str
    key: str
    prompt: str
    colours: tuple[str, str]
    position: int
    priority: int
    rule: Callable[[Evidence], bool] | None = None

    def __reduce__(self) -> tuple[Callable[[str], FailureType], tuple[str]]:
        """Copies and other processes have the registered object, not another one like it."""
        return _registered, (self.value,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        """In JSON a type is its value; an unknown one is refused with those that there are."""
        return core_schema.no_info_plain_validator_function(
            _registered,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda kind: kind.value, when_used="json"
            ),
        )


FAILURE_TYPES: Registry[FailureType] = Registry("failure type")


def register(kind: FailureType) -> FailureType:
    """Adds a type and returns it.

    Raises:
        RegistryError: Its value is taken.
        ValueError: Its key is taken.
    """
    for other in in_order():
        if other.key == kind.key and other.value != kind.value:
            raise ValueError(f"{kind.value!r} has the key of {other.value!r}: {kind.key!r}")
    return FAILURE_TYPES.register(kind.value, kind)


def in_order() -> tuple[FailureType, ...]:
    """All types as tables and questions have them."""
    return tuple(sorted((kind for _, kind in FAILURE_TYPES.items()), key=lambda k: k.position))


def _registered(value: Any) -> FailureType:
    """The type of a value; a type is itself."""
    return value if isinstance(value, FailureType) else FAILURE_TYPES.get(value)
