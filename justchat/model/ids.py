"""Ids: 24 hex digits, those of a MongoDB ObjectId."""

import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from itertools import count
from time import time
from typing import NewType

Id = NewType("Id", str)
"""24 lower-case hex digits; or a malformed string of a client, which no object has as its id."""

Members = Mapping[Id, None]
"""A set of ids in the order of their insertion."""

_DIRECT = "direct:"
_PROCESS = secrets.token_hex(5)
_numbers = count(secrets.randbits(24))
_WELL_FORMED = re.compile(r"[0-9a-f]{24}\Z")


def new_id() -> Id:
    """A unique id: time in seconds, process and counter, as in MongoDB's specification of ObjectIds.

    Every message needs one. Creating and printing an ObjectId takes three times as long.
    """
    return Id(f"{int(time()):08x}{_PROCESS}{next(_numbers) & 0xFFFFFF:06x}")


def as_id(text: str) -> Id:
    """An id that a client sent. Upper-case digits mean the same."""
    return Id(text.lower())


def is_well_formed(id: Id) -> bool:
    """Whether an object can have this id."""
    return _WELL_FORMED.match(id) is not None


def room_message_id(author: Id, client_id: str, use: int) -> Id:
    """The id of a room message that an author sends with a client_id.

    Equal arguments give equal ids, so a unique ``_id`` stores a retried message once, on any number of daemons. ``use``
    counts how often the client_id was used anew.
    """
    if client_id.startswith(_DIRECT):
        # Without the prefix this would be the id of a direct message. All other ids are as in earlier releases.
        return derived_id("message", author, str(use), client_id)
    return derived_id(author, str(use), client_id)


def direct_message_id(author: Id, client_id: str, use: int) -> Id:
    """The id of a direct message that an author sends with a client_id; see ``room_message_id``."""
    return derived_id(author, str(use), _DIRECT + client_id)


OF_SERVER = "server:"
"""Before the client_id of a message of an app's own server."""
_OF_USER = "\u212a"
"""Never in a user's client_id, which is in NFC: the Kelvin sign is a K there."""


def user_client_id(client_id: str) -> str:
    """A user's client_id, so that it is none of an app's own server, which may write in the user's name."""
    # All others are as in earlier releases.
    return _OF_USER + client_id if client_id.startswith(OF_SERVER) else client_id


def stream_message_id(stream: Id, author: Id, client_id: str, use: int) -> Id:
    """The id of a message with a client_id on a sharded database; see ``store/client_ids.py``."""
    return derived_id("in", stream, author, str(use), client_id)


def derived_id(*parts: str) -> Id:
    """An id derived from its parts: equal parts give equal ids."""
    return Id(blake2b(":".join(parts).encode(), digest_size=12).hexdigest())


def joined(members: Members, id: Id) -> Members:
    """The members with ``id`` added as the last."""
    return members if id in members else {**members, id: None}


def parted(members: Members, id: Id) -> Members:
    """The members without ``id``."""
    return {other: None for other in members if other != id} if id in members else members
