"""The access log: a line for each request, if ``[log] access`` is on."""

from collections.abc import Coroutine, Mapping, Sequence
from time import monotonic
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from justchat.http.answer import Answer
from justchat.http.endpoint import Endpoint
from justchat.interfaces.realtime import ISocketAccess
from justchat.limits.client_address import ClientAddresses
from justchat.model.ids import Id
from justchat.runtime.logs.call_context import CURRENT_CALL, CallContext, in_call

_log = Logger(namespace="justchat.access")
LONGEST_SEGMENT, LONGEST_PATH = 20, 200
"""Characters. A longer segment of a path that is not a call's may be a secret, as the name of an archive is."""
SWITCHING = 101
"""The status of a handshake that became a WebSocket."""
_REPORTS = "/sms/report/"


@implementer(ISocketAccess)
class AccessLog:
    """Writes the lines. A WebSocket has one when it is closed: its handshake has no answer of ours."""

    def __init__(self, addresses: ClientAddresses) -> None:
        self._addresses = addresses

    def call(
        self,
        answering: Coroutine[Any, Any, Answer],
        endpoint: Endpoint,
        call: CallContext,
        peer: object,
        forwarded: Sequence[bytes],
    ) -> Coroutine[Any, Any, Answer]:
        """A call of the fast lane, which writes its line once it is answered."""

        async def answer() -> Answer:
            began = monotonic()
            answered = await answering
            self.write("POST", endpoint.path, answered.status, began, call, peer, forwarded)
            return answered

        return in_call(call, answer())

    def write(
        self,
        method: str,
        path: str,
        status: int,
        began: float,
        call: CallContext,
        peer: object,
        forwarded: Sequence[bytes],
    ) -> None:
        """Write a line. ``began`` is by ``time.monotonic``."""
        fields = {
            "method": method,
            "path": path,
            "status": status,
            "ms": round((monotonic() - began) * 1000, 1),
            "address": self._address(peer, forwarded),
            "user": call.user,
        }
        token = CURRENT_CALL.set(call)
        try:
            _write_line(fields)
        finally:
            CURRENT_CALL.reset(token)

    def address(self, peer: object, forwarded: str | None) -> str | None:
        """See ISocketAccess."""
        return self._address(peer, () if forwarded is None else (forwarded.encode("latin-1", "replace"),))

    def refused(self, path: str, status: int, address: str | None) -> None:
        """See ISocketAccess."""
        self._write_socket(path, {"status": status, "ms": 0.0, "address": address, "user": None})

    def closed(self, path: str, code: int, seconds: float, address: str | None, user: Id | None) -> None:
        """See ISocketAccess."""
        ms = round(seconds * 1000, 1)
        closed = {"status": SWITCHING, "ms": ms, "address": address, "user": user, "close_code": int(code)}
        self._write_socket(path, closed)

    def _write_socket(self, path: str, told: Mapping[str, object]) -> None:
        fields = {"method": "GET", "path": path_without_secrets(path.encode("latin-1", "replace")), **told}
        _write_line(fields)

    def _address(self, peer: object, forwarded: Sequence[bytes]) -> str | None:
        # Those who are not counted have an address, too.
        return self._addresses.of(peer, forwarded) or self._addresses.host_of(peer, forwarded)


def _write_line(fields: Mapping[str, object]) -> None:
    # Not by Twisted's formatting, which takes longer than all the rest.
    method, path, status, ms, address, user = (
        fields[name] for name in ("method", "path", "status", "ms", "address", "user")
    )
    text = f"{method} {path} {status} {ms} ms {address or '-'} {user or '-'}"
    if "close_code" in fields:
        text += f" closed {fields['close_code']}"
    _log.info("{text}", text=text, log_fields=fields)


def note_user(id: str) -> None:
    """Note who makes the call that is being carried out."""
    call = CURRENT_CALL.get()
    if call is not None:
        call.user = id


def path_without_secrets(path: bytes) -> str:
    """A path that is not a call's, for the log: without its query, and without what may be a secret."""
    text = path.partition(b"?")[0].decode("latin-1")[:LONGEST_PATH]
    if text.startswith(_REPORTS):
        return f"{_REPORTS}…"
    return "/".join("…" if len(segment) > LONGEST_SEGMENT else segment for segment in text.split("/"))
