"""The contract once more, by the other way through HTTP: the Site's, which takes what is not plainly a call."""

from typing import Any

from twisted.trial.unittest import TestCase

from tests.contract import test_complaints, test_direct, test_moderation, test_money, test_uploads
from tests.http import test_accounts, test_chat, test_messages, test_moves, test_profiles, test_rooms, test_sessions
from tests.support import client

MODULES = (
    # Not test_listing: it looks for names among all rooms of the daemon, where it must be alone with them.
    *(test_complaints, test_direct, test_moderation, test_money, test_uploads),
    *(test_accounts, test_chat, test_messages, test_moves, test_profiles, test_rooms, test_sessions),
)


class _ThroughSite:
    def setUp(self) -> Any:
        # A body that is said to be encoded is read by the Site, which does not mind that it is not.
        self.patch(client, "EVERY_CALL", {"Content-Encoding": "identity"})  # type: ignore[attr-defined]
        return super().setUp()  # type: ignore[misc]


for _module in MODULES:
    for _case in list(vars(_module).values()):
        if isinstance(_case, type) and issubclass(_case, TestCase) and _case.__module__ == _module.__name__:
            _name = f"{_case.__name__}Of{_module.__name__.rpartition('_')[2].title()}"
            globals()[_name] = type(_name, (_ThroughSite, _case), {"__module__": __name__, "__doc__": _case.__doc__})
del _case
