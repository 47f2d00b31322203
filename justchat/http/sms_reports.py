"""Takes delivery reports of SMS in, at an address that is signed."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from twisted.logger import Logger

from justchat.config.sms import SenderKind
from justchat.errors import BadRequest, NotFound, TooLarge
from justchat.interfaces.outbound import ISmsCounts
from justchat.metrics.declarations import SMS_REPORTS
from justchat.model.sms_count import DELIVERED, UNDELIVERED
from justchat.outbound.sms.reports import outcomes_of, report_token

REPORT_LIMIT = 64 * 1024
"""Bytes of a report."""


class SmsReports:
    """``senders`` are the kinds of the senders by their names. Without a ``secret`` there are no reports."""

    _log = Logger()

    def __init__(self, senders: Mapping[str, SenderKind], secret: str | None, counts: ISmsCounts) -> None:
        self._counts = counts
        self.change(senders, secret)

    def change(self, senders: Mapping[str, SenderKind], secret: str | None) -> None:
        """Take in the reports of these from now on."""
        self._senders = senders
        self._secret = secret
        if secret is not None:
            for name in senders:  # shown from the start, so that the first report is a change
                for outcome in (DELIVERED, UNDELIVERED):
                    SMS_REPORTS.count(name, outcome, by=0)

    async def receive(self, sender: str, token: str, request: Any) -> bytes:
        """Count a report, once. Returns the body of the answer, as the provider expects it.

        Raises NotFound for another address than a sender's, TooLarge, BadRequest.
        """
        kind = self._senders.get(sender)
        signature = report_token(self._secret or "", sender)
        if not compare_digest(signature.encode(), token.encode()) or kind is None or not self._secret:
            raise NotFound("there is no such path")
        query = request.uri.partition(b"?")[2]
        body = request.content.read(REPORT_LIMIT + 1)
        if len(body) > REPORT_LIMIT:
            raise TooLarge
        try:
            outcomes = outcomes_of(kind, query, body)
        except ValueError:
            raise BadRequest("this is no delivery report") from None
        for sms, outcome in outcomes:
            if await self._counts.add_reported(sender, sms, outcome):
                SMS_REPORTS.count(sender, outcome)
                self._log.info("{sender} reports an SMS as {outcome}", sender=sender, outcome=outcome)
        if kind == "whatsapp" and request.method == b"GET":
            return _challenge(request)
        # SMS.ru repeats a report that is not answered so.
        return b"100" if kind == "smsru" else b""


def _challenge(request: Any) -> bytes:
    """Meta asks once whether the address is ours; digits alone, so that no page can be made of it."""
    written: bytes = (request.args.get(b"hub.challenge") or [b""])[0]
    return written if written.isdigit() and len(written) <= 32 else b""
