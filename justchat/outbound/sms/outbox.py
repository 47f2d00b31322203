"""Writes SMS to a file, one JSON line each, for developers and for operators who send them by other means."""

import os
from pathlib import Path

import orjson
from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import SmsFailed, SmsFailure
from justchat.interfaces.outbound import ISmsSender
from justchat.model.moment import Clock, iso
from justchat.model.phone import Phone


@implementer(ISmsSender)
class Outbox:
    """Appends ``{"phone", "text", "time"}`` to a file. The log never contains the text."""

    _log = Logger()

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    async def send(self, phone: Phone, text: str, key: str | None = None) -> None:
        line = orjson.dumps({"phone": phone, "text": text, "time": iso(self._clock())}) + b"\n"
        try:
            # One write of the whole line, since two daemons may share the file.
            opened = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(opened, line)
            finally:
                os.close(opened)
        except OSError as error:
            raise SmsFailed(f"the outbox cannot be written: {error.strerror}", SmsFailure.MISCONFIGURED) from error
        self._log.info("an SMS to …{last} is in the outbox", last=phone[-2:])


TAIL = 65_536
"""Bytes at the end of the file in which the last SMS to a phone is looked for."""


def last_text(file: Path, phone: Phone) -> str | None:
    """The text of the last SMS to a phone; None if none is among the latest."""
    try:
        with open(file, "rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - TAIL))
            lines = opened.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            sms = orjson.loads(line)
        except orjson.JSONDecodeError:  # cut at its beginning, or being written
            continue
        if sms["phone"] == phone:
            return str(sms["text"])
    return None
