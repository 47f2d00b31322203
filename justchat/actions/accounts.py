"""Accounts: signing up by phone, signing in and out, and what people say of themselves."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from justchat.actions.guesses import Guesses
from justchat.actions.spending import Spending
from justchat.errors import ApiError, RoomNotFound, SmsFailed, TooManyRequests, WrongKey
from justchat.interfaces import ICaptcha, IFarewell, IInvites, IPasswords, IRooms, ISessions, ISmsSender, IUsers
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.phone import Phone
from justchat.model.user import Profile, Session, User


def new_key(digits: int) -> str:
    """A key to sign in with: digits alone, the first never 0, so that a client may send it as a number."""
    return str(10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1)))


@frozen(kw_only=True)
class Accounts:
    """What one can do about an account."""

    users: IUsers
    sessions: ISessions
    rooms: IRooms
    passwords: IPasswords
    sms: ISmsSender
    farewell: IFarewell
    clock: Clock
    make_key: Callable[[], str]
    sms_text: str
    invites: IInvites
    invite_text: str
    guesses: Guesses
    spending: Spending
    captcha: ICaptcha
    sms_failed: Callable[[], None] = lambda: None
    """Counts the SMS that were not accepted."""

    _log = Logger()

    async def register(self, phone: Phone, profile: Profile, captcha: str | None, address: str | None) -> bool:
        """Make a new key for a phone, and an account where it has none; returns whether it had none.

        On a repeat the profile is ignored: nobody has proved yet who they are.
        The key is on record before it is sent; an SMS that fails does not undo that.
        Raises CountryNotServed, CaptchaFailed, TooManyRequests; then no key is made, and the last one goes on working.
        """
        self.spending.check(phone)
        await self.captcha.check(captcha)
        await self.spending.take(phone, address)
        key = self.make_key()
        try:
            created = await self._keep(phone, key, profile)
        except ApiError:
            await self.spending.give_back(phone, address)
            raise
        await self._send(phone, self.sms_text.replace("{key}", key), address)
        return created

    async def _keep(self, phone: Phone, key: str, profile: Profile) -> bool:
        """Put a phone's new key on record; whether that made the account, too."""
        password = await self.passwords.hash(key)
        created = False
        if not await self.users.set_password(phone, password):
            user = User(id=new_id(), phone=phone, password=password, create_at=self.clock(), **profile)  # type: ignore[arg-type]
            created = await self.users.add(user)
            if not created:  # somebody registered the same phone in between
                await self.users.set_password(phone, password)
        return created

    async def sign_in(self, phone: Phone, key: str, address: str | None) -> tuple[str, User]:
        """A new session: its key, and the user.

        Raises WrongKey, after five wrong tries for the right key too; TooManyRequests where there were too many wrong
        ones for this phone, or from this address.
        """
        await self.guesses.begin(address)
        tried = await self.users.try_key(phone)
        # Where there is nobody the same is done all the same, the hash above all, so that the time does not tell.
        if tried is None:
            await self.guesses.weigh_nothing(phone)
            await self.passwords.matches(key, None)
            raise WrongKey
        user, password = tried
        try:
            await self.guesses.weigh(phone)
        except TooManyRequests:
            await self.users.give_back_try(user)  # it was not looked at: the owner's key is not to be burnt by waiting
            raise
        if not await self.passwords.matches(key, password):
            raise WrongKey
        await self.users.forgive_tries(user, password)
        await self.guesses.right(phone, address)
        return await self.sessions.open(user), await self.show(user)

    async def sign_out(self, key: str) -> None:
        """End a session and close its sockets. An unknown key is no error."""
        session = await self.sessions.end(key)
        if session is not None:
            self.farewell.session_ended(session)

    async def sign_out_everywhere(self, user: Id) -> None:
        """End every session of a user, and close their sockets."""
        for session in await self.sessions.end_all(user):
            self.farewell.session_ended(session)

    async def list_sessions(self, user: Id) -> list[Session]:
        """A user's sessions, the latest first."""
        return await self.sessions.of(user)

    async def invite(self, user: Id, phones: Sequence[Phone], address: str | None) -> None:
        """Send each phone an invitation, unless this user has within a day.

        Raises CountryNotServed, TooManyRequests, and then nobody is sent any.
        """
        for phone in phones:
            self.spending.check(phone)
        claimed: list[Phone] = []
        taken: list[Phone] = []
        try:
            for phone in dict.fromkeys(phones):
                if await self.invites.claim(user, phone):
                    claimed.append(phone)
                    await self.spending.take(phone, address)
                    taken.append(phone)
        except ApiError:
            for phone in claimed:
                with suppress(ApiError):  # what can be undone is, each for itself
                    await self.invites.release(user, phone)
            for phone in taken:
                with suppress(ApiError):
                    await self.spending.give_back(phone, address)
            raise
        await gatherResults([Deferred.fromCoroutine(self._invite(user, phone, address)) for phone in claimed])

    async def _invite(self, user: Id, phone: Phone, address: str | None) -> None:
        # After a failure that nobody can tell the outcome of, it counts as sent: twice would be paid twice.
        if not await self._send(phone, self.invite_text, address):
            await self.invites.release(user, phone)

    async def _send(self, phone: Phone, text: str, address: str | None) -> bool:
        """Send an SMS; a failure is logged and counted, and fails nothing else.

        False where it was surely not sent, and may be tried again.
        """
        try:
            await self.sms.send(phone, text)
        except SmsFailed as error:
            self.sms_failed()
            self._log.error(
                "an SMS to {phone} was not sent ({failure}): {error}",
                phone=masked(phone),
                failure=error.failure.value,
                error=error,
            )
            if error.costs_nothing:
                await self.spending.give_back(phone, address)
            return not error.costs_nothing
        return True

    async def show(self, user: Id) -> User:
        """A user, in the room they are in. Raises UserNotFound."""
        return await self._placed(await self.users.get(user))

    async def edit(self, user: Id, profile: Profile) -> User:
        """Change what a user says of themselves."""
        await self.users.edit(user, profile)
        return await self.show(user)

    async def _placed(self, user: User) -> User:
        """The user's document says where to look for them; the room's log decides whether they are there."""
        if user.room is None:
            return user
        try:
            room = await self.rooms.get(user.room)
        except RoomNotFound:
            return evolve(user, room=None)
        return user if user.id in room.users else evolve(user, room=None)


def masked(phone: Phone) -> str:
    """A phone as a log may show it."""
    return f"…{phone[-2:]}"
