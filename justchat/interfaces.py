"""What the rooms of the house ask of each other: zope interfaces, handed out by ``service.py``."""

from collections.abc import Callable

from zope.interface import Attribute, Interface

from justchat.events import Frame
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import Profile, Session, User

Proposal = Callable[[Room, int], Entry | None]
"""Asks the rules of a room at the head of its log, and makes the entry with the given seq.

Raises the rule's error; returns None where there is nothing to do. May be called more than once.
"""


class IUsers(Interface):
    """The people. Every method raises DatabaseAway when the database does not answer."""

    async def add(user: User) -> bool:
        """Keep a new user; False, and nothing kept, where the phone has one already."""

    async def get(user: Id) -> User:
        """The user with this id, or UserNotFound."""

    async def by_phone(phone: Phone) -> User | None:
        """The user with this phone."""

    async def set_password(phone: Phone, password: str) -> bool:
        """Replace the hash of the phone's key and forgive its wrong tries; False where nobody has the phone."""

    async def try_key(phone: Phone) -> User | None:
        """Count one try of the phone's key; None where nobody has the phone or its tries are used up."""

    async def forgive_tries(user: Id, password: str) -> None:
        """The key whose hash is ``password`` was right: its tries count from zero again."""

    async def edit(user: Id, profile: Profile) -> None:
        """Set the given fields of a profile."""

    async def begin_move(user: Id, to: Id) -> list[Id]:
        """Claim the user's one place for a move to another room; returns the rooms they may be in now.

        One move of a user at a time, on any number of daemons; the claim outlives a crash (see ``unfinished_moves``).
        """

    async def end_move(user: Id, to: Id) -> None:
        """The move is done: the user is in ``to``, which joins the rooms they have visited."""

    async def abandon_move(user: Id, to: Id) -> None:
        """The move was refused: the user is where they were."""

    async def vacate(user: Id, room: Id) -> None:
        """The user is in no room, if it was this one."""

    async def unfinished_moves(*, all: bool) -> list[tuple[Id, Id | None, Id]]:
        """Moves that a crash left: user, from where, whereto. ``all``: also those begun a moment ago."""


class ISessions(Interface):
    """Sign-ins, by the digest of their key."""

    async def open(user: Id) -> str:
        """Begin a session; returns its key, which is kept nowhere."""

    async def get(key: str) -> Session:
        """The living session of a key, or LoginTimeout."""

    async def end(key: str) -> Session | None:
        """End a session; returns it, or None where there was none."""


class IRooms(Interface):
    """The rooms and their logs."""

    async def create(room: Room) -> None:
        """Keep a new room. Raises Conflict where its id is taken."""

    async def get(room: Id) -> Room:
        """The room at the head of its log, or RoomNotFound."""

    async def append(room: Id, propose: Proposal) -> tuple[Room, Entry | None]:
        """Let a proposal happen: returns once its entry is durable, with the room just after it.

        Raises RoomNotFound, what ``propose`` raises, AlreadyStored, or Unavailable, and then it has not happened.
        """

    async def head(room: Id) -> int:
        """The seq of the room's last entry, 0 for none."""

    async def history(room: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order."""

    async def entry(room: Id, entry: Id) -> Entry:
        """An entry of this room, or MessageNotFound."""

    async def sent(author: Id, entry: Id) -> Entry | None:
        """An author's entry, in whatever room."""


class IPasswords(Interface):
    """Slow salted hashes, made off the reactor thread."""

    async def hash(secret: str) -> str:
        """The hash to keep. Raises Busy when too many are waiting."""

    async def matches(secret: str, hash: str | None) -> bool:
        """Whether the hash is the secret's; takes as long where there is no hash."""


class ISmsSender(Interface):
    """Sends one SMS."""

    async def send(phone: Phone, text: str) -> None:
        """Send ``text``; raises SmsFailed when it was not accepted."""


class IFarewell(Interface):
    """Hears of sessions that have ended."""

    def session_ended(session: Session) -> None:
        """Close the session's connections."""


class IRegistry(Interface):
    """Who is connected."""

    def bind(connection: "IConnection", session: Session) -> None:
        """The connection speaks for this session from now on."""

    def unbind(connection: "IConnection", session: Session) -> None:
        """The connection is gone."""


class IConnection(Interface):
    """A client's socket, of whatever protocol, as the registry sees it."""

    session = Attribute("the Session it is bound to, or None")

    def send(frame: Frame) -> None:
        """Send a frame; a reader too slow to keep up is closed (4413) instead."""

    def close(code: int, reason: str) -> None:
        """Close the connection; sending to it afterwards does nothing."""
