"""Collections that only grow, but for what has expired. The client refuses any other command that would change or
remove what they have.
"""

from collections.abc import Mapping
from typing import Any

APPEND_ONLY = frozenset({"audit"})
_CHANGING = frozenset({"update", "delete", "findAndModify", "drop"})


class OnlyGrows(Exception):
    """A command would change or remove documents of a collection that only grows."""


def check_append_only(command: Mapping[str, Any]) -> None:
    """Raises OnlyGrows for a command that changes or removes documents of APPEND_ONLY."""
    name = next(iter(command))
    if name in _CHANGING and command[name] in APPEND_ONLY and not _is_of_the_oldest(command):
        raise OnlyGrows(f"{name} of {command[name]}")


def _is_of_the_oldest(command: Mapping[str, Any]) -> bool:
    """Whether a command deletes from the oldest on, without a look at what the documents say (``[retention]``)."""
    return "deletes" in command and all(
        set(each["q"]) == {"order"} and set(each["q"]["order"]) == {"$lte"} for each in command["deletes"]
    )
