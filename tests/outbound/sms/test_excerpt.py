"""What the log shows of a gateway's answer."""

import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

from twisted.trial.unittest import SynchronousTestCase

from justchat.outbound.sms.excerpt import LONGEST, excerpt

PHONE, TEXT, KEY = "+79223438450", "Ваш код: 271828, никому его не говорите", "271828"
BASIC = b64encode(b"AC0123:s&cret").decode()


class Excerpt(SynchronousTestCase):
    def of(self, answer: bytes | str, body: str | None = None) -> str:
        return excerpt(
            answer.encode() if isinstance(answer, str) else answer,
            url=f"https://sms.example.com/bot12345:token/send?api_id=APIKEY&to={quote(PHONE)}",
            headers={"Authorization": f"Basic {BASIC}", "X-Key": "header-key"},
            body=body or json.dumps({"login": "a-login", "text": TEXT}),
            values=(PHONE, TEXT, KEY),
        )

    def test_shown(self) -> None:
        """The provider's own words and codes are shown."""
        answer = '{"code": 21211, "message": "The number is not a mobile one", "more": "https://example.com/e/21211"}'

        self.assertEqual(answer, self.of(answer))
        self.assertEqual("", self.of(b""))

    def test_repeated(self) -> None:
        """Nothing of the request is shown, in whatever form the answer repeats it."""
        form = f"login=a-login&text={quote_plus(TEXT)}"
        for secret in (PHONE, PHONE[1:], "7 922 343-84-50", TEXT, KEY, "s&cret", "APIKEY", "apikey", "header-key"):
            for written in (
                secret,
                json.dumps({"error": f"wrong: {secret}"}),
                quote(secret),
                f"<b>{secret.replace('&', '&amp;')}</b>",
            ):
                for body in (None, form):
                    shown = self.of(written, body)
                    self.assertNotRegex(shown, r"(?i)271828|никому|говорите|s&cret|apikey|header-key|9223438|343-84")
        for secret in (BASIC, "12345:token", "a-login", "0123456789abcdef01234567"):
            self.assertNotIn(secret, self.of(f"wrong: {secret}!"))

    def test_short(self) -> None:
        """It is one short line, also of bytes that are no text."""
        for answer in (b"line\r\n" * 1000, b"\xff\x00" * 1000, ("я не знаю " * 1000).encode()):
            shown = self.of(answer)
            self.assertLessEqual(len(shown), LONGEST)
            self.assertNotIn("\n", shown)
