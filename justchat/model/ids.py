"""Ids: 24 hex digits, those of a MongoDB ObjectId."""

import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from itertools import count
from time import time
from typing import NewType

Id = NewType("Id", str)
"""24 lower-case hex digits, or a client's malformed string, which names nothing."""

Members = Mapping[Id, None]
"""A set of ids that remembers the order in which they came."""

_DIRECT = "direct:"
_PROCESS = secrets.token_hex(5)
_numbers = count(secrets.randbits(24))
_WELL_FORMED = re.compile(r"[0-9a-f]{24}\Z")


def new_id() -> Id:
    """An id nobody else has: the second, the process, a number, as in MongoDB's specification of ObjectIds.

    (To make an ObjectId and print it takes three times as long, and each message needs one.)
    """
    return Id(f"{int(time()):08x}{_PROCESS}{next(_numbers) & 0xFFFFFF:06x}")


def as_id(text: str) -> Id:
    """What a client wrote as an id. Upper-case digits name the same thing."""
    return Id(text.lower())


def is_well_formed(id: Id) -> bool:
    """Whether anything at all could have this id."""
    return _WELL_FORMED.match(id) is not None


def resent_message_id(author: Id, client_id: str, turn: int) -> Id:
    """The id of the message that an author sends to a room under a client_id: the same for the same, so that a unique
    ``_id`` is all it takes to store it once, on any number of daemons. ``turn`` counts the days-long pauses after which
    the client_id may be used anew.
    """
    if client_id.startswith(_DIRECT):
        # Else it were the id of a direct message. (Ids of all others are as earlier releases made them.)
        return derived_id("message", author, str(turn), client_id)
    return derived_id(author, str(turn), client_id)


def resent_direct_id(author: Id, client_id: str, turn: int) -> Id:
    """The same of a direct message."""
    return derived_id(author, str(turn), _DIRECT + client_id)


def derived_id(*parts: str) -> Id:
    """The id of something that there can be but once, made from what makes it so."""
    return Id(blake2b(":".join(parts).encode(), digest_size=12).hexdigest())


def joined(members: Members, id: Id) -> Members:
    """The members with one more, who comes last."""
    return members if id in members else {**members, id: None}


def parted(members: Members, id: Id) -> Members:
    """The members without one."""
    return {other: None for other in members if other != id} if id in members else members
