"""Accounts: sign-up by phone, sign-in, sign-out, sessions, invitations and profiles."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from justchat.actions.concurrently import all_of
from justchat.actions.login_attempts import LoginAttempts, is_known_network, network_id_of
from justchat.actions.presence import current_room, with_current_room
from justchat.actions.sms_budget import SmsBudget
from justchat.actions.word_filter import WordFilter
from justchat.errors import ApiError, PhoneSignUpOff, SearchOff, SmsFailed, Suspended, UserNotFound, WrongKey
from justchat.interfaces.outbound import ICaptcha, ISmsSender
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.realtime import ISessionListener
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IInvites, ISessions, IUsers
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.metrics.declarations import SIGN_INS, WRONG_KEYS
from justchat.model.entry import Entry
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.network import network_of
from justchat.model.phone import Phone
from justchat.model.pictures import pictures_in
from justchat.model.rate import RateHit
from justchat.model.user import PROFILE_TEXTS, Profile, Session, Suspension, User, UserKey


def new_key(digits: int) -> str:
    """A random sign-in key: digits, the first never 0, so that a client may send it as a number."""
    return str(10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1)))


@frozen(kw_only=True)
class Accounts:
    """What a user can do with an account."""

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
    words: WordFilter
    invite_text: str
    login_attempts: LoginAttempts
    sms_budget: SmsBudget
    captcha: ICaptcha
    captcha_always: bool
    """Whether every sign-up needs a captcha. Otherwise a sign-up needs one only during an abuse alarm."""
    locked_text: str
    """The SMS to an owner whose key was locked by wrong tries; empty for none."""
    by_phone: bool = True
    """Whether people sign up and in by phone."""
    search_users: bool = False
    """Whether users can search for others by nickname."""
    sms_failed: Callable[[], None] = lambda: None
    """Counts an SMS that the gateway did not accept."""

    _log = Logger()

    async def register(self, phone: Phone, profile: Profile, captcha: str | None, address: str | None) -> bool:
        """Send a new key to a phone, and create an account for a phone that has none. Returns whether it created one.

        The profile of an existing account stays as it is: the caller has not signed in.
        The key is stored before it is sent, and stays stored if the SMS fails.
        Raises PhoneSignUpOff, CountryNotServed, Rejected, CaptchaFailed, TooManyRequests; then the phone's last key
        stays valid.
        """
        self._check_by_phone()
        self.sms_budget.check_country(phone)
        # Also of a phone that has an account, as who has one must not show.
        profile = self.checked(profile)
        last = await self.users.find_key(phone)
        alarmed = await self.sms_budget.check_key(phone, address, last)
        if alarmed or self.captcha_always:
            await self.captcha.check(captcha)
        hits = await self.sms_budget.take_key(phone, address, last)
        key = self.make_key()
        try:
            created = await self._store_key(phone, key, profile, _hash_owner(address))
        except Exception:
            await self.sms_budget.give_back(hits)
            raise
        await self._send(phone, self.sms_text.replace("{key}", key), hits, key)
        return created

    async def _store_key(self, phone: Phone, key: str, profile: Profile, owner: HashOwner) -> bool:
        """Store a phone's new key. Returns whether that created the account."""
        password = await self.passwords.hash(key, owner)
        created = False
        if not await self.users.set_password(phone, password):
            await self.refer_photo(profile)
            user = User(id=new_id(), phone=phone, password=password, created_at=self.clock(), **profile)  # type: ignore[arg-type]
            created = await self.users.add(user)
            if not created:  # another call registered the same phone in between
                await self.users.set_password(phone, password)
        return created

    async def sign_in(
        self, phone: Phone, key: str, address: str | None, captcha: str | None = None
    ) -> tuple[str, User]:
        """Open a session. Returns its key, and the user. A deletion of the account that has not begun is cancelled.

        Raises WrongKey, and after five wrong tries for the right key, too. Raises TooManyRequests after too many wrong
        keys for this phone, from this address or its network, or in all; CaptchaFailed during an abuse alarm; Suspended
        for the right key of a suspended user; PhoneSignUpOff.
        On any other error the key was not checked, and nothing is counted.
        """
        self._check_by_phone()
        usable = await self.check_key(phone, key, address, captcha)
        # First: who is not signed in cancels no deletion.
        self.check_not_suspended(usable.suspension)
        if not await self.users.accept_key(usable, network_id_of(usable.user, address)):
            raise WrongKey
        await self.login_attempts.forget(phone, address, usable)
        return await self.open_session(usable.user, WrongKey, by="phone")

    async def open_session(
        self, user: Id, deleted: type[ApiError], key: str | None = None, *, by: str
    ) -> tuple[str, User]:
        """Open a session of a user who proved who they are, with this key if one is given. Returns its key, and the
        user. ``by`` is the way of the metric. Raises Suspended, and ``deleted`` where the account is being deleted.
        """
        session_key = await self.sessions.open(user, key)
        # After the session is open: what ends it later comes later, and what came before is found here.
        try:
            shown = await self.show(user)
            self.check_not_suspended(shown.suspension)
        except (UserNotFound, Suspended) as error:
            await self.sessions.end(session_key)
            if isinstance(error, Suspended):
                raise
            raise deleted from None
        SIGN_INS.count(by)
        return session_key, shown

    def _check_by_phone(self) -> None:
        if not self.by_phone:
            raise PhoneSignUpOff

    def check_not_suspended(self, suspension: Suspension | None) -> None:
        """Raises Suspended."""
        if suspension is not None and suspension.holds(self.clock()):
            raise Suspended(suspension.until)

    async def check_key(self, phone: Phone, key: str, address: str | None, captcha: str | None = None) -> UserKey:
        """The present key of a phone, if ``key`` is that key. Raises what ``sign_in`` raises, and counts as it does."""
        known = await self.users.find_key(phone)
        if await self.login_attempts.check(phone, address, known):
            await self.captcha.check(captcha)
        # Without a usable key the same work is done, the hash above all, so that the time reveals nothing.
        usable = known if known is not None and known.is_usable else None
        hash = None if usable is None else usable.hash
        if not await self.passwords.matches(key, hash, _hash_owner(address, usable)) or usable is None:
            WRONG_KEYS.count("phone")
            await self._count_wrong_key(phone, address, usable)
            raise WrongKey
        # Other calls may have used up the limits while the hash was made.
        await self.login_attempts.check(phone, address, usable)
        return usable

    async def _count_wrong_key(self, phone: Phone, address: str | None, key: UserKey | None) -> None:
        """Count a wrong key, and warn the owner of a key that this locks. Raises TooManyRequests."""
        await self.login_attempts.count(phone, address, key)
        if key is not None and await self.users.count_wrong_key(key) and key.phone_verified:
            warning = Deferred.fromCoroutine(self._warn(phone))
            warning.addErrback(lambda failure: self._log.failure("cannot warn the owner of a locked key", failure))

    async def _warn(self, phone: Phone) -> None:
        """Send an owner the SMS that their key was locked, at most once a day."""
        if self.locked_text:
            with suppress(ApiError):
                await self._send(phone, self.locked_text, await self.sms_budget.take_warning(phone))

    async def sign_out(self, key: str) -> None:
        """End a session and close its sockets. An unknown key is not an error."""
        session = await self.sessions.end(key)
        if session is not None:
            self.session_listener.session_ended(session)

    async def sign_out_everywhere(self, user: Id) -> None:
        """End every session of a user, and close their sockets."""
        for session in await self.sessions.end_all(user):
            self.session_listener.session_ended(session)

    async def list_sessions(self, user: Id) -> list[Session]:
        """The sessions of a user, the latest first."""
        return await self.sessions.of(user)

    async def invite(self, user: Id, phones: Sequence[Phone], address: str | None) -> None:
        """Send each phone an invitation, unless this user sent it one within a day.

        Raises CountryNotServed, TooManyRequests; then no invitation is sent.
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
            confirmed = [(phone, hits) for phone, hits in claimed if await self.invites.confirm(user, phone, by)]
        except ApiError:
            for phone, hits in claimed:
                await self.invites.release(user, phone, by)
                await self.sms_budget.give_back(hits)
            raise
        for phone, hits in claimed:
            if (phone, hits) not in confirmed:  # another call has taken the claim over, and sends
                await self.sms_budget.give_back(hits)
        await all_of(self._invite(user, phone, by, hits) for phone, hits in confirmed)

    async def _invite(self, user: Id, phone: Phone, by: Id, hits: list[RateHit]) -> None:
        # After a failure with an unknown outcome the invitation counts as sent: a second SMS would cost money again.
        if not await self._send(phone, self.invite_text, hits):
            await self.invites.release(user, phone, by)

    async def _send(self, phone: Phone, text: str, hits: list[RateHit], key: str | None = None) -> bool:
        """Send an SMS that was counted before. A failure is logged and counted, and raises nothing.

        Returns False where the SMS was certainly not sent and may be retried.
        """
        try:
            await self.sms.send(phone, text, key)
        except SmsFailed as error:
            self.sms_failed()
            self._log.error(
                "an SMS to {phone} was not sent ({failure}): {error}",
                phone=_masked(phone),
                failure=error.failure.value,
                error=error.details,
            )
            if error.costs_nothing:
                await self.sms_budget.give_back(hits)
            return not error.costs_nothing
        return True

    async def show(self, user: Id, viewer: Id | None = None) -> User:
        """A user with their current room, as ``viewer`` may see them; None for the user. Raises UserNotFound."""
        shown = await with_current_room(await self.users.get(user), self.rooms)
        return shown if viewer is None else (await self._without_private([shown], viewer))[0]

    async def show_several(self, users: Sequence[Id], viewer: Id) -> list[User]:
        """Those of the users that exist, in this order, as ``viewer`` may see them."""
        found = [await with_current_room(user, self.rooms) for user in await self.users.get_several(users)]
        return await self._without_private(found, viewer)

    async def search(self, beginning: str, skip: int, limit: int, viewer: Id) -> list[User]:
        """Users whose folded nickname starts with ``beginning``, in that order, as ``viewer`` may see them.

        Raises SearchOff where the operator has not enabled it; TooManyRequests.
        """
        if not self.search_users:
            raise SearchOff
        return await self.show_several(await self.users.search(beginning, skip, limit, viewer), viewer)

    async def _without_private(self, users: list[User], viewer: Id) -> list[User]:
        """Hide rooms with a password from the rooms of other users, but not the room that the viewer is in."""
        others = [user for user in users if user.id != viewer]
        named = {room for user in others for room in (*user.rooms, *user.visited_rooms, user.room) if room is not None}
        hidden = await self.rooms.private(named) if named else set()
        if not hidden:
            return users
        hidden -= {await current_room(viewer, self.users, self.rooms)}
        return [user if user.id == viewer else _without(user, hidden) for user in users]

    async def gifts(self, user: Id, skip: int, limit: int, viewer: Id) -> tuple[list[Entry], int]:
        """The gifts a user received, newest first, and how many there are. Raises UserNotFound, TooManyRequests."""
        return await self.users.gifts(user, skip, limit, viewer)

    async def edit(self, user: Id, profile: Profile) -> User:
        """Change fields of a user's profile. Raises Rejected."""
        profile = self.checked(profile)
        await self.refer_photo(profile)
        await self.users.edit(user, profile)
        return await self.show(user)

    def checked(self, profile: Profile) -> Profile:
        """The profile with its texts as others may see them. Raises Rejected."""
        return {
            field: self.words.checked(value) if field in PROFILE_TEXTS and isinstance(value, str) else value
            for field, value in profile.items()
        }

    async def refer_photo(self, profile: Profile) -> None:
        """Keep the picture of a profile, if it is one that was uploaded here."""
        photo = profile.get("photo")
        if isinstance(photo, str):
            await self.pictures.refer(pictures_in(photo))


def _without(user: User, rooms: Collection[Id]) -> User:
    return evolve(
        user,
        room=None if user.room in rooms else user.room,
        rooms=tuple(room for room in user.rooms if room not in rooms),
        visited_rooms=tuple(room for room in user.visited_rooms if room not in rooms),
    )


def _hash_owner(address: str | None, key: UserKey | None = None) -> HashOwner:
    """The queue of known networks for an owner there; else the caller's network, not the address alone."""
    if key is not None and is_known_network(key, address):
        return HashOwner("owners", key.user)
    return HashOwner("keys", "" if address is None else network_of(address))


def _masked(phone: Phone) -> str:
    """A phone as a log may show it: the last two digits."""
    return f"…{phone[-2:]}"
