"""The HTTP gateway: the request that it gets, and which answers mean success."""

import json
from urllib.parse import parse_qs

from twisted.internet import reactor
from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET

from justchat.config.sms import Sms
from justchat.outbound.http_client import ANSWER_LIMIT
from justchat.outbound.sms.gateway import Gateway
from tests.support.gateway import PHONE, TEXT, GatewayCase, endless, headers_only, never, with_status

JSON_BODY = '{"to": "{phone}", "text": "{text}"}'


class WhatIsSent(GatewayCase):
    async def test_json(self) -> None:
        """In a JSON body the text is quoted as a JSON string: quotes, backslashes, newlines, Cyrillic."""
        await self.send(body=JSON_BODY)

        self.assertEqual(json.loads(self.fake.sent[0].body), {"to": PHONE, "text": TEXT})

    async def test_json_content_type(self) -> None:
        """A body that looks like JSON is sent as application/json."""
        await self.send(body='["{text}"]')

        self.assertEqual(self.fake.sent[0].headers.getRawHeaders("Content-Type"), ["application/json"])

    async def test_json_by_header(self) -> None:
        """A Content-Type of JSON, in any case and with a charset, makes any body JSON."""
        await self.send(body='"{text}"', headers={"content-type": "Application/JSON; charset=utf-8"})

        self.assertEqual(json.loads(self.fake.sent[0].body), TEXT)

    async def test_form(self) -> None:
        """In a form the text is percent-encoded, so that it stays one field."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        await self.send(body="to={phone}&text={text}", headers=form)

        self.assertEqual(parse_qs(self.fake.sent[0].body.decode()), {"to": [PHONE], "text": [TEXT]})

    async def test_plain(self) -> None:
        """In a body of any other type the text stands as it is, also where the body begins with a placeholder."""
        await self.send(body="{phone} {text}")

        self.assertEqual(self.fake.sent[0].body.decode(), f"{PHONE} {TEXT}")

    async def test_query(self) -> None:
        """In the query of a URL the text is percent-encoded."""
        await self.send(path="/send?to={phone}&text={text}", method="GET")

        query = self.fake.sent[0].uri.decode().partition("?")[2]
        self.assertEqual(parse_qs(query), {"to": [PHONE], "text": [TEXT]})

    async def test_path(self) -> None:
        """In the path of a URL a text with slashes stays one segment."""
        await self.send(text="a/b?c", path="/to/{phone}/{text}")

        self.assertEqual(self.fake.sent[0].uri, b"/to/79223438450/a%2Fb%3Fc")

    async def test_method(self) -> None:
        """The method is the configured one."""
        await self.send(method="PUT")

        self.assertEqual(self.fake.sent[0].method, b"PUT")

    async def test_headers(self) -> None:
        """Headers are sent as they are configured."""
        await self.send(headers={"Authorization": "Bearer s3cret"})

        self.assertEqual(self.fake.sent[0].headers.getRawHeaders("Authorization"), ["Bearer s3cret"])

    async def test_header_values(self) -> None:
        """A text in a header loses its line breaks, and can begin no other header."""
        await self.send(text="a\r\nX-Evil: b", headers={"X-Text": "{phone} {text}"})

        headers = self.fake.sent[0].headers
        self.assertEqual(headers.getRawHeaders("X-Text"), ["79223438450 aX-Evil: b"])

    async def test_placeholder_in_text(self) -> None:
        """A text that contains a placeholder is left alone."""
        await self.send(text="{phone}{text}{0}", body=JSON_BODY)

        self.assertEqual(json.loads(self.fake.sent[0].body)["text"], "{phone}{text}{0}")

    async def test_no_cookies(self) -> None:
        """A cookie that the gateway sets is not sent back."""

        def answer(request: Request) -> bytes:
            request.addCookie("a", "b")
            return b""

        self.fake.answer = answer
        gateway = Gateway(Sms(sender="http", url=self.fake.address), reactor)
        await gateway.send(PHONE, TEXT)

        await gateway.send(PHONE, TEXT)

        self.assertFalse(self.fake.sent[1].headers.hasHeader("Cookie"))


class WhatIsAccepted(GatewayCase):
    async def test_status(self) -> None:
        """A configured status is success."""
        self.fake.answer = with_status(418)

        await self.send(success_status=(418,))

        self.assertEqual(len(self.fake.sent), 1)

    async def test_value(self) -> None:
        """The expected value at the path, through objects and lists, is success."""
        self.fake.answer = lambda request: b'{"messages": [{"status": "0"}]}'

        await self.send(success_path="messages.0.status", success_value="0")

        self.assertEqual(len(self.fake.sent), 1)

    async def test_any_value(self) -> None:
        """Without an expected value any value is success, even 0."""
        self.fake.answer = lambda request: b'{"error": 0}'

        await self.send(success_path="error")

        self.assertEqual(len(self.fake.sent), 1)

    async def test_largest_answer(self) -> None:
        """An answer as large as the limit is read."""
        self.fake.answer = lambda request: b'{"id": 1}'.ljust(ANSWER_LIMIT)

        await self.send(success_path="id", success_value=1)

        self.assertEqual(len(self.fake.sent), 1)


class WhatFails(GatewayCase):
    async def test_status(self) -> None:
        """Status 500 is a failure, with the status in the reason."""
        reason = await self.failure(with_status(500))

        self.assertEqual(reason, "the gateway answered with status 500")

    async def test_other_value(self) -> None:
        """Another value than the expected one is a failure."""
        reason = await self.failure(lambda request: b'{"ok": "no"}', success_path="ok", success_value="yes")

        self.assertEqual(reason, "the gateway's answer reports no success at ok")

    async def test_true_is_not_one(self) -> None:
        """The number 1 is not the expected true."""
        reason = await self.failure(lambda request: b'{"ok": 1}', success_path="ok", success_value=True)

        self.assertEqual(reason, "the gateway's answer reports no success at ok")

    async def test_null_and_false(self) -> None:
        """Without an expected value null and false are failures."""
        for body in (b'{"ok": null}', b'{"ok": false}'):
            reason = await self.failure(lambda request, body=body: body, success_path="ok")

            self.assertEqual(reason, "the gateway's answer reports no success at ok")

    async def test_missing_path(self) -> None:
        """An answer without the path is a failure, however it lacks it."""
        for body in (b"{}", b'{"a": []}', b'{"a": {}}', b'{"a": [1]}', b'{"a": "b"}', b"[1]", b"1", b"null"):
            reason = await self.failure(lambda request, body=body: body, success_path="a.0.b")

            self.assertEqual(reason, "the gateway's answer has nothing at a.0.b")

    async def test_not_json(self) -> None:
        """Garbage in place of JSON is a failure."""
        reason = await self.failure(lambda request: b"\xff<html>", success_path="ok")

        self.assertEqual(reason, "the gateway's answer is not JSON")

    async def test_not_http(self) -> None:
        """Garbage in place of HTTP is a failure."""

        def answer(request: Request) -> int:
            request.transport.write(b"SSH-2.0-nonsense\r\n\r\n")
            request.transport.loseConnection()
            return NOT_DONE_YET

        reason = await self.failure(answer)

        self.assertEqual(reason, "the request to the gateway failed: ParseError")

    async def test_redirect(self) -> None:
        """A redirect is a failure and is not followed."""

        def answer(request: Request) -> bytes:
            request.redirect(b"/elsewhere")
            return b""

        reason = await self.failure(answer)

        self.assertEqual((reason, len(self.fake.sent)), ("the gateway answered with status 302", 1))

    async def test_refused(self) -> None:
        """An unreachable gateway is a failure."""
        await self.fake.refuse()

        reason = await self.failure()

        self.assertEqual(reason, "the request to the gateway failed: ConnectionRefusedError")

    async def test_no_answer(self) -> None:
        """A gateway that does not answer is a failure, and its connection is closed."""
        reason = await self.failure(never)

        await self.fake.abandoned()
        self.assertEqual(reason, "the gateway did not answer within 0.3 s")

    async def test_endless_answer(self) -> None:
        """An answer that never ends is a failure, also where only the status counts, and its connection is closed."""
        reason = await self.failure(headers_only)

        await self.fake.abandoned()
        self.assertEqual(reason, "the gateway did not answer within 0.3 s")

    async def test_giant_answer(self) -> None:
        """An answer over the limit is a failure at once, and its connection is closed."""
        reason = await self.failure(endless)

        await self.fake.abandoned()
        self.assertEqual(reason, "the gateway's answer is too large")

    async def test_unsent_header(self) -> None:
        """A header that cannot be sent is a failure like any other."""
        reason = await self.failure(headers={"not a name": "s3cret"})

        self.assertEqual(reason, "the request to the gateway failed: InvalidHeaderName")

    async def test_secrets(self) -> None:
        """No reason has the text, the phone, a header or what the URL holds."""
        secret = {
            "text": "the-text",
            "path": "/the-path/{text}?key=the-key&to={phone}",
            "headers": {"Authorization": "the-header {text}"},
            "body": "the-body {phone}",
            "success_path": "ok",
        }

        def echo(request: Request) -> bytes:
            return request.uri + b"".join(request.requestHeaders.getRawHeaders(b"Authorization", []))

        reasons = [await self.failure(answer, **secret) for answer in (echo, never, headers_only, endless)]
        reasons.append(await self.failure(with_status(403, b"the-key is wrong for 79223438450"), **secret))
        await self.fake.refuse()
        reasons.append(await self.failure(echo, **secret))

        self.assertNotRegex(" ".join(reasons), f"the-(text|path|key|header|body)|{PHONE}|127")
