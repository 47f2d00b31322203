"""What actions ask of the store of users, sessions and invitations."""

from collections.abc import Callable, Sequence

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.identity import Identity
from justchat.model.ids import Id
from justchat.model.phone import Phone
from justchat.model.user import KnownIdentity, Profile, Session, Suspension, User, UserKey


class IUsers(Interface):
    """The store of users. Every method raises DatabaseAway where the database is not available."""

    async def add(user: User) -> bool:
        """Add a user. False, and no user added, where the phone already has one."""

    async def get(user: Id, *, leaving_too: bool = False) -> User:
        """The user with an id. Raises UserNotFound.

        ``leaving_too``: also one whose deletion was requested and has not begun.
        """

    async def get_several(users: Sequence[Id]) -> list[User]:
        """Those of the users that exist, in this order, with fewer gifts than ``get`` returns."""

    async def search(beginning: str, skip: int, limit: int, by: Id) -> list[Id]:
        """Users whose folded nickname starts with ``beginning``, in the order of the folded nicknames.

        ``by`` is the user who searches; their searches queue. Raises TooManyRequests.
        """

    async def latest(skip: int, limit: int) -> list[Id]:
        """Users, the latest first."""

    async def count() -> int:
        """How many users there are, about."""

    async def search_phones(beginning: str, skip: int, limit: int) -> list[Id]:
        """Users whose phone begins with these digits, in the order of phones."""

    async def gifts(user: Id, skip: int, limit: int, by: Id) -> tuple[list[Entry], int]:
        """The gifts a user received, newest first, and how many there are.

        Raises UserNotFound; TooManyRequests where ``by``, who asks, has too many slow searches in progress.
        """

    async def exists(user: Id) -> None:
        """Raises UserNotFound where the user does not exist."""

    async def find_id(
        *, phone: Phone | None = None, external_id: str | None = None, leaving_too: bool = False
    ) -> Id | None:
        """The user with an external id or, without one, a phone; None for none. ``leaving_too`` as for ``get``."""

    async def by_phone(phone: Phone) -> User | None:
        """The user with a phone, or None."""

    async def set_password(phone: Phone, password: str) -> bool:
        """Replace the hash of a phone's key and reset its wrong tries. False where no user has the phone."""

    async def find_key(phone: Phone) -> UserKey | None:
        """The key of a phone; None where no user has the phone."""

    async def count_wrong_key(key: UserKey) -> bool:
        """Count a wrong try of a key. Returns whether that locked the key."""

    async def accept_key(key: UserKey, network: Id) -> bool:
        """Accept a right key: reset its wrong tries, and add the network to the owner's known networks.

        False, and nothing changed, where the key was locked or replaced in the meantime.
        """

    async def find_identity(identity: Identity, external_id: str | None) -> KnownIdentity | None:
        """The user of an identity; without one the user of ``external_id`` who has no identity, who has this one from
        now on; else None.
        """

    async def accept_identity(user: Id, identity: Identity) -> bool:
        """Accept a sign-in: cancel a deletion that has not begun. False where the user has no such identity now."""

    async def update(user: Id, profile: Profile, phone: Phone | None, external_id: str | None) -> bool:
        """Set the given fields of a user's profile, and their phone and external id, where these are given. Another
        phone has no sign-in key yet. False, and nothing set, where the user has another external id or is gone.

        Raises Conflict where another user has the phone or the external id.
        """

    async def keep(user: Id) -> bool:
        """Cancel a deletion that was requested and has not begun. False where there is no such user any more."""

    async def edit(user: Id, profile: Profile) -> None:
        """Set the given fields of a user's profile."""

    async def suspend(user: Id, suspension: Suspension | None) -> bool:
        """Suspend a user in place of an earlier suspension, or, with None, end the suspension.

        False where there is no such user or, with None, no suspension.
        """

    async def begin_move(user: Id, to: Id) -> tuple[Id | None, Id | None]:
        """Claim a user's move to another room. A user has one move at a time, on any number of daemons.

        Returns the room that they are in, and the destination of an interrupted move that this one takes over.
        The claim outlives a crash (see ``unfinished_moves``).
        """

    async def end_move(user: Id, to: Id, room: Id, order: int | None = None) -> bool:
        """End the move to ``to``: the user is in ``room``, which is added to their visited rooms. ``order`` is that of
        the entry by which they entered it, if this move appended one.

        False, and nothing changed, where another process has taken the claim for that of a dead one.
        """

    async def abandon_move(user: Id, to: Id) -> None:
        """Release the claim of a refused move. The user stays where they are."""

    async def entered_room(user: Id) -> Id | None:
        """The room that a user entered last. Its log decides whether they are inside (``actions/presence``)."""

    async def possible_rooms(user: Id) -> tuple[list[Id], int]:
        """The rooms that a user may be in: the destination of a move that is under way, and the room entered last.

        And the ``order`` of the latest entering by a move that has ended; 0 where none is known.
        """

    async def possible_rooms_of(users: Sequence[Id]) -> dict[Id, list[Id]]:
        """These rooms of several users."""

    async def entered_of(users: Sequence[Id]) -> dict[Id, int]:
        """This ``order`` of several users."""

    async def vacate(user: Id, room: Id) -> bool:
        """Set that a user is in no room, if this was their room. Returns whether it was."""

    async def occupy(user: Id, room: Id) -> None:
        """Set that a user is in this room, if they are in none and no move is under way."""

    async def unfinished_moves(*, all: bool) -> list[tuple[Id, Id | None, Id]]:
        """Moves that a crash interrupted: user, old room, new room. ``all``: those of a moment ago, too."""


class ISessions(Interface):
    """The store of sessions, by the digest of their key."""

    async def open(user: Id, key: str | None = None) -> str:
        """Begin a session. Returns its key, which is not stored.

        ``key``: the key it is to have. A session that has it, or had it within a day, stays as it is.
        """

    async def get(key: str) -> Session:
        """The open session of a key. Raises LoginTimeout."""

    async def end(key: str) -> Session | None:
        """End a session. Returns it, or None where there was none."""

    async def of(user: Id) -> list[Session]:
        """The open sessions of a user, the latest first."""

    async def end_all(user: Id, *, suspended: bool = False) -> list[Session]:
        """End every session of a user, because they are ``suspended`` or not. Returns them."""

    async def tell_deleted(user: Id) -> None:
        """Let every daemon forget a user who is deleted, also one without a session, by the notice of one that never
        was.
        """

    async def ended_elsewhere(bound: Callable[[], Sequence[Session]]) -> list[Session]:
        """Sessions that any process has ended since the last call. From now on they have ended in this process, too.

        ``bound`` returns those that have connections: where the end of one may have been missed, these are looked up.
        """


class IInvites(Interface):
    """The store of invitations."""

    async def claim(inviter: Id, phone: Phone, by: Id) -> bool:
        """Claim the one invitation a day of an inviter to a phone; False where it is taken. ``by`` names this call.

        Until the call confirms its claim, another call may take it over.
        """

    async def confirm(inviter: Id, phone: Phone, by: Id) -> bool:
        """Confirm the claim of this call; False where another call has taken it over."""

    async def release(inviter: Id, phone: Phone, by: Id) -> None:
        """Release the claim of this call, whose invitation was not sent.

        Raises nothing: where the database is not available, the claim is released later.
        """
