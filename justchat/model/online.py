"""Who is connected."""

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment

SOME_USERS = 200
"""Users that a process names; of the others it tells the number."""


@frozen(kw_only=True)
class Online:
    """What one process of a daemon says of its sockets: ``users`` people have them, and ``some`` are among these."""

    host: str
    pid: int
    started_at: Moment
    sockets: int
    users: int
    some: tuple[Id, ...]
