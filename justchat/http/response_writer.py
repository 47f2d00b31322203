"""Encodes answers as HTTP/1.1 responses, for those who write to the connection themselves.

The fast lane writes every answer with it, and the Site those that end a request early. Answers that pass through a
twisted.web request have the same fields (``headers.py``), but twisted.web writes them.
"""

from collections.abc import Callable, Iterable
from email.utils import formatdate

from justchat.errors import reason_phrase
from justchat.http.answer import Answer
from justchat.http.headers import CLOSE, Field, answer_fields, common_fields


class ResponseWriter:
    """Encodes responses. Status line, Date and the common fields are encoded once a second for each status."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """``seconds`` is the reactor's clock."""
        self._seconds = seconds
        self._starts: dict[int, bytes] = {}
        self._dated = -1

    def encode(self, answer: Answer, fields: Iterable[Field] = (), *, close: bool, body: bool = True) -> bytes:
        """The bytes of a response.

        ``close``: the connection ends with it. ``body``: False for the answer to a HEAD request.
        """
        second = int(self._seconds())
        if second != self._dated:
            self._dated = second
            self._starts.clear()
        start = self._starts.get(answer.status)
        if start is None:
            date = (b"Date", formatdate(usegmt=True).encode())
            line = b"HTTP/1.1 %d %s\r\n" % (answer.status, reason_phrase(answer.status).encode())
            start = self._starts[answer.status] = line + _lines((date, *common_fields(answer.status)))
        lines = b""
        if fields or close or answer.retry_after is not None:
            more = (*answer_fields(answer), *fields, CLOSE) if close else (*answer_fields(answer), *fields)
            lines = _lines(more)
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (start, len(answer.body), lines, answer.body if body else b"")


def _lines(fields: Iterable[Field]) -> bytes:
    return b"".join([b"%s: %s\r\n" % field for field in fields])
