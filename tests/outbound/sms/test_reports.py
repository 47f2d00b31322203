"""Delivery reports, as each provider's documentation shows them."""

import json

from twisted.trial.unittest import SynchronousTestCase

from justchat.outbound.sms.reports import outcomes_of, report_path

REPORTS = [
    ("twilio", "", "MessageSid=SM1&MessageStatus=delivered&To=%2B79223438450", ["delivered"]),
    ("twilio", "", "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", ["undelivered"]),
    ("twilio", "", "MessageSid=SM1&MessageStatus=sent", []),
    ("vonage", "msisdn=79223438450&status=delivered&err-code=0", "", ["delivered"]),
    ("vonage", "", json.dumps({"msisdn": "79223438450", "status": "rejected", "err-code": "4"}), ["undelivered"]),
    ("vonage", "status=buffered", "", []),
    ("messagebird", "id=e8&status=delivered&recipient=79223438450", "", ["delivered"]),
    ("messagebird", "id=e8&status=delivery_failed", "", ["undelivered"]),
    ("bird", "", json.dumps({"event": "sms.outbound", "payload": {"id": "1", "status": "delivered"}}), ["delivered"]),
    ("bird", "", json.dumps({"payload": {"status": "sending_failed"}}), ["undelivered"]),
    (
        "smsru",
        "",
        "data[0]=sms_status%0A000-1%0A103%0A1480000000&data[1]=sms_status%0A000-2%0A104%0A1&hash=ab",
        ["delivered", "undelivered"],
    ),
    ("smsru", "", "data[0]=callcheck_status%0A1%0A401%0A1&hash=ab", []),
    ("smsc", "", "id=1&phone=79223438450&status=1&time=1", ["delivered"]),
    ("smsc", "", "id=1&phone=79223438450&status=20&err=1", ["undelivered"]),
    ("telegram", "", json.dumps({"request_id": "1", "delivery_status": {"status": "read"}}), ["delivered"]),
    ("telegram", "", json.dumps({"request_id": "1", "delivery_status": {"status": "expired"}}), ["undelivered"]),
    (
        "whatsapp",
        "",
        json.dumps(
            {"entry": [{"changes": [{"value": {"statuses": [{"status": "delivered"}, {"status": "failed"}]}}]}]}
        ),
        ["delivered", "undelivered"],
    ),
    ("whatsapp", "", json.dumps({"entry": [{"changes": [{"value": {"messages": []}}]}]}), []),
    ("http", "status=delivered", "", []),
]


class Reports(SynchronousTestCase):
    def test_states(self) -> None:
        """A report says of each SMS whether it was delivered; a state before that says nothing."""
        for kind, query, body, expected in REPORTS:
            found = [outcome for _, outcome in outcomes_of(kind, query.encode(), body.encode())]
            self.assertEqual(expected, found, (kind, query, body))

    def test_ids(self) -> None:
        """A report names the SMS by the provider's id; one that names none is told from others by its content."""
        for kind, query, body, expected in REPORTS:
            if expected:
                ids = [id for id, _ in outcomes_of(kind, query.encode(), body.encode())]
                again = [id for id, _ in outcomes_of(kind, query.encode(), body.encode())]
                self.assertEqual(ids, again)
                self.assertEqual(len(expected), len(set(ids)))
        self.assertEqual([("000-1", "delivered")], outcomes_of("smsru", b"", b"data[0]=sms_status%0A000-1%0A103%0A1"))
        for kind, name in (("twilio", "MessageSid"), ("vonage", "messageId"), ("messagebird", "id"), ("smsc", "id")):
            state = {"twilio": "MessageStatus=delivered", "smsc": "status=1"}.get(kind, "status=delivered")
            self.assertEqual([("7f", "delivered")], outcomes_of(kind, b"", f"{name}=7f&{state}".encode()), kind)
        for kind, report in (
            ("bird", {"payload": {"id": "7f", "status": "delivered"}}),
            ("telegram", {"request_id": "7f", "delivery_status": {"status": "delivered"}}),
            (
                "whatsapp",
                {"entry": [{"changes": [{"value": {"statuses": [{"id": "7f", "status": "delivered"}]}}]}]},
            ),
        ):
            self.assertEqual([("7f", "delivered")], outcomes_of(kind, b"", json.dumps(report).encode()), kind)
        nameless = [outcomes_of("vonage", f"msisdn=7922{n}&status=delivered".encode(), b"") for n in range(2)]
        self.assertNotEqual(*nameless)

    def test_hostile(self) -> None:
        """Reports of any other shape say nothing, or are refused as wrong."""
        shapes = ("{}", '{"entry": 1, "payload": [], "delivery_status": "x"}', "\xff&=&%", "a" * 100, "[1]", "status")
        for kind in ("twilio", "smsru", "whatsapp", "bird", "telegram"):
            for body in shapes:
                self.assertEqual([], outcomes_of(kind, b"", body.encode("latin-1")), (kind, body))
        with self.assertRaises(ValueError):
            outcomes_of("twilio", b"", b"{")
        with self.assertRaises(ValueError):
            outcomes_of("twilio", b"&".join(b"a=1" for _ in range(501)), b"")

    def test_paths(self) -> None:
        """The address depends on the secret and on the sender."""
        paths = {report_path(secret, sender) for secret in ("a", "b") for sender in ("twilio", "smsru")}

        self.assertEqual(4, len(paths))
        for path in paths:
            self.assertRegex(path, r"\A/sms/report/(twilio|smsru)/[0-9a-f]{32}\Z")
