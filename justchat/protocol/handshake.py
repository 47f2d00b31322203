"""The opening handshake of a WebSocket, judged by RFC 6455 before autobahn sees it.

Autobahn refuses what the RFCs let pass (origins that have no host, an extension's offer that cannot be taken, a
second field of offers), so what it would judge otherwise is judged here and taken out of the request.
"""

import binascii
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from justchat.errors import BadRequest, MethodNotAllowed, OriginNotAllowed, UpgradeRequired

VERSION = b"13"
UPGRADE = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", VERSION)]
"""The fields of an answer that asks for another handshake (RFC 6455, section 4.4; RFC 9110, section 15.5.22)."""
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = rb"\s*;\s*" + _TOKEN + rb"(?:\s*=\s*(?:" + _TOKEN + rb'|"' + _TOKEN + rb'"))?'
_OFFER = re.compile(_TOKEN + rb"(?:" + _PARAMETER + rb")*\Z")
_NAME = re.compile(_TOKEN + rb"\Z")


def asks_for_websocket(request: Any) -> bool:
    """Whether a request wants to become a WebSocket; under HTTP/1.0 none does (RFC 9110, section 7.8)."""
    return request.clientproto != b"HTTP/1.0" and b"websocket" in _elements(request, b"upgrade", lower=True)


def judge_handshake(request: Any, allows_origin: Callable[[str | None], bool]) -> None:
    """Refuse a handshake that RFC 6455, section 4.2, refuses, or whose page may not connect.

    Raises MethodNotAllowed, BadRequest, UpgradeRequired, OriginNotAllowed. What is left in the request, autobahn takes.
    """
    if request.method != b"GET":
        raise MethodNotAllowed("a WebSocket is opened by GET", allow=("GET",))
    if b"upgrade" not in _elements(request, b"connection", lower=True):
        raise BadRequest("the Connection field does not name upgrade")
    if _fields(request, b"sec-websocket-version") != [VERSION]:
        raise UpgradeRequired("the one version of WebSocket that is spoken here is 13")
    keys = _fields(request, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise BadRequest("Sec-WebSocket-Key is one field of 16 bytes in base64")
    origins = _fields(request, b"origin")
    if len(origins) > 1:
        raise BadRequest("there is more than one Origin field")
    if not allows_origin(origins[0].decode("latin-1") if origins else None):
        raise OriginNotAllowed
    protocols = _elements(request, b"sec-websocket-protocol")
    if not all(map(_NAME.match, protocols)) or len(set(protocols)) < len(protocols):
        raise BadRequest("Sec-WebSocket-Protocol is a list of names, each of them once")
    if not all(map(_OFFER.match, _elements(request, b"sec-websocket-extensions"))):
        raise BadRequest("Sec-WebSocket-Extensions does not follow RFC 6455, section 9.1")
    headers = request.requestHeaders
    # No extension is spoken, so every offer is declined, whatever its parameters are.
    for name in (b"origin", b"sec-websocket-extensions", b"sec-websocket-protocol"):
        headers.removeHeader(name)
    if protocols:
        headers.setRawHeaders(b"sec-websocket-protocol", [b", ".join(protocols)])
    # What autobahn finds there it reads as frames. A body of a GET means nothing; what follows the head may be frames
    # of a client that does not wait for the answer, which the channel would keep for a next request.
    channel = request.channel
    request.content = BytesIO(b"".join([*channel._dataBuffer, channel._buffer]))
    channel._dataBuffer, channel._buffer = [], b""
    channel.give_up()


def _fields(request: Any, name: bytes) -> list[bytes]:
    return [value.strip() for value in request.requestHeaders.getRawHeaders(name, ())]


def _elements(request: Any, name: bytes, *, lower: bool = False) -> list[bytes]:
    """The elements of a list, over all of its fields (RFC 9110, section 5.6.1)."""
    found = [element.strip() for field in _fields(request, name) for element in field.split(b",")]
    return [element.lower() if lower else element for element in found if element]


def _is_key(value: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) == 16
    except binascii.Error:
        return False
