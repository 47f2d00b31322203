"""Secrets do not reach the log, whoever puts them into a message."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.config.settings import load_settings
from justchat.runtime.logs.redaction import Redactor

SETTINGS = """
[payments]
secret_key = "payments-secret-1"
[mongo]
uri = "mongodb://chat:p%40ssword-2@db.example.com/chat"
[sms]
sender = "http"
url = "https://sms.example.com/send?api_id=apikey-number-3&to={phone}"
headers = { Authorization = "Bearer gateway-token-4" }
body = "{text}"
[[webhooks]]
url = "https://app.example.com/hooks/path-secret-5"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = ["message.new"]
"""


class Redaction(SynchronousTestCase):
    def setUp(self) -> None:
        file = Path(self.mktemp())
        file.write_text(SETTINGS)
        self.redact = Redactor(load_settings(str(file), {}, None))

    def test_settings(self) -> None:
        """No secret of the settings, and no part of one that is a secret."""
        for secret in (
            "payments-secret-1",
            "mongodb://chat:p%40ssword-2@db.example.com/chat",
            "p@ssword-2",
            "p%40ssword-2",
            "apikey-number-3",
            "gateway-token-4",
            "https://app.example.com/hooks/path-secret-5",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ):
            self.assertNotIn(secret, self.redact(f"cannot connect with <{secret}>: refused"))

    def test_credentials(self) -> None:
        """No credentials, whosever, and of a phone its last two digits alone."""
        for written in (
            "Authorization: Bearer 0123abcdef",
            "authorization: basic dXNlcjpwYXNz",
            '{"session_key": "0123abcdef"}',
            "{'password': 'dXNlcjpwYXNz'}",
            "secret=0123abcdef&x=1",
            'dup key: { phone: "79223438450" }',
            "+79223438450 is wrong",
        ):
            self.assertNotRegex(self.redact(written), "0123abcdef|dXNlcjpwYXNz|792234384", written)
        self.assertIn("…50", self.redact("+79223438450"))

    def test_plain(self) -> None:
        """What is no secret stays."""
        for written in ("http listens on 127.0.0.1:4000", "the database is away with 3 entries in doubt", "secrets: 2"):
            self.assertEqual(written, self.redact(written))
