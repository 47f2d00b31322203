"""Users and what they say of themselves."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, get_args

from attrs import field, frozen

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.phone import Phone

ProfileField = Literal["nickname", "location", "photo", "dob", "gender"]
PROFILE_FIELDS: tuple[ProfileField, ...] = get_args(ProfileField)
Profile = Mapping[ProfileField, str | date | int | None]
"""What a user may fill in and edit; None empties a field."""


@frozen(kw_only=True)
class User:
    """A person, by their phone. ``password`` is the hash of the key that signs them in."""

    id: Id
    phone: Phone
    password: str = field(repr=False)
    created_at: Moment
    nickname: str | None = None
    location: str | None = None
    photo: str | None = None
    dob: date | None = None
    gender: int | None = None
    room: Id | None = None
    rooms: tuple[Id, ...] = ()
    visited_rooms: tuple[Id, ...] = ()
    gifts: tuple[Entry, ...] = ()
    """The entries of the latest gifts, the newest last."""
    gifts_count: int = 0
    """How many gifts they were given in all."""
    balance: int = 0


@frozen(kw_only=True)
class UserKey:
    """The key that signs a user in, as it is now. ``hash`` is its hash."""

    user: Id
    hash: str = field(repr=False)
    is_usable: bool
    """Whether it may be tried: it has tries left and has not run out."""
    known_networks: frozenset[Id]
    """The networks where its owner signed in lately, as ids that tell nothing of them."""
    phone_verified: bool
    """Whether somebody with this phone ever signed in; signing up proves nothing."""


@frozen(kw_only=True)
class Session:
    """One sign-in of a user, on one device."""

    id: Id
    user: Id
    created_at: Moment
    seen_at: Moment
    expires_at: Moment
