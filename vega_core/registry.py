"""Open sets by name: policy kinds, export formats, teachers, failure types.

A member is added by one line, in its own file or outside of this project:

    FORMATS: Registry[Format] = Registry("export format")
    FORMATS.register("lerobot", LeRobotFormat)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Generic, TypeVar

Member = TypeVar("Member")


class RegistryError(ValueError):
    """A name is unknown or given twice; the text lists what there is."""


@dataclass(frozen=True)
class _Entry(Generic[Member]):
    place: str
    load: Callable[[], Member]


class Registry(Generic[Member]):
    """Members by name, in the order of registration.

    Args:
        what: A member's kind for people, such as `export format`.
        error: What an unknown or double name raises.
    """

    def __init__(self, what: str, error: type[Exception] = RegistryError) -> None:
        self._what = what
        self._error = error
        self._entries: dict[str, _Entry[Member]] = {}

    def register(self, name: str, member: Member) -> Member:
        """Adds a member and returns it.

        Raises:
            RegistryError: The name is taken; the text names both. Or the registry's own error.
        """
        self._add(name, _Entry(_place(member), lambda: member))
        return member

    def register_lazily(self, name: str, place: str) -> None:
        """Adds a member that is imported when it is asked for.

        Args:
            name: Of the member.
            place: `package.module:attribute`.

        Raises:
            RegistryError: The name is taken; the text names both. Or the registry's own error.
        """
        module, _, attribute = place.partition(":")
        self._add(name, _Entry(place, lambda: getattr(import_module(module), attribute)))

    def get(self, name: str) -> Member:
        """The member of this name.

        Raises:
            RegistryError: There is none; the text lists the names. Or the registry's own error.
        """
        return self._entry(name).load()

    def unregister(self, name: str) -> None:
        """Takes a member out again, as a test does after itself.

        Raises:
            RegistryError: There is none. Or the registry's own error.
        """
        self._entry(name)
        del self._entries[name]

    def names(self) -> tuple[str, ...]:
        """All names, in the order of registration."""
        return tuple(self._entries)

    def items(self) -> Iterator[tuple[str, Member]]:
        """All members with their names; imports those that were registered lazily."""
        return ((name, self.get(name)) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)

    def _entry(self, name: str) -> _Entry[Member]:
        if name not in self._entries:
            known = ", ".join(self._entries) or "none"
            raise self._error(f"unknown {self._what} {name!r}; there are: {known}")
        return self._entries[name]

    def _add(self, name: str, entry: _Entry[Member]) -> None:
        if name in self._entries:
            raise self._error(
                f"the {self._what} {name!r} is registered twice: {self._entries[name].place} "
                f"and {entry.place}"
            )
        self._entries[name] = entry


def _place(member: object) -> str:
    named = member if hasattr(member, "__qualname__") else type(member)
    return f"{named.__module__}:{getattr(named, '__qualname__', '?')}"
