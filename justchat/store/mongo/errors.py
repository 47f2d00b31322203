"""Errors of the driver and of the server.

Invariant: whatever leaves it open whether an operation happened, or happens to last, is DatabaseAway.
"""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    NotPrimaryError,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from txmongo.errors import TimeExceeded
from txmongo.protocol import MongoAuthenticationError

from justchat.errors import DatabaseAway
from justchat.metrics.declarations import DATABASE_ERRORS

DUPLICATE = 11000
"""MongoDB's code for a document that a unique index refuses."""
STEPPED_DOWN = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""MongoDB's codes for an operation that was broken off because the server stops, or is no longer the primary."""
_AWAY = (
    AutoReconnect,
    ConnectionFailure,
    NotPrimaryError,
    TimeExceeded,
    CancelledError,
    DeferredTimeout,
    MongoAuthenticationError,
    ExecutionTimeout,
    CursorNotFound,
)


async def or_away(operation: Deferred[Any]) -> Any:
    """The result of an operation. Raises DatabaseAway when it is cancelled or times out, or the connection breaks."""
    try:
        return await operation
    except _AWAY as error:
        DATABASE_ERRORS.count("away")
        raise DatabaseAway from error
    except Exception:
        DATABASE_ERRORS.count("error")
        raise


def duplicates(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of a write's statements that a unique index refused, each with ``index``, the statement's place.

    Raises DatabaseAway where the write is in doubt, and BulkWriteError for any other error.
    """
    errors: list[dict[str, Any]] = answer.get("writeErrors", [])
    for error in errors:
        if error["code"] in STEPPED_DOWN:
            raise DatabaseAway
        if error["code"] != DUPLICATE:
            raise BulkWriteError(dict(answer))
    if "writeConcernError" in answer:  # stored on this server, and perhaps not to stay
        raise DatabaseAway
    return errors
