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
