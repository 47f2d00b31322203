"""Collections that only grow. The client refuses a command that would change or remove what they have."""

from collections.abc import Mapping
from typing import Any

APPEND_ONLY = frozenset({"audit"})
_CHANGING = frozenset({"update", "delete", "findAndModify", "drop"})


class OnlyGrows(Exception):
    """A command would change or remove documents of a collection that only grows."""


def check_append_only(command: Mapping[str, Any]) -> None:
    """Raises OnlyGrows for a command that changes or removes documents of APPEND_ONLY."""
    name = next(iter(command))
    if name in _CHANGING and command[name] in APPEND_ONLY:
        raise OnlyGrows(f"{name} of {command[name]}")
