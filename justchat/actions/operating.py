"""What operators, and an app's servers, can do about users and complaints."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from justchat.actions.announcing import Announcing
from justchat.actions.presence import with_current_room
from justchat.actions.transfers import Transfers
from justchat.errors import Conflict, MessageNotFound, NotEnoughCoins, NotFound, RoomNotFound, UserNotFound
from justchat.interfaces.audit import IAuditLog
from justchat.interfaces.complaints import IComplaints
from justchat.interfaces.deletions import IDeletions
from justchat.interfaces.held import IHeldMessages
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.money import ILedger
from justchat.interfaces.realtime import ISessionListener
from justchat.interfaces.removals import IRemovals
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import ISessions, IUsers
from justchat.interfaces.webhooks import IDeliveries
from justchat.model.announcement import Announcement, Progress
from justchat.model.audit import Actor, ActorKind, AuditLine, Deed
from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Reason, Transfer
from justchat.model.held import Decision
from justchat.model.ids import Id, as_id, is_well_formed, new_id
from justchat.model.moment import Clock, Moment, iso
from justchat.model.phone import Phone, parse_phone
from justchat.model.room import Room
from justchat.model.user import Session, Suspension, User
from justchat.model.webhook import WebhookStatus

LEDGER_SHOWN = 20
COMPLAINTS_SHOWN = 20
MESSAGES_AROUND = 5
ENTRIES_AROUND = 100
"""Entries of a room among which the messages before, or after, another are looked for."""


@frozen(kw_only=True)
class UserDetails:
    """A user, with their sessions and the transfers of their balance, the latest first."""

    user: User
    sessions: list[Session]
    ledger: list[Transfer]


@frozen(kw_only=True)
class ComplaintDetails:
    """A complaint, its author, whom it is about, and its room, each None if it was removed.

    ``around`` are the messages before and after the one that it is about, in order. ``earlier`` are the complaints
    about the same user before this one, and ``others`` its author's own, the latest first.
    """

    complaint: Complaint
    room: Room | None
    author: User | None
    user: User | None
    around: Sequence[Entry | DirectMessage]
    earlier: Sequence[Complaint]
    others: Sequence[Complaint]


@frozen(kw_only=True)
class OperatorActions:
    """What ``actor`` can do: an operator or a server. ``region`` is the region of phones without a plus."""

    users: IUsers
    sessions: ISessions
    rooms: IRooms
    ledger: ILedger
    transfers: Transfers
    mailboxes: IMailboxes
    complaints: IComplaints
    removals: IRemovals
    deletions: IDeletions
    grace: timedelta
    """Until a requested deletion begins."""
    audit: IAuditLog
    actor: Actor
    session_listener: ISessionListener | None
    """Closes the sockets of ended sessions here; None in a process without sockets."""
    held: IHeldMessages
    deliveries: IDeliveries
    announcing: Announcing
    clock: Clock
    region: str

    async def find(self, written: str) -> Id:
        """The user with an id, a phone or an app's own id. Raises UserNotFound."""
        id = await self.find_account(written, leaving_too=False)
        await self.users.exists(id)
        return id

    async def find_any(self, written: str) -> Id:
        """An id as it is written, of whatever it is; or the user that ``find`` finds. Raises UserNotFound."""
        id = as_id(written)
        return id if is_well_formed(id) else await self.find(written)

    async def record(self, deed: Deed, whom: Id | None, why: str | None = None, *, line: Id | None = None) -> None:
        """Write a deed into the audit log. To be called once the deed is found to be possible, and before it is done:
        a crash in between may leave a line without its deed, but never a deed without its line. A ``line`` of an id is
        written once.
        """
        await self.audit.add(
            AuditLine(id=line or new_id(), who=self.actor, at=self.clock(), deed=deed, whom=whom, why=why)
        )

    async def record_read(self, deed: Deed, whom: Id | None, why: str | None = None) -> None:
        """Write into the audit log what an app's server reads. The console, which reads all the time, is not written
        down.
        """
        if self.actor.kind is not ActorKind.CONSOLE:
            await self.record(deed, whom, why)

    async def list_deeds(self, limit: int, whom: Id | None = None, *, skip: int = 0) -> list[AuditLine]:
        """What was done, the latest first; to one object alone where ``whom`` is given."""
        return await self.audit.latest(limit, whom, skip=skip)

    async def show_user(self, user: Id) -> UserDetails:
        """A user, with their sessions and transfers. Raises UserNotFound."""
        return UserDetails(
            user=await self._user(user),
            sessions=await self.sessions.of(user),
            ledger=await self.ledger.of(user, LEDGER_SHOWN),
        )

    async def _user(self, user: Id) -> User:
        return await with_current_room(await self.users.get(user, leaving_too=True), self.rooms)

    async def _user_or_none(self, user: Id | None) -> User | None:
        try:
            return None if user is None else await self._user(user)
        except UserNotFound:  # deleted
            return None

    async def end_sessions(self, user: Id, reason: str | None = None) -> int:
        """End every session of a user. Returns how many. Running daemons close the sockets within seconds."""
        await self.record(Deed.END_SESSIONS, user, reason)
        return await self._end_all(user)

    async def _end_all(self, user: Id, *, suspended: bool = False) -> int:
        ended = await self.sessions.end_all(user, suspended=suspended)
        if self.session_listener is not None:
            for session in ended:
                self.session_listener.session_ended(session)
        return len(ended)

    async def suspend(self, user: Id, until: Moment | None, reason: str) -> int:
        """Suspend a user, in place of an earlier suspension, and end their sessions. Returns how many.

        Raises UserNotFound; Conflict for a time in the past.
        """
        await self.users.exists(user)
        at = self.clock()
        if until is not None and until <= at:
            raise Conflict("this time is in the past")
        await self.record(Deed.SUSPEND, user, reason if until is None else f"until {iso(until)}: {reason}")
        # First, so that a sign-in that is under way finds it, or its session is found here.
        await self.users.suspend(user, Suspension(since=at, until=until, reason=reason))
        return await self._end_all(user, suspended=True)

    async def unsuspend(self, user: Id, reason: str | None = None) -> None:
        """End a suspension. Raises UserNotFound; Conflict for a user who is not suspended."""
        suspension = (await self.users.get(user)).suspension
        if suspension is None or not suspension.holds(self.clock()):
            raise Conflict("this user is not suspended")
        await self.record(Deed.UNSUSPEND, user, reason)
        await self.users.suspend(user, None)

    async def change_phone(self, user: Id, phone: Phone, reason: str | None) -> int:
        """Give a user another phone, and end their sessions: who has the old phone is signed in no longer. Returns how
        many. Keys that were sent to the old phone open nothing. Raises UserNotFound; Conflict for a phone that somebody
        has.
        """
        holder = await self.users.find_id(phone=phone, leaving_too=True)
        if holder is not None:
            raise Conflict("the user has this phone already" if holder == user else f"{holder} has this phone")
        await self.users.exists(user)
        # Not the whole of it: the line stays when the user is deleted.
        why = f"to a phone that ends with {phone[-2:]}"
        await self.record(Deed.CHANGE_PHONE, user, why if reason is None else f"{why}: {reason}")
        if not await self.users.update(user, {}, phone, None):
            raise UserNotFound
        return await self._end_all(user)

    async def export(self, user: Id) -> None:
        """Record that the operator takes a copy of what belongs to a user. Raises UserNotFound."""
        await self.users.exists(user)
        await self.record(Deed.EXPORT_USER, user)

    async def find_account(self, written: str, *, leaving_too: bool = True) -> Id:
        """The same; ``leaving_too``, also of a user whose account is being deleted. Raises UserNotFound."""
        id = as_id(written)
        if is_well_formed(id):
            return id
        names: list[dict[str, Any]] = [{"external_id": written}]
        nobody = UserNotFound("no user has this phone")
        try:
            names.insert(0, {"phone": parse_phone(written, self.region)})
        except ValueError as error:
            nobody = UserNotFound(f"{written!r} is neither an id nor a phone: {error}")
        for name in names:
            found = await self.users.find_id(**name, leaving_too=leaving_too)
            if found is not None:
                return found
        raise nobody

    async def delete_user(self, user: Id, reason: str, *, at_once: bool) -> Moment:
        """Request the deletion of an account, and end its sessions. Returns when it begins. Raises UserNotFound.

        Until then the user cancels it by signing in, unless ``at_once``. A running daemon does the rest.
        """
        await self.deletions.check(user)
        await self.record(Deed.DELETE_USER, user, reason)
        at = await self.deletions.request(user, self.clock() + (timedelta() if at_once else self.grace))
        await self.sessions.tell_deleted(user)
        await self._end_all(user)
        return at

    async def hold_deletion(self, user: Id, until: Moment, reason: str) -> None:
        """Let no deletion of an account begin before a time. Raises UserNotFound; Conflict for a time in the past."""
        await self.deletions.check(user)
        if until <= self.clock():
            raise Conflict("this time is in the past")
        await self.record(Deed.HOLD_DELETION, user, f"until {iso(until)}: {reason}")
        await self.deletions.hold(user, until)

    async def release_deletion(self, user: Id) -> None:
        """Hold the deletion of an account no longer. Raises UserNotFound."""
        await self.deletions.check(user)
        await self.record(Deed.RELEASE_DELETION, user)
        await self.deletions.release(user)

    async def correct_balance(self, user: Id, coins: int, reason: str) -> int:
        """Add a correction, which may be negative. Returns the balance. Raises UserNotFound, NotEnoughCoins."""
        await self.users.exists(user)
        await self.record(Deed.CORRECT_BALANCE, user, f"{coins:+} coins: {reason}")
        correction = Transfer(
            id=new_id(), user=user, amount=coins, reason=Reason.CORRECTION, created_at=self.clock(), note=reason
        )
        try:
            await self.transfers.carry_out(correction, NotEnoughCoins)
        except NotEnoughCoins as error:
            balance = (await self.users.get(user)).balance
            raise NotEnoughCoins(f"the balance would fall below 0: it is {balance}") from error
        return (await self.users.get(user)).balance

    async def remove_message(self, message: Id, reason: str) -> None:
        """Let a daemon remove a message of a room, or a direct one on both sides. Raises MessageNotFound."""
        try:
            await self.rooms.any_entry(message)
        except MessageNotFound:
            await self.mailboxes.find(message)
        await self.record(Deed.REMOVE_MESSAGE, message, reason)
        await self.removals.ask(message)

    async def remove_room(self, room: Id, reason: str | None) -> Room:
        """Let a daemon remove a room and everybody in it. Returns the room as it is now. Raises RoomNotFound."""
        found = await self.rooms.latest(room)
        await self.record(Deed.REMOVE_ROOM, room, reason)
        await self.removals.ask_room(room)
        return found

    async def list_complaints(self, limit: int, *, closed: bool | None, skip: int = 0) -> list[Complaint]:
        """Complaints that are closed or open, or both with None, the latest first, without the first ``skip``."""
        return await self.complaints.latest(limit, closed=closed, skip=skip)

    async def show_complaint(self, complaint: Id) -> ComplaintDetails:
        """A complaint with its room and users. Raises NotFound."""
        found = await self.complaints.get(complaint)
        earlier = [] if found.user is None else await self.complaints.about_user(found.user, COMPLAINTS_SHOWN)
        others = await self.complaints.by_author(found.author, COMPLAINTS_SHOWN)
        return ComplaintDetails(
            complaint=found,
            room=None if found.room is None else await self._room(found.room),
            author=await self._user_or_none(found.author),
            user=await self._user_or_none(found.user),
            around=await self._around(found.message),
            earlier=[each for each in earlier if each.id != found.id and each.created_at <= found.created_at],
            others=[each for each in others if each.id != found.id],
        )

    async def _around(self, message: Entry | DirectMessage | None) -> list[Entry | DirectMessage]:
        """The messages before and after a message."""
        if message is None:
            return []
        if isinstance(message, DirectMessage):
            return [*await self.mailboxes.around(message, MESSAGES_AROUND)]
        first = max(0, message.seq - 1 - ENTRIES_AROUND)
        entries = await self.rooms.entries(message.stream, first, 2 * ENTRIES_AROUND + 1)
        said = [each for each in entries if each.kind is Kind.MESSAGE and each.id != message.id]
        before = [each for each in said if each.seq < message.seq][-MESSAGES_AROUND:]
        return [*before, *[each for each in said if each.seq > message.seq][:MESSAGES_AROUND]]

    async def _room(self, room: Id) -> Room | None:
        try:
            found = await self.rooms.get(room)
        except RoomNotFound:
            return None
        return None if found.removed else found

    async def close_complaint(self, complaint: Id, note: str) -> None:
        """Close a complaint. Raises NotFound; Conflict for a complaint that is already closed."""
        if (await self.complaints.get(complaint)).closed_at is not None:
            raise Conflict("this complaint is closed already")
        await self.record(Deed.CLOSE_COMPLAINT, complaint, note)
        await self.complaints.close(complaint, note, self.clock())

    async def reopen_complaint(self, complaint: Id) -> None:
        """Open a closed complaint again. What of its copy was removed with the message stays so. Raises NotFound;
        Conflict for a complaint that is open.
        """
        if (await self.complaints.get(complaint)).closed_at is None:
            raise Conflict("this complaint is open")
        await self.record(Deed.REOPEN_COMPLAINT, complaint)
        await self.complaints.reopen(complaint)

    async def list_webhooks(self) -> list[WebhookStatus]:
        """The webhooks of the daemon: what waits, what is dead, and the last error."""
        return await self.deliveries.statuses()

    async def replay_webhooks(self, webhook: Id | None) -> int:
        """Let dead deliveries be sent once more, behind all others; of one webhook, or of all. Returns how many.

        Raises NotFound.
        """
        known = [status.id for status in await self.deliveries.statuses()]
        if webhook is not None and webhook not in known:
            raise NotFound("no webhook has this id")
        await self.record(Deed.REPLAY_WEBHOOKS, webhook)
        return sum([await self.deliveries.replay(each) for each in known if webhook in (None, each)])

    async def list_held(self, limit: int, *, skip: int = 0) -> list[Entry]:
        """The messages that were held because of their words, the oldest first."""
        return await self.held.waiting(limit, skip=skip)

    async def decide(self, message: Id, decision: Decision) -> Entry:
        """Let a held message go, or drop it. Running daemons carry that out within a second, or the next to start.

        Raises MessageNotFound; Conflict for one that is decided on.
        """
        found = await self.held.get(message)
        await self.record(Deed.RELEASE_MESSAGE if decision is Decision.RELEASE else Deed.DROP_MESSAGE, found.id)
        await self.held.decide(found, decision)
        return found

    async def announce(self, author: Id, text: str) -> Announcement:
        """Let the daemons tell everybody. Raises UserNotFound, Rejected, TooManyAnnouncements."""
        return await self.announcing.request(new_id(), author, text, self.record)

    async def list_announcements(self, limit: int, *, skip: int = 0) -> list[Announcement]:
        """Announcements, the latest first."""
        return await self.announcing.announcements.latest(limit, skip=skip)

    async def stop_announcement(self, announcement: Id) -> Announcement:
        """Let nobody else be told. Raises MessageNotFound; Conflict for an announcement that does not run."""
        if (await self.announcing.announcements.get(announcement)).progress is not Progress.RUNNING:
            raise Conflict("this announcement does not run any more")
        await self.record(Deed.STOP_ANNOUNCEMENT, announcement)
        await self.announcing.announcements.end(announcement, Progress.STOPPED, self.clock())
        return await self.announcing.announcements.get(announcement)
