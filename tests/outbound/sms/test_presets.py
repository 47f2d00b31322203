"""The presets of ``[sms] sender``, against a server that answers as each provider's documentation says."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from justchat.config.sms import NEEDED, SmsSender
from justchat.errors import SmsFailed
from justchat.outbound.sms.gateway import Gateway
from justchat.outbound.sms.presets import as_http
from tests.support.gateway import PHONE, TEXT, GatewayCase, with_status

KEY = "271828"
SETTINGS: dict[str, Any] = {
    "account": "AC/1",
    "secret": "s&cret",
    "service": "VA1",
    "sender_id": "Just Chat",
    "template": "key_code",
}
FORM = "application/x-www-form-urlencoded"
BASIC = "Basic " + b64encode(b"AC/1:s&cret").decode()

# By preset: path, Authorization, and the fields of the request.
REQUESTS: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "twilio": (
        "/2010-04-01/Accounts/AC%2F1/Messages.json",
        BASIC,
        {"To": f"+{PHONE}", "From": "Just Chat", "Body": TEXT},
    ),
    "twilio-verify": (
        "/v2/Services/VA1/Verifications",
        BASIC,
        {"To": f"+{PHONE}", "Channel": "sms", "CustomCode": KEY},
    ),
    "vonage": ("/sms/json", BASIC, {"from": "Just Chat", "to": PHONE, "text": TEXT, "type": "unicode"}),
    "messagebird": (
        "/messages",
        "AccessKey s&cret",
        {"originator": "Just Chat", "recipients": PHONE, "body": TEXT, "datacoding": "auto"},
    ),
    "bird": (
        "/workspaces/AC%2F1/channels/VA1/messages",
        "AccessKey s&cret",
        {
            "receiver": {"contacts": [{"identifierValue": f"+{PHONE}", "identifierKey": "phonenumber"}]},
            "body": {"type": "text", "text": {"text": TEXT}},
        },
    ),
    "smsru": (
        "/sms/send",
        None,
        {"api_id": "s&cret", "to": PHONE, "msg": TEXT, "json": "1", "from": "Just Chat"},
    ),
    "smsc": (
        "/sys/send.php",
        None,
        {
            "login": "AC/1",
            "psw": "s&cret",
            "phones": PHONE,
            "mes": TEXT,
            "fmt": "3",
            "charset": "utf-8",
            "sender": "Just Chat",
        },
    ),
    "telegram": (
        "/sendVerificationMessage",
        "Bearer s&cret",
        {"phone_number": f"+{PHONE}", "code": KEY, "sender_username": "Just Chat"},
    ),
    "whatsapp": (
        "/v23.0/VA1/messages",
        "Bearer s&cret",
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": PHONE,
            "type": "template",
            "template": {
                "name": "key_code",
                "language": {"code": "en_US"},
                "components": [
                    {"type": "body", "parameters": [{"type": "text", "text": KEY}]},
                    {
                        "type": "button",
                        "sub_type": "url",
                        "index": "0",
                        "parameters": [{"type": "text", "text": KEY}],
                    },
                ],
            },
        },
    ),
}

SUCCESS: dict[str, tuple[int, Any]] = {
    "twilio": (201, {"sid": "SM1", "status": "queued", "error_code": None}),
    "twilio-verify": (201, {"sid": "VE1", "status": "pending", "valid": False}),
    "vonage": (200, {"message-count": "1", "messages": [{"to": PHONE, "status": "0", "message-id": "A"}]}),
    "messagebird": (201, {"id": "e8", "recipients": {"totalSentCount": 1, "items": [{"status": "sent"}]}}),
    "bird": (202, {"id": "7c", "status": "accepted"}),
    "smsru": (
        200,
        {"status": "OK", "status_code": 100, "sms": {PHONE: {"status": "OK", "status_code": 100, "sms_id": "0-1"}}},
    ),
    "smsc": (200, {"id": 1, "cnt": 1}),
    "telegram": (200, {"ok": True, "result": {"request_id": "1", "phone_number": f"+{PHONE}"}}),
    "whatsapp": (200, {"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}),
}

FAILURES: dict[str, list[tuple[int, Any, str]]] = {
    "twilio": [
        (400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}, "bad-number"),
        (401, {"code": 20003, "message": "Authenticate", "status": 401}, "misconfigured"),
        (429, {"code": 20429, "message": "Too Many Requests", "status": 429}, "retry"),
        (500, {"code": 20500, "message": "Internal Server Error", "status": 500}, "unknown"),
    ],
    "twilio-verify": [
        (400, {"code": 60200, "message": "Invalid parameter", "status": 400}, "misconfigured"),
        (403, {"code": 60410, "message": "Verification delivery attempt blocked", "status": 403}, "bad-number"),
        (429, {"code": 60203, "message": "Max send attempts reached", "status": 429}, "retry"),
    ],
    "vonage": [
        (200, {"messages": [{"status": "1", "error-text": "Throttled"}]}, "retry"),
        (200, {"messages": [{"status": "4", "error-text": "Bad Credentials"}]}, "misconfigured"),
        (200, {"messages": [{"status": "7", "error-text": "Number barred"}]}, "bad-number"),
        (200, {"messages": [{"status": "9", "error-text": "Partner quota violation"}]}, "no-funds"),
        (200, {"messages": [{"status": "5", "error-text": "Internal Error"}]}, "unknown"),
    ],
    "messagebird": [
        (401, {"errors": [{"code": 2, "description": "incorrect access_key"}]}, "misconfigured"),
        (402, {"errors": [{"code": 25, "description": "Not enough balance"}]}, "no-funds"),
        (429, {"errors": [{"code": 429, "description": "Too many requests"}]}, "retry"),
        (500, {"errors": [{"code": 99, "description": "internal error"}]}, "unknown"),
    ],
    "bird": [
        (401, {"code": "Unauthorized", "message": "the access key is wrong"}, "misconfigured"),
        (402, {"code": "PaymentRequired", "message": "no balance"}, "no-funds"),
        (422, {"code": "InvalidPayload", "message": "receiver is wrong"}, "misconfigured"),
        (429, {"code": "TooManyRequests"}, "retry"),
    ],
    "smsru": [
        (200, {"status": "ERROR", "status_code": 200, "status_text": "wrong api_id"}, "misconfigured"),
        (200, {"status": "ERROR", "status_code": 220, "status_text": "unavailable"}, "retry"),
        (200, {"status": "OK", "status_code": 100, "sms": {PHONE: {"status_code": 201}}}, "no-funds"),
        (200, {"status": "OK", "status_code": 100, "sms": {PHONE: {"status_code": 207}}}, "bad-number"),
        (200, {"status": "ERROR", "status_code": 500}, "unknown"),
    ],
    "smsc": [
        (200, {"error": "authorise error", "error_code": 2}, "misconfigured"),
        (200, {"error": "no money", "error_code": 3, "id": 12}, "no-funds"),
        (200, {"error": "invalid number", "error_code": 7, "id": 12}, "bad-number"),
        (200, {"error": "duplicate request, wait a minute", "error_code": 9}, "retry"),
    ],
    "telegram": [
        (200, {"ok": False, "error": "ACCESS_TOKEN_INVALID"}, "misconfigured"),
        (200, {"ok": False, "error": "BALANCE_NOT_ENOUGH"}, "no-funds"),
        (200, {"ok": False, "error": "PHONE_NUMBER_NOT_AVAILABLE"}, "bad-number"),
        (429, {"ok": False, "error": "FLOOD_WAIT_12"}, "retry"),
    ],
    "whatsapp": [
        (401, {"error": {"code": 190, "type": "OAuthException"}}, "misconfigured"),
        (400, {"error": {"code": 131026, "message": "Message undeliverable"}}, "bad-number"),
        (429, {"error": {"code": 130429, "message": "Rate limit hit"}}, "retry"),
        (400, {"error": {"code": 131042, "message": "Business eligibility payment issue"}}, "no-funds"),
    ],
}


class Presets(GatewayCase):
    async def send_by(self, preset: str, key: str | None = KEY, **settings: Any) -> None:
        complete = {**SETTINGS, "sender": preset, "url": self.fake.address, "timeout": 60, **settings}
        sender = SmsSender.model_validate(complete)
        sender.check_complete()
        await Gateway(as_http(sender), reactor).send(PHONE, TEXT, key)

    def test_complete(self) -> None:
        """Every preset is tested here."""
        self.assertEqual(set(NEEDED), set(REQUESTS) & set(SUCCESS) & set(FAILURES))

    async def test_requests(self) -> None:
        """A preset makes the request of its provider's documentation, and takes its success for one."""
        for preset, (path, authorization, fields) in REQUESTS.items():
            status, answer = SUCCESS[preset]
            self.fake.answer = with_status(status, json.dumps(answer).encode())

            await self.send_by(preset)

            sent = self.fake.sent[-1]
            is_form = sent.headers.getRawHeaders("Content-Type") == [FORM]
            found = (
                {name: values[0] for name, values in parse_qs(sent.body.decode(), strict_parsing=True).items()}
                if is_form
                else json.loads(sent.body)
            )
            self.assertEqual((b"POST", path.encode()), (sent.method, sent.uri), preset)
            self.assertEqual(authorization, (sent.headers.getRawHeaders("Authorization") or [None])[0], preset)
            self.assertEqual(fields, found, preset)

    async def test_failures(self) -> None:
        """What a provider answers to a request that failed, with status 200 too, is the kind of failure it means."""
        wrong = []
        for preset, failures in FAILURES.items():
            for status, answer, meaning in failures:
                self.fake.answer = with_status(status, json.dumps(answer).encode())
                try:
                    await self.send_by(preset)
                    wrong.append((preset, answer, "accepted"))
                except SmsFailed as error:
                    if error.failure.value != meaning:
                        wrong.append((preset, answer, error.failure.value))

        self.assertEqual([], wrong)

    async def test_reason(self) -> None:
        """The reason of a failure has the provider's code, but no text of the answer and no secret."""
        self.fake.answer = with_status(400, b'{"code": 21211, "message": "s&cret 79223438450 271828"}')

        error = await self.assertFailure(self.sending("twilio"), SmsFailed)

        self.assertEqual("the gateway answered with status 400, for the reason 21211", str(error))

    def sending(self, preset: str, key: str | None = KEY) -> Any:
        return Deferred.fromCoroutine(self.send_by(preset, key))

    async def test_unknown_code(self) -> None:
        """A code that is not the documentation's is not quoted."""
        self.fake.answer = with_status(400, b'{"code": "s&cret"}')

        error = await self.assertFailure(self.sending("twilio"), SmsFailed)

        self.assertEqual("the gateway answered with status 400", str(error))

    async def test_only_keys(self) -> None:
        """Providers of keys are sent no other text."""
        for preset in ("telegram", "whatsapp", "twilio-verify"):
            error = await self.assertFailure(self.sending(preset, None), SmsFailed)

            self.assertEqual(("the gateway sends keys alone", []), (str(error), self.fake.sent))

    async def test_messaging_service(self) -> None:
        """Twilio's messaging services are addressed as such."""
        self.fake.answer = with_status(201, b'{"sid": "SM1"}')

        await self.send_by("twilio", sender_id="MG1")

        self.assertEqual(["MG1"], parse_qs(self.fake.sent[0].body.decode())["MessagingServiceSid"])

    def test_hosts(self) -> None:
        """Without a url, a preset calls its provider by TLS."""
        made = [as_http(SmsSender.model_validate({**SETTINGS, "sender": preset})) for preset in NEEDED]

        self.assertEqual([], [each.url for each in made if not (each.url or "").startswith("https://")])

    def test_reports(self) -> None:
        """The providers that take an address for delivery reports with an SMS are told it, and no others."""
        address = "https://chat.example.com/sms/report/a/b"
        fields = {"twilio": "StatusCallback", "vonage": "callback", "messagebird": "reportUrl"}

        bodies = {
            name: as_http(SmsSender.model_validate({**SETTINGS, "sender": name}), address).body for name in NEEDED
        }

        forms = {name: parse_qs(bodies[name]).get(field) for name, field in fields.items()}
        self.assertEqual({name: [address] for name in fields}, forms)
        self.assertEqual(address, json.loads(bodies["telegram"])["callback_url"])
        others = set(NEEDED) - {*fields, "telegram"}
        self.assertEqual([], [name for name in others if "chat.example.com" in bodies[name]])
