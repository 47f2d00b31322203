"""What actions ask of the store of users, sessions and invitations."""

from collections.abc import Sequence

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.phone import Phone
from justchat.model.user import Profile, Session, User, UserKey


class IUsers(Interface):
    """The people. Every method raises DatabaseAway when the database does not answer."""

    async def add(user: User) -> bool:
        """Keep a new user; False, and nothing kept, where the phone has one already."""

    async def get(user: Id) -> User:
        """The user with this id, or UserNotFound."""

    async def get_several(users: Sequence[Id]) -> list[User]:
        """Those of the users that exist, in this order, with fewer of their gifts."""

    async def search(beginning: str, skip: int, limit: int, by: Id) -> list[Id]:
        """Those whose nickname, folded, begins like this, in the order of the folded nicknames.

        ``by`` is who searches, in their turn. Raises TooManyRequests.
        """

    async def gifts(user: Id, skip: int, limit: int, by: Id) -> tuple[list[Entry], int]:
        """What the user was given, newest first, and how many gifts there are. Raises UserNotFound; TooManyRequests
        where ``by``, who asks, has too many slow searches under way.
        """

    async def exists(user: Id) -> None:
        """Raises UserNotFound unless there is such a user."""

    async def by_phone(phone: Phone) -> User | None:
        """The user with this phone."""

    async def set_password(phone: Phone, password: str) -> bool:
        """Replace the hash of the phone's key and forgive its wrong tries; False where nobody has the phone."""

    async def find_key(phone: Phone) -> UserKey | None:
        """The key of a phone; None where nobody has the phone."""

    async def count_wrong_key(key: UserKey) -> bool:
        """The key was tried, and it was another one. Returns whether that was its last try."""

    async def accept_key(key: UserKey, network: Id) -> bool:
        """The key was tried, and is right: its wrong tries are forgiven, and its owner is known at the place.

        False, and nothing of it, where its tries were used up in the meantime or there is another key.
        """

    async def edit(user: Id, profile: Profile) -> None:
        """Set the given fields of a profile."""

    async def begin_move(user: Id, to: Id) -> tuple[Id | None, Id | None]:
        """Claim the user's one place for a move to another room.

        Returns the room they are in, and where a move was leading that a crash left unfinished and is taken over.

        One move of a user at a time, on any number of daemons; the claim outlives a crash (see ``unfinished_moves``).
        """

    async def end_move(user: Id, to: Id, place: Id) -> None:
        """The move to ``to`` is done: the user is in ``place``, which joins the rooms they have visited."""

    async def abandon_move(user: Id, to: Id) -> None:
        """The move was refused: the user is where they were."""

    async def entered_room(user: Id) -> Id | None:
        """The room that the user was last let into; its log decides whether they are there."""

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

    async def of(user: Id) -> list[Session]:
        """A user's living sessions, the latest first."""

    async def end_all(user: Id) -> list[Session]:
        """End every session of a user; returns them."""

    async def ended_elsewhere() -> list[Session]:
        """Sessions that ``end_all`` has ended lately, in this process or another; here they are over from now on."""


class IInvites(Interface):
    """Who has invited whom."""

    async def claim(inviter: Id, phone: Phone, by: Id) -> bool:
        """Claim the one invitation a day of an inviter to a phone; False where it is taken. ``by`` names this call.

        Until the call confirms its claim, another call may take it over.
        """

    async def confirm(inviter: Id, phone: Phone, by: Id) -> bool:
        """Confirm the claim of this call; False where another call has taken it over."""

    async def release(inviter: Id, phone: Phone, by: Id) -> None:
        """The invitation that was claimed by this call was not sent after all.

        Raises nothing: where the database is away it is released later.
        """
