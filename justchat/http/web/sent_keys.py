"""The SMS with a new user's key, shown by the page to who tries JustChat on this machine, and to nobody else."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from attrs import frozen

LOOPBACK = re.compile(rb"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z", re.IGNORECASE)
PASSED_ON = re.compile(rb"forwarded|via|x-forwarded-.*|.*-ip", re.IGNORECASE)
"""The names of what a proxy adds: whoever is behind it is not on this machine, although the proxy is."""


def is_here(request: Any) -> bool:
    """Whether a request comes from this machine, from a page that this daemon served or from no page at all.

    A page of another origin in a browser here could ask, too: by its own name (``Origin``, ``Sec-Fetch-Site``), or by
    a name of its own that it lets resolve to 127.0.0.1 (``Host``).
    """
    try:
        peer = ip_address(request.getClientAddress().host)
    except (AttributeError, ValueError):  # a Unix socket, which a proxy uses
        return False
    host, origin = request.getHeader(b"host") or b"", request.getHeader(b"origin")
    return (
        peer.is_loopback
        and not any(PASSED_ON.fullmatch(name) for name, _ in request.requestHeaders.getAllRawHeaders())
        and request.clientproto != b"HTTP/1.0"  # as nginx speaks, which adds nothing unless it is told to
        and LOOPBACK.match(host) is not None
        and (origin is None or origin in (b"http://" + host, b"https://" + host))
        and request.getHeader(b"sec-fetch-site") in (None, b"same-origin")
    )


@frozen
class SentKeys:
    """``last`` returns the text of the last SMS to a phone as it is written, None if there is none."""

    last: Callable[[str], str | None]

    def find(self, request: Any) -> str | None:
        """The text for the phone that the query names; None for who is not here."""
        (phone, *_) = request.args.get(b"phone", [b""])
        return self.last(phone.decode("utf-8", "replace")) if is_here(request) else None
