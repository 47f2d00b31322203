"""What actions ask of the database."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from attrs import frozen
from zope.interface import Interface

from justchat.model.complaint import Complaint
from justchat.model.direct import Dialog, DirectMessage
from justchat.model.entry import Entry
from justchat.model.gift import Gift, Transfer
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.phone import Phone
from justchat.model.rate import Counter, Hit
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.user import Profile, Session, User, UserKey

Proposal = Callable[[Room, int], Entry | None]
"""Asks the rules of a room at the head of its log, and makes the entry with the given seq.

Raises the rule's error; returns None where there is nothing to do. May be called more than once.
"""

Count = Callable[[Id, Id], None]
"""Counts what a person does in a room, of which everybody inside is told. Raises TooManyRequests."""


class IUsers(Interface):
    """The people. Every method raises DatabaseAway when the database does not answer."""

    async def add(user: User) -> bool:
        """Keep a new user; False, and nothing kept, where the phone has one already."""

    async def get(user: Id) -> User:
        """The user with this id, or UserNotFound."""

    async def several(users: Sequence[Id]) -> list[User]:
        """Those of the users that exist, in this order, with fewer of their gifts."""

    async def named(beginning: str, skip: int, limit: int, by: Id) -> list[Id]:
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

    async def accept_key(key: UserKey, place: Id) -> bool:
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

    async def place(user: Id) -> Id | None:
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

    async def length(room: Id) -> int:
        """How many entries the room's history has."""

    async def history(room: Id, skip: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries after the first ``skip``, in order."""

    async def entry(room: Id, entry: Id) -> Entry:
        """An entry of this room, or MessageNotFound."""

    async def search(wanted: RoomSearch, by: Id) -> list[ListedRoom]:
        """A page of rooms, for a user. Raises TooManyRequests where too many slow searches are under way."""

    async def opened(admin: Id, most: int) -> int:
        """How many rooms there are of this admin, counted to ``most``."""

    async def private(rooms: Collection[Id]) -> set[Id]:
        """Those of the rooms that have a password."""

    async def count(wanted: RoomSearch, by: Id) -> int:
        """How many rooms there are on all pages. Raises TooManyRequests, as ``search``."""

    async def bury(room: Id) -> None:
        """Delete a removed room with its history. Returns when it is certain to happen."""

    async def finish_removals() -> None:
        """Delete what is left of rooms whose removal a crash interrupted."""

    async def reconcile() -> list[Entry]:
        """Bring snapshots up to date that a crash left behind; returns the latest entries that changed a room."""

    async def position(room: Id) -> int:
        """The seq of the room's last entry, 0 for none."""

    async def enters_next(user: Id, room: Id, after: int) -> bool:
        """Whether the first move of this user after an entry is into the room: they were out of it before."""

    async def entries(room: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void ones too."""

    async def any_entry(entry: Id) -> Entry:
        """An entry of whatever room, or MessageNotFound."""

    async def sent(author: Id, entry: Id) -> Entry | None:
        """An author's entry, in whatever room."""


class IMailboxes(Interface):
    """What is addressed to users: direct messages, receipts, gifts."""

    async def append(user: Id, make: Callable[[int], Entry]) -> Entry:
        """Put an entry, made with the seq it is given, into a user's stream; returns once it is durable.

        Raises AlreadyStored where its id is in the log, or Unavailable, and then it has not happened.
        """

    async def send(author: Id, to: Id, make: Callable[[int, int], Entry]) -> Entry:
        """Append a direct message after all others of the two; ``make`` is given ``seq`` and ``order``."""

    async def append_once(user: Id, id: Id, make: Callable[[Id, int], Entry]) -> None:
        """Put what there can be but once into a user's stream, unless it is there; ``make`` is given id and seq.

        The id is another than was asked for where an entry of that became void. Raises Unavailable: then it is to be
        tried again.
        """

    async def head(user: Id) -> int:
        """The seq of the last entry addressed to the user: the contract's ``n``."""

    async def entries(user: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void ones too."""

    async def sent(author: Id, entry: Id) -> Entry | None:
        """An author's entry, to whomever."""

    async def reconcile() -> None:
        """Let dialogs know of messages that a crash kept from them."""

    async def get(user: Id, message: Id) -> DirectMessage:
        """A message that the user wrote or received and has not removed, or MessageNotFound."""

    async def messages(user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int) -> list[DirectMessage]:
        """Newest first: those sent to the user, only by ``author``, or those the user sent to ``to``."""

    async def count_unread(user: Id, *, author: Id | None, to: Id | None) -> int:
        """How many of those are unread by their receiver."""

    async def dialog(user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """What passed between the two and the user has not removed, newest first."""

    async def dialogs(user: Id) -> list[Dialog]:
        """The user's dialogs, the latest first."""

    async def mark_as_read(message: DirectMessage, at: Moment) -> DirectMessage:
        """The message as it is now, read since ``at`` or before."""

    async def remove(user: Id, message: DirectMessage) -> None:
        """Remove the user's copy of a message."""

    async def remove_dialog(user: Id, other: Id) -> None:
        """Remove the user's copy of all that passed between the two."""


class ILedger(Interface):
    """Coins: what changed a balance, and that it did so once (see ``store/ledger.py`` for the steps)."""

    async def begin(transfer: Transfer) -> bool:
        """Note a transfer that is to be made; False where its id is in the ledger already."""

    async def get(transfer: Id) -> tuple[Transfer, bool] | None:
        """A transfer of the ledger, and whether it is finished."""

    async def apply(transfer: Transfer) -> bool:
        """Change the balance, once however often this is called; False where it would fall below 0, or, for
        free coins, the last ones of that network are less than a day old.
        """

    async def is_applied(transfer: Transfer) -> bool:
        """Whether the balance has been changed by this transfer."""

    async def cancel(transfer: Id) -> None:
        """Forget a transfer that was not applied."""

    async def finish(transfer: Transfer) -> None:
        """All of a transfer is done."""

    async def unfinished(*, all: bool) -> list[Transfer]:
        """Transfers that a crash left. ``all``: also those begun a moment ago."""

    async def of(user: Id, limit: int) -> list[Transfer]:
        """The latest transfers of a user, the latest first."""


class IInvites(Interface):
    """Who has invited whom."""

    async def claim(inviter: Id, phone: Phone, by: Id) -> bool:
        """Whether the inviter may send this phone an invitation now: once a day. ``by`` is this call's own.

        Until the call confirms it, another call may take the claim over.
        """

    async def confirm(inviter: Id, phone: Phone, by: Id) -> bool:
        """Whether the claim is still this call's; from now on no other call takes it over."""

    async def release(inviter: Id, phone: Phone, by: Id) -> None:
        """The invitation that was claimed by this call was not sent after all.

        Raises nothing: where the database is away it is released later.
        """


class IRateWindows(Interface):
    """How often something has been done."""

    async def used(counters: Sequence[Counter]) -> list[float]:
        """How full each counter is, from 0 to 1. Raises TooManyRequests where one is full; counts nothing."""

    async def take(counters: Sequence[Counter]) -> list[Hit]:
        """Count one more in each, before it is done. Raises TooManyRequests where one is full, and counts it nowhere.

        Where the database is away it raises DatabaseAway, and what it may have counted is given back later.
        """

    async def give_back(hits: Sequence[Hit]) -> None:
        """What was counted was not done. Raises nothing: where the database is away it is given back later."""

    async def forget(counter: Counter) -> None:
        """Count anew from zero."""


@frozen(kw_only=True)
class Claim:
    """The right to carry out a call. ``idempotency_id`` is random and stays the same when the call is carried out
    again: what the call creates takes its id from it.
    """

    id: Id
    idempotency_id: Id


class IIdempotencyKeys(Interface):
    """What calls that came with an Idempotency-Key were answered, for a day."""

    async def claim(id: Id, request: bytes, by: Id) -> Claim | tuple[int, bytes]:
        """The right to carry the call out, for who goes by ``by``, or the status and body it was answered with.

        Raises KeyReused where another request had the key, InProgress where this one is under way.
        """

    async def keep(id: Id, by: Id, status: int, answer: bytes) -> None:
        """This is the answer from now on; of a claim that ran out and was taken over, nothing is kept."""

    async def release(id: Id, by: Id) -> None:
        """The call was given up, and may be sent again."""

    async def release_all() -> None:
        """Whatever was under way has died with its daemon: there is but this one."""


class ICatalogue(Interface):
    """The gifts that can be bought."""

    async def get(gift: Id) -> Gift:
        """A gift that can be bought, or GiftNotFound."""

    async def all() -> list[Gift]:
        """The gifts that can be bought, the cheapest first."""

    async def put(gift: Gift) -> None:
        """Add a gift, or change the one with its id."""

    async def ids(most: int) -> set[Id]:
        """The ids of the gifts that there have ever been, ``most`` of them at the most."""

    async def withdraw(gift: Id) -> None:
        """A gift can be bought no more. Raises GiftNotFound."""


class IComplaints(Interface):
    """What people complained of."""

    async def add(complaint: Complaint) -> bool:
        """Keep a complaint; False where there is one with its id."""

    async def get(complaint: Id) -> Complaint:
        """A complaint, or NotFound."""

    async def open(limit: int) -> list[Complaint]:
        """Complaints nobody has closed, the latest first."""

    async def all(limit: int) -> list[Complaint]:
        """Complaints, open and closed, the latest first."""

    async def close(complaint: Id, note: str, at: Moment) -> None:
        """Close a complaint with a note. Raises NotFound, and Conflict where it is closed already."""


class HashFor(NamedTuple):
    """Whose turn a hash is: ``queue`` says of what, ``owner`` who shares turns there.

    ``owners`` are keys that are tried from where their owner signed in lately, ``keys`` all others.
    """

    queue: Literal["owners", "keys", "rooms"]
    owner: str


class IPictureRecords(Interface):
    """What is known of uploaded pictures. Every method raises DatabaseAway when the database does not answer."""

    async def add(stem: str, user: Id | None, size: int) -> None:
        """There will be a picture of this name, without its ending, that nothing refers to yet."""

    async def refer(stems: Sequence[str]) -> None:
        """Something is about to refer to these pictures: they are kept from now on."""

    async def take_orphans(before: Moment, limit: int) -> list[str]:
        """The oldest pictures, uploaded before a time, that nothing refers to: they are on record no more."""

    async def take_bytes(name: str, of: str, most: int, size: int) -> None:
        """Count bytes of a day. Raises TooManyRequests where that is more than ``most``, and counts them not."""

    async def add_bytes(name: str, of: str, size: int) -> None:
        """So many more, or fewer, were used."""
