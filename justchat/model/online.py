"""Who is connected."""

from collections.abc import Mapping

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment

SOME_USERS = 200
"""Users that a process names; of the others it tells the number."""


@frozen(kw_only=True)
class Online:
    """What one process of a daemon says of its sockets: ``users`` people have them, and ``some`` are among these.

    ``sockets`` are bound to a session, ``open`` are all by protocol. ``parts`` are the states of its parts, as
    ``/readyz`` tells them, ``version`` is that of JustChat.
    """

    host: str
    pid: int
    started_at: Moment
    sockets: int
    users: int
    some: tuple[Id, ...]
    open: Mapping[str, int]
    parts: Mapping[str, str]
    version: str
