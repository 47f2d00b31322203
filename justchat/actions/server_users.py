"""What an app's own server can do about its users, beside what operators can."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from hmac import digest

from attrs import frozen

from justchat.actions.accounts import Accounts
from justchat.actions.deletion import AccountDeletion
from justchat.actions.operating import OperatorActions
from justchat.actions.presence import with_current_room
from justchat.errors import Conflict, UserNotFound
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.audit import Deed
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.phone import Phone
from justchat.model.user import Profile, User

TRIES = 3
"""Attempts to find or make a user whom others make or delete at the same time."""
Record = Callable[[Deed, Id], Awaitable[None]]
"""Writes a deed to a user into the audit log."""


@frozen(kw_only=True)
class UserReference:
    """A user by one of three: our id, the app's own, or the phone."""

    user: Id | None = None
    external_id: str | None = None
    phone: Phone | None = None


@frozen(kw_only=True)
class ServerUsers:
    """Users of an app with a server of its own."""

    users: IUsers
    rooms: IRooms
    accounts: Accounts
    deletion: AccountDeletion
    clock: Clock

    async def find(self, who: UserReference, *, leaving_too: bool = False) -> Id:
        """The id of a user. ``leaving_too``: also of one whose deletion was requested. Raises UserNotFound."""
        if who.user is not None:
            if not leaving_too:
                await self.users.exists(who.user)
            return who.user
        id = await self.users.find_id(phone=who.phone, external_id=who.external_id, leaving_too=leaving_too)
        if id is None:
            raise UserNotFound("no user has this external_id" if who.phone is None else "no user has this phone")
        return id

    async def search(self, beginning: str, skip: int, limit: int, by: Id) -> list[User]:
        """Users whose folded nickname starts with ``beginning``, in that order. ``by`` is the server key, whose
        searches queue. Raises TooManyRequests.
        """
        found = await self.users.get_several(await self.users.search(beginning, skip, limit, by))
        return [await with_current_room(user, self.rooms) for user in found]

    async def upsert(
        self, external_id: str | None, phone: Phone | None, profile: Profile, record: Record
    ) -> tuple[User, bool]:
        """Make the user with an external id or, without one, a phone; or change the one that is there: set the fields
        that are given. Returns the user, and whether it was made.

        A user with the phone alone gets the external id. Unique indexes decide between simultaneous calls. Raises
        Rejected; Conflict where the phone and the external id are those of different users, and for a user whose
        deletion was requested.
        """
        profile = self.accounts.checked(profile)
        await self.accounts.refer_photo(profile)
        before: Id | None = None
        for _ in range(TRIES):
            id = await self._known(external_id, phone)
            if id is not None and id == before:
                break
            before = id
            if id is not None:
                await record(Deed.UPDATE_USER, id)
                if await self.users.update(id, profile, phone, external_id):
                    return await self.accounts.show(id), False
            else:
                # Without a sign-in key: one with a phone can ask for a key.
                user = User(
                    id=new_id(),
                    phone=phone,
                    external_id=external_id,
                    password="",
                    created_at=self.clock(),
                    **profile,  # type: ignore[arg-type]
                )
                await record(Deed.CREATE_USER, user.id)
                if await self.users.add(user):
                    return await self.accounts.show(user.id), True
        raise Conflict("the user with this phone has another external_id, or is being deleted")

    async def _known(self, external_id: str | None, phone: Phone | None) -> Id | None:
        """The user with the external id, else with the phone. Raises Conflict for one who is being deleted."""
        for known in ({"external_id": external_id}, {"phone": phone}):
            if None not in known.values():
                id = await self.users.find_id(**known, leaving_too=True)
                if id is not None:
                    return id
        return None

    async def open_session(self, user: Id, secret: str, idempotency_id: Id | None, record: Record) -> str:
        """Sign a user in: cancel a deletion that has not begun, and open a session. Returns its key.

        Under an idempotency id the key is derived from that and from ``secret``, the server key: so it is the same
        again, though it is stored nowhere. Raises UserNotFound, Suspended.
        """
        key = None
        if idempotency_id is not None:
            key = digest(secret.encode(), f"session:{idempotency_id}".encode(), sha256).hex()[:48]
        # First: who is suspended is not signed in, which cancels a deletion.
        self.accounts.check_not_suspended((await self.users.get(user, leaving_too=True)).suspension)
        await record(Deed.OPEN_SESSION, user)
        if not await self.users.keep(user):
            raise UserNotFound
        return (await self.accounts.open_session(user, UserNotFound, key, by="server"))[0]

    async def delete(self, user: Id, reason: str, operating: OperatorActions) -> None:
        """Request the deletion of an account, end its sessions, and put the user out of their room. Raises
        UserNotFound.
        """
        await operating.delete_user(user, reason, at_once=False)
        await self.deletion.part(user)
