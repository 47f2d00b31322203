"""The outbox: SMS in a file."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from justchat.errors import SmsFailed
from justchat.model.phone import Phone
from justchat.outbound.sms.outbox import Outbox

PHONE = Phone("79223438450")


class OutboxTests(TestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.outbox = Outbox(self.file, lambda: datetime(2014, 2, 3, 15, 37, 30, 126000, tzinfo=UTC))

    async def test_line(self) -> None:
        """An SMS is one line of JSON: its phone, its text and when it was sent, to the millisecond in UTC."""
        await self.outbox.send(PHONE, "Ваш ключ:\n123456")

        lines = self.file.read_text("utf-8").splitlines()

        self.assertEqual(
            [json.loads(line) for line in lines],
            [{"phone": "79223438450", "text": "Ваш ключ:\n123456", "time": "2014-02-03T15:37:30.126Z"}],
        )

    async def test_mode(self) -> None:
        """The file is readable by its owner alone, whatever the umask."""
        self.addCleanup(os.umask, os.umask(0))

        await self.outbox.send(PHONE, "123456")

        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    async def test_appends(self) -> None:
        """A later SMS, also of a later start, follows the earlier ones."""
        await self.outbox.send(PHONE, "first")
        again = Outbox(self.file, lambda: datetime(2014, 2, 4, tzinfo=UTC))

        await again.send(PHONE, "second")

        texts = [json.loads(line)["text"] for line in self.file.read_text("utf-8").splitlines()]
        self.assertEqual(texts, ["first", "second"])

    async def test_unwritable(self) -> None:
        """An SMS that cannot be written has failed, and the reason has neither text nor phone."""
        self.file.mkdir()

        error = await self.assertFailure(Deferred.fromCoroutine(self.outbox.send(PHONE, "123456")), SmsFailed)

        self.assertEqual(str(error), "the outbox cannot be written: Is a directory")
