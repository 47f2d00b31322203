"""The opening handshake of a WebSocket, checked by RFC 6455 before autobahn sees it.

Autobahn refuses some handshakes that the RFCs allow: origins without a host, offers of extensions that cannot be
accepted, and a second field of offers. So these fields are checked here, and removed from the request.
"""

import binascii
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from justchat.errors import BadRequest, MethodNotAllowed, OriginNotAllowed, UpgradeRequired

VERSION = b"13"
UPGRADE_FIELDS = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", VERSION)]
"""The fields of a 426 answer: the handshake that the server accepts (RFC 6455, section 4.4; RFC 9110, section 15.5.22).
"""
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = rb"\s*;\s*" + _TOKEN + rb"(?:\s*=\s*(?:" + _TOKEN + rb'|"' + _TOKEN + rb'"))?'
_OFFER = re.compile(_TOKEN + rb"(?:" + _PARAMETER + rb")*\Z")
_NAME = re.compile(_TOKEN + rb"\Z")


def asks_for_websocket(request: Any) -> bool:
    """Whether a request asks to become a WebSocket. HTTP/1.0 has no upgrade (RFC 9110, section 7.8)."""
    return request.clientproto != b"HTTP/1.0" and b"websocket" in _elements(request, b"upgrade", lower=True)


def check_handshake(request: Any, allows_origin: Callable[[str | None], bool]) -> None:
    """Check a handshake by RFC 6455, section 4.2, and its origin, and prepare the request for autobahn.

    Raises MethodNotAllowed, BadRequest, UpgradeRequired, OriginNotAllowed. Autobahn accepts what passes.
    """
    if request.method != b"GET":
        raise MethodNotAllowed("a WebSocket is opened by GET", allow=("GET",))
    if b"upgrade" not in _elements(request, b"connection", lower=True):
        raise BadRequest("the Connection field does not name upgrade")
    if _fields(request, b"sec-websocket-version") != [VERSION]:
        raise UpgradeRequired("the only version of WebSocket that is supported is 13")
    keys = _fields(request, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise BadRequest("Sec-WebSocket-Key is one field of 16 bytes in base64")
    _check_origin(_fields(request, b"origin"), allows_origin)
    protocols = _elements(request, b"sec-websocket-protocol")
    if not all(map(_NAME.match, protocols)) or len(set(protocols)) < len(protocols):
        raise BadRequest("Sec-WebSocket-Protocol is a list of names, each of them once")
    if not all(map(_OFFER.match, _elements(request, b"sec-websocket-extensions"))):
        raise BadRequest("Sec-WebSocket-Extensions does not follow RFC 6455, section 9.1")
    _prepare_for_autobahn(request, protocols)


def _check_origin(origins: list[bytes], allows_origin: Callable[[str | None], bool]) -> None:
    if len(origins) > 1:
        raise BadRequest("there is more than one Origin field")
    if not allows_origin(origins[0].decode("latin-1") if origins else None):
        raise OriginNotAllowed


def _prepare_for_autobahn(request: Any, protocols: list[bytes]) -> None:
    """Remove the fields that have been checked, and pass on the bytes that followed the head."""
    headers = request.requestHeaders
    # No extension is supported, so every offer is declined, whatever its parameters are.
    for name in (b"origin", b"sec-websocket-extensions", b"sec-websocket-protocol"):
        headers.removeHeader(name)
    if protocols:
        headers.setRawHeaders(b"sec-websocket-protocol", [b", ".join(protocols)])
    # Autobahn reads the content as frames. The body of a GET has no meaning. What follows the head may be frames of a
    # client that does not wait for the answer; the channel would keep them for the next request.
    channel = request.channel
    request.content = BytesIO(b"".join([*channel._dataBuffer, channel._buffer]))
    channel._dataBuffer, channel._buffer = [], b""
    channel.give_up()


def _fields(request: Any, name: bytes) -> list[bytes]:
    return [value.strip() for value in request.requestHeaders.getRawHeaders(name, ())]


def _elements(request: Any, name: bytes, *, lower: bool = False) -> list[bytes]:
    """The elements of a list field, in all of its lines (RFC 9110, section 5.6.1)."""
    found = [element.strip() for field in _fields(request, name) for element in field.split(b",")]
    return [element.lower() if lower else element for element in found if element]


def _is_key(value: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) == 16
    except binascii.Error:
        return False
