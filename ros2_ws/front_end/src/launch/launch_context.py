"""The state that entities share while a launch runs."""

from __future__ import annotations

import asyncio
import collections
import os
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from .event_handlers import EventHandler
from .events import Event
from .substitution import Substitution


class _Locals:
    """Read-only attribute access to the locals of a context."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", values)

    def __getattr__(self, name: str) -> Any:
        values = object.__getattribute__(self, "_values")
        if name not in values:
            known = ", ".join(sorted(values)) or "nothing"
            raise AttributeError(f"the launch context has no local {name!r}, it has: {known}")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"local {name!r} of the launch context is read-only")


class LaunchContext:
    """Launch configurations, environment, locals, event queue and event handlers of one launch."""

    def __init__(self, *, argv: Iterable[str] | None = None) -> None:
        """Create an empty context; `argv` is kept for entities that want to see it."""
        self._argv = list(argv or [])
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._handlers: collections.deque[EventHandler] = collections.deque()
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []
        self._configurations: dict[str, Any] = {}
        self._scopes: list[tuple[dict[str, Any], dict[str, str]]] = []
        self._is_shutdown = False

    @property
    def argv(self) -> list[str]:
        """The launch arguments as they were given on the command line."""
        return self._argv

    @property
    def is_shutdown(self) -> bool:
        """Whether the launch is being shut down."""
        return self._is_shutdown

    @property
    def launch_configurations(self) -> dict[str, Any]:
        """The launch configurations of the present scope."""
        return self._configurations

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment that new processes get."""
        return os.environ

    @property
    def locals(self) -> Any:
        """The locals as attributes; inside an event handler `locals.event` is the event."""
        return _Locals(self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return the locals, with the globals behind them."""
        return {**self._globals, **self._locals}

    def extend_globals(self, extensions: Mapping[str, Any]) -> None:
        """Add values that stay in the locals for good."""
        self._globals.update(extensions)

    def extend_locals(self, extensions: Mapping[str, Any]) -> None:
        """Add values to the locals until the present event is handled."""
        self._locals.update(extensions)

    def push_locals(self) -> None:
        """Open a scope of locals."""
        self._locals_stack.append(dict(self._locals))

    def pop_locals(self) -> None:
        """Close the innermost scope of locals."""
        self._locals = self._locals_stack.pop()

    def push_scope(self) -> None:
        """Open a scope of launch configurations and environment variables."""
        self._scopes.append((dict(self._configurations), dict(os.environ)))

    def pop_scope(self) -> None:
        """Close the innermost scope."""
        self._configurations, environment = self._scopes.pop()
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)

    def register_event_handler(self, event_handler: EventHandler) -> None:
        """Add a handler, before the others."""
        self._handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: EventHandler) -> None:
        """Remove a handler.

        Raises:
            ValueError: if it is not registered.
        """
        self._handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event."""
        self._queue.put_nowait(event)

    def perform_substitution(self, substitution: Substitution) -> str:
        """Return the text of a substitution in this context."""
        return substitution.perform(self)
