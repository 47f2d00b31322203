"""The close codes of sockets (docs/protocol.rst, "Close codes"; RFC 6455, section 7.4).

This is the only table of them. Long-polling has no close codes, so Socket.IO sends them in its ``closing`` event.
"""

from enum import IntEnum


class CloseCode(IntEnum):
    """Why a socket is closed. Autobahn itself uses PROTOCOL_ERROR, INVALID_PAYLOAD and TOO_BIG."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_PAYLOAD = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    MALFORMED = 4400
    SUSPENDED = 4403
    INIT_TIMEOUT = 4408
    TOO_SLOW = 4413
    TOO_MANY = 4429
    SESSION_OVER = 4440


NO_STATUS, ABNORMAL = 1005, 1006
"""Codes that no close frame has: the frame had none, or the connection broke (RFC 6455, section 7.4.1)."""
_OF_METRICS = {*CloseCode, NO_STATUS, ABNORMAL}


def code_of_metrics(code: int | None) -> str:
    """The code with which a socket was closed, as metrics show it: clients may send any."""
    return str(int(code or ABNORMAL)) if (code or ABNORMAL) in _OF_METRICS else "other"
