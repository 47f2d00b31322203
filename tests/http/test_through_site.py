"""Part of the contract once more, against a daemon with ``[http] fast_lane = false``: Klein serves every call.

The two ways differ in how they read a request and write its answer, so these are the tests with bodies, sessions and
errors of many kinds. ``test_openapi.Document`` makes every call through Klein once.
"""

from importlib import import_module

from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.wire import OwnDaemonCase, SettingsCase

AREAS = ("bounds", "messages", "sessions", "text", "uploads")
"""The modules of ``tests/actions`` that run again; they are loaded by name, as trial does it."""


class Switch(ChatTestCase):
    fast_lane = False

    async def test_off(self) -> None:
        """The daemon of these tests has the fast lane off, and serves."""
        answer = await request(self.daemon.http, "GET", "/livez")

        self.assertEqual(200, answer.status)
        self.assertIn("fast_lane = false", (self.daemon.folder / "exempt.toml").read_text())


for _area in AREAS:
    _module = import_module(f"tests.actions.test_{_area}")
    for _case in list(vars(_module).values()):
        # Cases with a daemon of their own are about other settings.
        if (
            isinstance(_case, type)
            and issubclass(_case, ChatTestCase)
            and not issubclass(_case, (OwnDaemonCase, SettingsCase))
            and _case.__module__ == _module.__name__
        ):
            _name = f"{_case.__name__}Of{_area.title()}"
            globals()[_name] = type(
                _name, (_case,), {"__module__": __name__, "__doc__": _case.__doc__, "fast_lane": False}
            )
del _case
