"""Deletion of an account: on request, after a grace in which a sign-in cancels it, step by step."""

from datetime import timedelta

from attrs import frozen
from twisted.logger import Logger

from justchat.actions.accounts import Accounts
from justchat.actions.presence import current_room
from justchat.actions.removals import MessageRemovals
from justchat.actions.rooms import RoomActions
from justchat.actions.token_sign_in import TokenSignIn
from justchat.errors import ApiError, RoomNotFound, UserNotFound, WrongKey
from justchat.interfaces.deletions import IDeletions, IErasure
from justchat.interfaces.pause import Pause, Stopping
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import ISessions, IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.room import Room

AT_ONCE = 10
"""Deletions that begin in one round."""


@frozen(kw_only=True)
class AccountDeletion:
    """Deletes accounts. ``grace`` is the time from a request to the begin, in which a sign-in cancels it."""

    users: IUsers
    sessions: ISessions
    rooms: IRooms
    deletions: IDeletions
    erasure: IErasure
    accounts: Accounts
    token_sign_in: TokenSignIn
    room_actions: RoomActions
    removals: MessageRemovals
    clock: Clock
    grace: timedelta

    _log = Logger()

    async def request(self, user: Id, proof: str, address: str | None, *, is_token: bool = False) -> Moment:
        """Request the deletion of the caller's account, by its present sign-in key or a token. Returns when it begins.

        From then on the user has no session, is in no room, and is found by nobody. Raises WrongKey, WrongToken,
        TooManyRequests.
        """
        if is_token:
            await self.token_sign_in.check(user, proof)
        else:
            phone = (await self.users.get(user)).phone
            if phone is None:
                raise WrongKey
            await self.accounts.check_key(phone, proof, address)
        at = await self.deletions.request(user, self.clock() + self.grace)
        await self.sessions.tell_deleted(user)
        await self.part(user)
        return at

    async def finish_parting(self) -> None:
        """End the sessions that a crash, or a call in progress, left to users whose deletion was requested."""
        for user in await self.deletions.parting():
            await self.part(user)
            await self.deletions.parted(user)

    async def part(self, user: Id) -> None:
        """End the sessions of a user whose deletion was requested, and put them out of their room."""
        await self.accounts.sign_out_everywhere(user)
        room = await current_room(user, self.users, self.rooms)
        if room is not None:
            await self.room_actions.leave(user, room)

    async def begin_due(self) -> None:
        """Begin the deletions that are due."""
        await self.deletions.begin(AT_ONCE)

    async def erase_begun(self, pause: Pause) -> None:
        """Erase what users left whose deletion has begun. Raises what ``erase`` raises."""
        for user in await self.deletions.begun(AT_ONCE):
            await self.erase(user, pause)

    async def erase(self, user: Id, pause: Pause) -> None:
        """Erase what a user left, in small steps. Each may be done again, whether or not the last one was done.

        A fault of ours is logged, and puts this user off, so that the others come. Raises DatabaseAway, Unavailable and
        what ``pause`` raises.
        """
        try:
            await self._erase(user, pause)
        except (ApiError, Stopping):
            raise
        except Exception:
            self._log.failure("the account {user} cannot be deleted; it is tried again later", user=user)
            await self.deletions.put_off(user)
        else:
            if await self.deletions.rest(user):
                self._log.info("the account {user} is deleted", user=user)

    async def _erase(self, user: Id, pause: Pause) -> None:
        await self.part(user)
        while rooms := await self.erasure.rooms_of(user):
            for room in rooms:
                await self._pass_on(user, room)
            await pause()  # the rooms are found by their snapshots
        after: Id | None = None
        while True:
            written_in, after = await self.erasure.erase_words(user, after)
            for room in written_in:
                await self._remove_messages(user, room, pause)
            if after is None:
                break
            await pause()
        for erase in (self.erasure.erase_records, self.erasure.erase_stream):
            while await erase(user):
                await pause()

    async def _remove_messages(self, user: Id, room: Id, pause: Pause) -> None:
        after: int | None = 0
        while after is not None:
            try:
                after = await self.removals.remove_of(user, room, after)
            except RoomNotFound:  # removed in between, with its messages
                return
            await pause()

    async def _pass_on(self, user: Id, room: Id) -> None:
        """Make the longest-serving moderator the admin of a room, or remove the room where there is none."""
        try:
            heir = await self._heir(await self.rooms.latest(room))
            if heir is None:
                await self.room_actions.remove(user, room)
            else:
                await self._make_admin(user, room, heir)
        except RoomNotFound:
            pass

    async def _heir(self, room: Room) -> Id | None:
        for moderator in room.moderators:
            try:
                await self.users.exists(moderator)
            except UserNotFound:
                continue
            return moderator
        return None

    async def _make_admin(self, user: Id, room: Id, heir: Id) -> None:
        def propose(room: Room, seq: int) -> Entry | None:
            if room.admin != user or heir not in room.moderators:
                return None
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.NEW_ADMIN,
                author=user,
                user=heir,
                created_at=self.clock(),
            )

        await self.rooms.append(room, propose)
