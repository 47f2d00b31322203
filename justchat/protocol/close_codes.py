"""The codes with which sockets are closed (docs/protocol.rst, "Close codes"; RFC 6455, section 7.4).

Socket.IO's polling, which knows no close codes, tells them in its ``closing`` event.
"""

from enum import IntEnum


class CloseCode(IntEnum):
    """Why a socket is closed. NOT_UTF8 and TOO_LARGE are autobahn's to use."""

    GONE = 1000
    GOING_DOWN = 1001
    PROTOCOL_ERROR = 1002
    NOT_UTF8 = 1007
    TOO_LARGE = 1009
    FAULT = 1011
    TRY_LATER = 1013
    MALFORMED = 4400
    NO_INIT = 4408
    TOO_SLOW = 4413
    TOO_MANY = 4429
    SESSION_OVER = 4440
