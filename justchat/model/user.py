"""Users, their profiles, keys and sessions."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, get_args

from attrs import field, frozen

from justchat.model.entry import Entry
from justchat.model.identity import Identity
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.phone import Phone

ProfileField = Literal["nickname", "location", "photo", "dob", "gender"]
PROFILE_FIELDS: tuple[ProfileField, ...] = get_args(ProfileField)
PROFILE_TEXTS: frozenset[ProfileField] = frozenset({"nickname", "location"})
"""The fields that are a text for others."""
Profile = Mapping[ProfileField, str | date | int | None]
"""The fields that a user can edit; None empties one."""


@frozen(kw_only=True)
class Suspension:
    """An operator keeps a user from signing in, until a time or, with None, until an operator ends it."""

    since: Moment
    until: Moment | None
    reason: str

    def holds(self, at: Moment) -> bool:
        """Whether it has not run out."""
        return self.until is None or at < self.until


@frozen(kw_only=True)
class User:
    """A user. ``password`` is the hash of the sign-in key; empty, there is none.

    ``phone`` is None, and ``external_id`` an id of the app's own, for who does not sign in by phone.
    """

    id: Id
    phone: Phone | None
    password: str = field(repr=False)
    created_at: Moment
    external_id: str | None = None
    identity: Identity | None = None
    """Of who signs in with tokens of an issuer."""
    nickname: str | None = None
    location: str | None = None
    photo: str | None = None
    dob: date | None = None
    gender: int | None = None
    room: Id | None = None
    rooms: tuple[Id, ...] = ()
    visited_rooms: tuple[Id, ...] = ()
    gifts: tuple[Entry, ...] = ()
    """The entries of the latest gifts received, the newest last."""
    gifts_count: int = 0
    """The number of all gifts received."""
    balance: int = 0
    suspension: Suspension | None = None
    """The latest; it may have run out."""


@frozen(kw_only=True)
class UserKey:
    """A user's present sign-in key."""

    user: Id
    hash: str = field(repr=False)
    is_usable: bool
    """Whether the key can sign in: it is neither locked by wrong tries nor expired."""
    known_networks: frozenset[Id]
    """Ids of the networks where its owner signed in lately. An id does not reveal its network."""
    phone_verified: bool
    """Whether anybody ever signed in with this phone. Sign-up alone proves nothing."""
    suspension: Suspension | None = None


@frozen(kw_only=True)
class KnownIdentity:
    """The user of an identity."""

    user: Id
    suspension: Suspension | None = None


@frozen(kw_only=True)
class Session:
    """One sign-in of a user on one device."""

    id: Id
    user: Id
    created_at: Moment
    seen_at: Moment
    expires_at: Moment
    is_suspended: bool = False
    """Of a session that has ended: whether that is because its user was suspended."""
