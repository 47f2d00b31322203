"""Accounts: signing up by phone, signing in and out, and what people say of themselves."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from justchat.actions.login_attempts import LoginAttempts, is_known_network, network_id_of
from justchat.actions.presence import current_room, is_inside
from justchat.actions.sms_budget import SmsBudget
from justchat.errors import ApiError, SearchOff, SmsFailed, WrongKey
from justchat.interfaces.outbound import ICaptcha, ISmsSender
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.realtime import ISessionListener
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IInvites, ISessions, IUsers
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.model.entry import Entry
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.network import network_of
from justchat.model.phone import Phone
from justchat.model.pictures import pictures_in
from justchat.model.rate import RateHit
from justchat.model.user import Profile, Session, User, UserKey


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
    session_listener: ISessionListener
    clock: Clock
    make_key: Callable[[], str]
    sms_text: str
    invites: IInvites
    pictures: IPictureRecords
    invite_text: str
    login_attempts: LoginAttempts
    sms_budget: SmsBudget
    captcha: ICaptcha
    captcha_always: bool
    """Whether each sign-up needs a captcha, or those alone that come while there is an alarm."""
    locked_text: str
    """What an owner is sent whose key was tried too often; empty: nothing."""
    search_users: bool = False
    """Whether people are found by their nicknames."""
    sms_failed: Callable[[], None] = lambda: None
    """Counts the SMS that were not accepted."""

    _log = Logger()

    async def register(self, phone: Phone, profile: Profile, captcha: str | None, address: str | None) -> bool:
        """Make a new key for a phone, and an account where it has none; returns whether it had none.

        On a repeat the profile is ignored: nobody has proved yet who they are.
        The key is on record before it is sent; an SMS that fails does not undo that.
        Raises CountryNotServed, CaptchaFailed, TooManyRequests; then no key is made, and the last one goes on working.
        """
        self.sms_budget.check_country(phone)
        last = await self.users.find_key(phone)
        alarmed = await self.sms_budget.check_key(phone, address, last)
        if alarmed or self.captcha_always:
            await self.captcha.check(captcha)
        taken = await self.sms_budget.take_key(phone, address, last)
        key = self.make_key()
        try:
            created = await self._keep(phone, key, profile, _turn_of(address))
        except Exception:
            await self.sms_budget.give_back(taken)
            raise
        await self._send(phone, self.sms_text.replace("{key}", key), taken)
        return created

    async def _keep(self, phone: Phone, key: str, profile: Profile, turn: HashOwner) -> bool:
        """Put a phone's new key on record; whether that made the account, too."""
        password = await self.passwords.hash(key, turn)
        created = False
        if not await self.users.set_password(phone, password):
            await self._refer(profile)
            user = User(id=new_id(), phone=phone, password=password, created_at=self.clock(), **profile)  # type: ignore[arg-type]
            created = await self.users.add(user)
            if not created:  # somebody registered the same phone in between
                await self.users.set_password(phone, password)
        return created

    async def sign_in(
        self, phone: Phone, key: str, address: str | None, captcha: str | None = None
    ) -> tuple[str, User]:
        """A new session: its key, and the user.

        Raises WrongKey, after five wrong tries for the right key too; TooManyRequests where there were too many wrong
        ones for this phone, from this address or its network, or in all; CaptchaFailed while there are many.
        Where it raises anything else, the key was not judged, and nothing is counted.
        """
        known = await self.users.find_key(phone)
        if await self.login_attempts.check(phone, address, known):
            await self.captcha.check(captcha)
        # Where there is nobody the same is done all the same, the hash above all, so that the time does not tell.
        living = known if known is not None and known.is_usable else None
        hash = None if living is None else living.hash
        if not await self.passwords.matches(key, hash, _turn_of(address, living)) or living is None:
            await self._refuse(phone, address, living)
            raise WrongKey
        # Others may have tried meanwhile, too, and too often.
        await self.login_attempts.check(phone, address, living)
        if not await self.users.accept_key(living, network_id_of(living.user, address)):
            raise WrongKey
        await self.login_attempts.right(phone, address, living)
        return await self.sessions.open(living.user), await self.show(living.user)

    async def _refuse(self, phone: Phone, address: str | None, living: UserKey | None) -> None:
        """Count a wrong key. Raises TooManyRequests."""
        await self.login_attempts.wrong(phone, address, living)
        if living is not None and await self.users.count_wrong_key(living) and living.phone_verified:
            warning = Deferred.fromCoroutine(self._warn(phone))
            warning.addErrback(lambda failure: self._log.failure("an owner is not warned", failure))

    async def _warn(self, phone: Phone) -> None:
        """Tell an owner that their key was burnt, unless they were told today."""
        if self.locked_text:
            with suppress(ApiError):
                await self._send(phone, self.locked_text, await self.sms_budget.take_warning(phone))

    async def sign_out(self, key: str) -> None:
        """End a session and close its sockets. An unknown key is no error."""
        session = await self.sessions.end(key)
        if session is not None:
            self.session_listener.session_ended(session)

    async def sign_out_everywhere(self, user: Id) -> None:
        """End every session of a user, and close their sockets."""
        for session in await self.sessions.end_all(user):
            self.session_listener.session_ended(session)

    async def list_sessions(self, user: Id) -> list[Session]:
        """A user's sessions, the latest first."""
        return await self.sessions.of(user)

    async def invite(self, user: Id, phones: Sequence[Phone], address: str | None) -> None:
        """Send each phone an invitation, unless this user has within a day.

        Raises CountryNotServed, TooManyRequests, and then nobody is sent any.
        """
        for phone in phones:
            self.sms_budget.check_country(phone)
        by = new_id()
        claimed: list[tuple[Phone, list[RateHit]]] = []
        try:
            for phone in dict.fromkeys(phones):
                claimed.append((phone, []))
                if await self.invites.claim(user, phone, by):
                    claimed[-1][1].extend(await self.sms_budget.take_invitation(user, phone, address))
                else:
                    claimed.pop()
            confirmed = [(phone, taken) for phone, taken in claimed if await self.invites.confirm(user, phone, by)]
        except ApiError:
            for phone, taken in claimed:
                await self.invites.release(user, phone, by)
                await self.sms_budget.give_back(taken)
            raise
        for phone, taken in claimed:
            if (phone, taken) not in confirmed:  # another call has taken the claim over, and sends
                await self.sms_budget.give_back(taken)
        sending = [Deferred.fromCoroutine(self._invite(user, phone, by, taken)) for phone, taken in confirmed]
        await gatherResults(sending)

    async def _invite(self, user: Id, phone: Phone, by: Id, taken: list[RateHit]) -> None:
        # After a failure that nobody can tell the outcome of, it counts as sent: twice would be paid twice.
        if not await self._send(phone, self.invite_text, taken):
            await self.invites.release(user, phone, by)

    async def _send(self, phone: Phone, text: str, taken: list[RateHit]) -> bool:
        """Send an SMS that was counted; a failure is logged and counted, and fails nothing else.

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
                await self.sms_budget.give_back(taken)
            return not error.costs_nothing
        return True

    async def show(self, user: Id, viewer: Id | None = None) -> User:
        """A user, in the room they are in, as ``viewer`` may see them; None is the user. Raises UserNotFound."""
        shown = await self._placed(await self.users.get(user))
        return shown if viewer is None else (await self._without_private([shown], viewer))[0]

    async def show_several(self, users: Sequence[Id], viewer: Id) -> list[User]:
        """Those of the users that exist, in this order, as ``viewer`` may see them."""
        found = [await self._placed(user) for user in await self.users.several(users)]
        return await self._without_private(found, viewer)

    async def search(self, beginning: str, skip: int, limit: int, viewer: Id) -> list[User]:
        """Those whose nickname begins so, by Unicode's rules, in its order, as ``viewer`` may see them.

        Raises SearchOff where the operator has not switched it on; TooManyRequests.
        """
        if not self.search_users:
            raise SearchOff
        return await self.show_several(await self.users.named(beginning, skip, limit, viewer), viewer)

    async def _without_private(self, users: list[User], viewer: Id) -> list[User]:
        """Rooms with a password are left out of others' rooms, but for the one that the viewer is in."""
        others = [user for user in users if user.id != viewer]
        named = {room for user in others for room in (*user.rooms, *user.visited_rooms, user.room) if room is not None}
        hidden = await self.rooms.private(named) if named else set()
        if not hidden:
            return users
        hidden -= {await current_room(viewer, self.users, self.rooms)}
        return [user if user.id == viewer else _without(user, hidden) for user in users]

    async def gifts(self, user: Id, skip: int, limit: int, viewer: Id) -> tuple[list[Entry], int]:
        """What a user was given, newest first, and how many gifts there are. Raises UserNotFound, TooManyRequests."""
        return await self.users.gifts(user, skip, limit, viewer)

    async def edit(self, user: Id, profile: Profile) -> User:
        """Change what a user says of themselves."""
        await self._refer(profile)
        await self.users.edit(user, profile)
        return await self.show(user)

    async def _refer(self, profile: Profile) -> None:
        photo = profile.get("photo")
        if isinstance(photo, str):
            await self.pictures.refer(pictures_in(photo))

    async def _placed(self, user: User) -> User:
        """The user's document says where to look for them; the room's log decides whether they are there."""
        if user.room is None or await is_inside(user.id, user.room, self.rooms):
            return user
        return evolve(user, room=None)


def _without(user: User, rooms: Collection[Id]) -> User:
    return evolve(
        user,
        room=None if user.room in rooms else user.room,
        rooms=tuple(room for room in user.rooms if room not in rooms),
        visited_rooms=tuple(room for room in user.visited_rooms if room not in rooms),
    )


def _turn_of(address: str | None, key: UserKey | None = None) -> HashOwner:
    """Networks take turns: who has many addresses in one has no more turns than others."""
    if key is not None and is_known_network(key, address):
        return HashOwner("owners", key.user)
    return HashOwner("keys", "" if address is None else network_of(address))


def masked(phone: Phone) -> str:
    """A phone as a log may show it."""
    return f"…{phone[-2:]}"
