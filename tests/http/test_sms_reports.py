"""Delivery reports of SMS, as providers make them."""

import json
from typing import Any

from justchat.outbound.sms.reports import report_path
from tests.support.admin import run
from tests.support.client import request
from tests.support.daemon import METRICS
from tests.support.scraping import scrape
from tests.support.waiting import at_once
from tests.support.wire import SettingsCase

SECRET = "a secret of these tests"
JSON = {"Content-Type": "application/json"}


class SmsReports(SettingsCase):
    settings = f"""
{METRICS}
[sms]
report_secret = "{SECRET}"
report_url = "https://chat.example.com"

[[sms.chain]]
sender = "smsru"
secret = "key"
url = "http://127.0.0.1:9"

[[sms.chain]]
sender = "whatsapp"
service = "1"
secret = "token"
template = "key"
url = "http://127.0.0.1:9"
"""

    async def report(self, sender: str, body: bytes = b"", query: str = "", path: str = "") -> tuple[int, Any]:
        headers = JSON if body.startswith(b"{") else {"Content-Type": "application/x-www-form-urlencoded"}
        method = "POST" if body else "GET"
        place = (path or report_path(SECRET, sender)) + query
        answer = await request(self.daemon.http, method, place, body, headers)
        return answer.status, answer.json

    async def counted(self) -> dict[tuple[str, str], int]:
        done = await run(*self.daemon.options, "--data-dir", str(self.daemon.data), "--json", "sms", "status")
        return {(each["sender"], each["outcome"]): each["count"] for each in done.json["counts"]}

    async def test_counted(self) -> None:
        """A report is counted by its sender and outcome, without a session, and answered as the provider expects."""
        before = await self.counted()
        smsru = await self.report("smsru", b"data[0]=sms_status%0A1%0A103%0A0&data[1]=sms_status%0A2%0A104%0A0")
        statuses = {"entry": [{"changes": [{"value": {"statuses": [{"status": "delivered"}]}}]}]}
        whatsapp = await self.report("whatsapp", json.dumps(statuses).encode())

        self.assertEqual([(200, 100), (200, None)], [smsru, whatsapp])
        counted = await self.counted()
        expected = {("smsru", "delivered"): 1, ("smsru", "undelivered"): 1, ("whatsapp", "delivered"): 1}
        self.assertEqual(expected, {key: counted[key] - before.get(key, 0) for key in expected})
        told = await scrape(self.daemon)
        self.assertLessEqual(1, told.of("justchat_sms_reports_total", sender="whatsapp", outcome="delivered"))
        self.assertTrue(told.has("justchat_sms_reports_total", sender="whatsapp", outcome="undelivered"))

    async def test_repeated(self) -> None:
        """A provider that repeats a report, as after an answer that was lost, is answered as before; it counts once.

        Another outcome of the same SMS counts, and another SMS with the same outcome.
        """
        before = await self.counted()
        states = (("900", "103"), ("900", "103"), ("900", "110"), ("900", "104"), ("901", "103"))

        answers = [
            await self.report("smsru", f"data[0]=sms_status%0A{sms}%0A{state}%0A{number}".encode())
            for number, (sms, state) in enumerate(states)
        ]

        self.assertEqual([(200, 100)] * len(states), answers)
        counted = await self.counted()
        more = {key: count - before.get(key, 0) for key, count in counted.items()}
        self.assertEqual({("smsru", "delivered"): 2, ("smsru", "undelivered"): 1}, {k: n for k, n in more.items() if n})

    async def test_at_once(self) -> None:
        """Of repeated reports at once, one counts."""
        before = await self.counted()

        await at_once(self.report("smsru", b"data[0]=sms_status%0A902%0A103%0A0") for _ in range(5))

        counted = await self.counted()
        self.assertEqual(1, counted[("smsru", "delivered")] - before.get(("smsru", "delivered"), 0))

    async def test_unsigned(self) -> None:
        """Any other address is 404 and counts nothing: another secret, another sender's, an unknown sender, none."""
        right = report_path(SECRET, "smsru")
        paths = (
            report_path("another secret", "smsru"),
            report_path("", "smsru"),
            right.replace("smsru", "whatsapp"),
            report_path(SECRET, "twilio"),
            right[:-1],
            right + "0",
            right.upper(),
            "/sms/report/smsru/%C3%A9",
            "/sms/report/smsru/",
        )

        found = [(await self.report("", b"data[0]=sms_status%0A1%0A105%0A0", path=path))[0] for path in paths]

        self.assertEqual([404] * len(paths), found)

    async def test_wrong(self) -> None:
        """What is no report is 400, and a giant is 413."""
        wrong, _ = await self.report("whatsapp", b"{")
        giant, _ = await self.report("smsru", b"data[0]=" + b"x" * 70_000)

        self.assertEqual((400, 413), (wrong, giant))

    async def test_challenge(self) -> None:
        """Meta's question whether the address is ours gets its number back, and nothing but a number."""
        mine = await self.report("whatsapp", query="?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=x")
        page = await self.report("whatsapp", query="?hub.mode=subscribe&hub.challenge=%3Cscript%3E")

        self.assertEqual([(200, 1158201444), (200, None)], [mine, page])

    async def test_addresses(self) -> None:
        """The operator is told the address of each sender."""
        done = await run(*self.daemon.options, "--data-dir", str(self.daemon.data), "--json", "sms", "addresses")

        expected = {name: "https://chat.example.com" + report_path(SECRET, name) for name in ("smsru", "whatsapp")}
        self.assertEqual(expected, done.json["addresses"])
