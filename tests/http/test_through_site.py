"""The contract once more, by the other way through HTTP: the Site's, which takes what is not plainly a call."""

from importlib import import_module
from typing import Any

from twisted.trial.unittest import TestCase

from tests.support import client

AREAS = (
    # Not room_search: it looks for names among all rooms of the daemon, where it must be alone with them.
    *("complaints", "direct", "moderation", "money", "uploads"),
    *("accounts", "chat", "messages", "presence", "profiles", "rooms", "sessions"),
)
"""The modules of ``tests/actions`` that run again; they are loaded by name, as trial does it."""


class _ThroughSite:
    def setUp(self) -> Any:
        # A body that is said to be encoded is read by the Site, which does not mind that it is not.
        self.patch(client, "EVERY_CALL", {"Content-Encoding": "identity"})  # type: ignore[attr-defined]
        return super().setUp()  # type: ignore[misc]


for _area in AREAS:
    _module = import_module(f"tests.actions.test_{_area}")
    for _case in list(vars(_module).values()):
        if isinstance(_case, type) and issubclass(_case, TestCase) and _case.__module__ == _module.__name__:
            _name = f"{_case.__name__}Of{_area.title()}"
            globals()[_name] = type(_name, (_ThroughSite, _case), {"__module__": __name__, "__doc__": _case.__doc__})
del _case
