"""Asks an app's own server before a text is stored (contract, section 8; docs/before-message.rst).

The server's time counts from the question, with what it waits for others of its room. One that hangs for a text costs
that text its time, and no other room's text anything: a room has some of the questions under way, never all. After
failures in a row the breaker opens: for a while nobody is asked, and ``on_failure`` decides.
"""

from typing import Any

import orjson
from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger
from zope.interface import implementer

from justchat.config.hooks import BeforeMessageSettings
from justchat.errors import Rejected
from justchat.interfaces.hooks import IBeforeMessage
from justchat.limits.semaphore import Semaphore, SemaphoreByOwner
from justchat.metrics.declarations import BEFORE_MESSAGE, BEFORE_MESSAGE_OPEN, BEFORE_MESSAGE_SECONDS
from justchat.model.draft import Draft
from justchat.model.ids import new_id
from justchat.model.moment import Clock, iso
from justchat.model.text import composed, shows
from justchat.model.webhook_secret import secret_bytes
from justchat.outbound.http_client import HttpClient, NoAnswer
from justchat.outbound.standard_webhooks import webhook_headers

AT_ONCE = 256
"""Questions under way in all."""
AT_ONCE_EACH = 32
"""Questions under way about texts for one room, or for one user."""
FAILURES = 5
"""Failures in a row that open the breaker."""
OPEN = 10.0
"""Seconds for which it is open; then one question tries again."""
LONGEST_DETAIL = 500
"""Characters of a refusal's detail that its author is shown."""


class _Failed(Exception):
    """There is no usable answer; the message says why."""


@implementer(IBeforeMessage)
class BeforeMessage:
    """See IBeforeMessage. ``longest`` is the number of characters of a text at most."""

    _log = Logger()

    def __init__(self, settings: BeforeMessageSettings, longest: int, reactor: Any, clock: Clock) -> None:
        self._url = settings.url
        self._key = secret_bytes(settings.secret)
        self._timeout = settings.timeout_ms / 1000
        self._allows = settings.on_failure == "allow"
        self._longest = longest
        self._reactor = reactor
        self._clock = clock
        self._client = HttpClient(
            "the app's server", self._timeout, reactor, reach=settings.reach(), keep_alive=AT_ONCE_EACH
        )
        self._all = Semaphore(AT_ONCE)
        self._each = SemaphoreByOwner(AT_ONCE_EACH)
        self._failures = 0
        self._retry_at: float | None = None
        """When the open breaker lets a question through; None while it is closed."""

    async def ask(self, draft: Draft) -> str:
        if not self._may_ask():
            BEFORE_MESSAGE.count("unasked")
            return self._without_answer(draft)
        began = self._reactor.seconds()
        try:
            asked = Deferred.fromCoroutine(self._ask(draft))
            answer = await asked.addTimeout(self._timeout, self._reactor)
            text = self._judge(answer, draft)
        except (_Failed, TimeoutError) as error:
            # Which of both comes then depends on what the question was waiting for.
            is_late = self._reactor.seconds() - began >= self._timeout
            BEFORE_MESSAGE.count("timed_out" if is_late else "failed")
            self._failed("it did not answer in time" if is_late else str(error))
            return self._without_answer(draft)
        except Rejected:
            BEFORE_MESSAGE.count("rejected")
            self._answered()
            raise
        finally:
            BEFORE_MESSAGE_SECONDS.observe(self._reactor.seconds() - began)
        self._answered()
        return text

    def _may_ask(self) -> bool:
        if self._retry_at is None:
            return True
        now: float = self._reactor.seconds()
        if now < self._retry_at:
            return False
        self._retry_at = now + OPEN  # meanwhile this question is the only one
        return True

    def _without_answer(self, draft: Draft) -> str:
        if self._allows:
            return draft.text
        raise Rejected("the text cannot be checked now; nothing was stored")

    async def _ask(self, draft: Draft) -> bytes:
        """The answer's body. Raises _Failed."""
        about = draft.room or draft.user
        assert about is not None
        return await self._each.run(about, lambda: self._all.run(lambda: self._post(draft)))

    async def _post(self, draft: Draft) -> bytes:
        at = self._clock()
        body = orjson.dumps(
            {
                "type": "before_message",
                "timestamp": iso(at),
                "data": {
                    "author": draft.author,
                    "room": draft.room,
                    "user": draft.user,
                    "text": draft.text,
                    "ref_message": draft.ref_message,
                    "client_id": draft.client_id,
                },
            }
        )
        headers = webhook_headers(self._key, f"msg_{new_id()}", int(at.timestamp()), body)
        latest_repeat = self._reactor.seconds() + self._timeout / 2
        for may_repeat in (True, False):
            try:
                status, answer = await self._client.request("POST", self._url, headers, body)
            except NoAnswer as error:
                # The server may have closed a kept connection at the same moment. To ask twice does no harm.
                if may_repeat and not error.unreachable and self._reactor.seconds() < latest_repeat:
                    continue
                raise _Failed(str(error)) from None
            if status != 200:
                raise _Failed(f"it answered with status {status}")
            return answer
        raise AssertionError

    def _judge(self, body: bytes, draft: Draft) -> str:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise _Failed("its answer is not JSON") from None
        match answer:
            case {"action": "allow"}:
                BEFORE_MESSAGE.count("allowed")
                return draft.text
            case {"action": "reject", **more}:
                detail = more.get("detail")
                raise Rejected(detail[:LONGEST_DETAIL]) if isinstance(detail, str) and shows(detail) else Rejected
            case {"action": "rewrite", "text": str(text)} if shows(text) and len(composed(text)) <= self._longest:
                BEFORE_MESSAGE.count("rewritten")
                return composed(text)
            case _:
                raise _Failed("its answer is none of allow, reject, and rewrite with a text that may be sent")

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            self._log.warn("the hook before_message failed: {reason}", reason=reason)
        elif self._failures == FAILURES:
            self._retry_at = self._reactor.seconds() + OPEN
            BEFORE_MESSAGE_OPEN.set(1)
            self._log.error(
                "the hook before_message failed {times} times in a row: {reason}. Until it answers, texts are "
                "{decision} unasked, and it is tried every {seconds:g} s",
                times=self._failures,
                reason=reason,
                decision="allowed" if self._allows else "rejected",
                seconds=OPEN,
            )

    def _answered(self) -> None:
        self._failures = 0
        if self._retry_at is not None:
            self._retry_at = None
            BEFORE_MESSAGE_OPEN.set(0)
            self._log.info("the hook before_message answers again")
