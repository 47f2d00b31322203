"""The context of a worker."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.config.settings import load_settings
from justchat.service.group.context import Start, WorkerContext
from tests.support.docs import PROJECT

SETTINGS = """
[http]
workers = 2
proxies = ["10.0.0.0/8"]
[sms]
sender = "http"
url = "https://sms.example.com/{phone}"
headers = { Authorization = { env = "PATH" } }
body = "{text}"
number_types = ["mobile", "voip"]
failures = { "no-funds" = [402, "BROKE"] }
success_value = true
[mongo]
uri = "mongodb://localhost/chat"
[bus]
uri = ["redis://:hunter2@one", "redis://:hunter2@two"]
[payments]
secret_key = "a secret"
"""


class ContextTests(SynchronousTestCase):
    def a_context(self, file: str) -> WorkerContext:
        return WorkerContext(
            start=Start.AGAIN,
            workers=3,
            peers=True,
            embedded=True,
            ports={"http": [4, 5, 6], "websocket": [7]},
            inboxes=[(8, 9), (10, 11), (12, 13)],
            settings=load_settings(file, {}, "/var/lib/justchat"),
        )

    def test_round_trip(self) -> None:
        """A worker reads what its parent wrote, and has the same settings."""
        mine = Path(self.mktemp())
        mine.write_text(SETTINGS)
        for file in (str(mine), str(PROJECT / "etc" / "justchat.toml")):
            context = self.a_context(file)

            line = context.encode()

            self.assertEqual(1, line.count(b"\n"))
            self.assertEqual(context, WorkerContext.decode(line))

    def test_repr(self) -> None:
        """Its repr, which might be logged, shows no secret."""
        mine = Path(self.mktemp())
        mine.write_text(SETTINGS)

        self.assertNotRegex(repr(self.a_context(str(mine))), "a secret|hunter2")
