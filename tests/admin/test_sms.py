"""``justchat-admin sms``: a test SMS, counts, and addresses for reports."""

import re

from tests.support.admin import AdminCase
from tests.support.chat import last_sms

PHONE = "+79223438451"


class Sms(AdminCase):
    async def test_test(self) -> None:
        """A test sends a key by the senders of the settings, which is counted, and is in the audit log."""
        before = await self.accepted()

        sent = await self.answer("sms", "test", PHONE)

        self.assertEqual([sent["key"]], re.findall(r"\d+", last_sms(self.daemon, PHONE.removeprefix("+"))))
        self.assertEqual(before + 1, await self.accepted())
        deeds = (await self.answer("audit", "list", "--limit", "5"))["audit"]
        self.assertIn(("test sms", "to a phone that ends with 51"), [(each["deed"], each["why"]) for each in deeds])

    async def accepted(self) -> int:
        """How many SMS the outbox accepted."""
        counts = (await self.answer("sms", "status"))["counts"]
        return sum(each["count"] for each in counts if (each["sender"], each["outcome"]) == ("outbox", "accepted"))

    async def test_refused(self) -> None:
        """What is no phone is refused, and so are addresses without a secret that signs them."""
        self.assert_refused(await self.admin("sms", "test", "12"), "phone")
        self.assert_refused(await self.admin("sms", "addresses"), "report_secret")
