"""A key that comes by the second sender of a chain."""

from tests.support.chat import last_sms
from tests.support.client import call
from tests.support.wire import SettingsCase

PHONE = "79223438452"


class SmsChain(SettingsCase):
    settings = """
[[sms.chain]]
name = "away"
sender = "smsru"
secret = "the-secret"
url = "http://127.0.0.1:9"

[[sms.chain]]
sender = "outbox"
"""

    async def test_key(self) -> None:
        """The key signs in, the failure of the first is logged without it, and in the limits it is one SMS."""
        asked = await call(self.daemon.http, "/init/reg", {"phone": PHONE})
        again = await call(self.daemon.http, "/init/reg", {"phone": PHONE})
        key = last_sms(self.daemon, PHONE)[-6:]
        signed_in = await call(self.daemon.http, "/init/auth", {"phone": PHONE, "key": key})

        self.assertEqual([201, 429, 200], [asked.status, again.status, signed_in.status])
        self.assertIn("away did not send an SMS to …52 (retry)", self.daemon.log)
        for secret in (key, PHONE, "the-secret"):
            self.assertNotIn(secret, self.daemon.log)
