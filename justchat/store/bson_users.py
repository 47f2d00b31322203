"""Users and sessions to documents of MongoDB, and back. docs/database.rst describes every field."""

from datetime import UTC, date, datetime, time
from typing import Any

from bson import ObjectId

from justchat.model.entry import Entry
from justchat.model.identity import Identity
from justchat.model.phone import Phone
from justchat.model.text import fold
from justchat.model.user import Profile, Session, Suspension, User
from justchat.store.bson import id_of, moment, moment_or_none
from justchat.store.mongo.client import Document


def searched_nickname(nickname: str | None) -> Document:
    """The field of a user's document by which the nickname is searched; no search finds null."""
    return {"folded": fold(nickname) if nickname else None}


def profile_to_document(profile: Profile) -> Document:
    document: Document = {
        field: _at_midnight(value) if isinstance(value, date) else value for field, value in profile.items()
    }
    if "nickname" in profile:
        nickname = profile["nickname"]
        document |= searched_nickname(nickname if isinstance(nickname, str) else None)
    return document


def _at_midnight(day: date) -> datetime:
    """BSON has no type for a day."""
    return datetime.combine(day, time(), UTC)


def user_to_document(user: User) -> Document:
    return {
        "_id": ObjectId(user.id),
        # The phone is unique, so that who has none has their id there, which is nobody's phone.
        "phone": user.id if user.phone is None else user.phone,
        **({} if user.external_id is None else {"external_id": user.external_id}),
        **({} if user.identity is None else {"identity": identity_to_document(user.identity)}),
        "password": user.password,
        "tries": 0,
        "key_at": user.created_at,
        "places": [],
        "create_at": user.created_at,
        "nickname": user.nickname,
        **searched_nickname(user.nickname),
        "location": user.location,
        "photo": user.photo,
        "dob": None if user.dob is None else _at_midnight(user.dob),
        "gender": user.gender,
        "room": None,
        "visitedRooms": [],
        "balance": user.balance,
    }


def identity_to_document(identity: Identity) -> Document:
    return {"subject": identity.subject, "issuer": identity.issuer}


def _identity_from_document(document: Document | None) -> Identity | None:
    return None if document is None else Identity(issuer=document["issuer"], subject=document["subject"])


def suspension_to_document(suspension: Suspension) -> Document:
    return {"since": suspension.since, "until": suspension.until, "reason": suspension.reason}


def suspension_from_document(document: Document | None) -> Suspension | None:
    if document is None:
        return None
    until = moment_or_none(document["until"])
    return Suspension(since=moment(document["since"]), until=until, reason=document["reason"])


def user_from_document(document: Document, rooms: list[ObjectId], gifts: list[Entry], gifts_count: int) -> User:
    """The user. ``rooms`` are those they created and ``gifts`` the latest that they got; their document has neither."""
    room, dob, id = document["room"], document["dob"], id_of(document["_id"])
    return User(
        id=id,
        phone=None if document["phone"] == id else Phone(document["phone"]),
        external_id=document.get("external_id"),
        identity=_identity_from_document(document.get("identity")),
        password=document["password"],
        created_at=moment(document["create_at"]),
        nickname=document["nickname"],
        location=document["location"],
        photo=document["photo"],
        dob=None if dob is None else dob.date(),
        gender=document["gender"],
        room=None if room is None else id_of(room),
        rooms=tuple(map(id_of, rooms)),
        visited_rooms=tuple(map(id_of, document["visitedRooms"])),
        gifts=tuple(gifts),
        gifts_count=gifts_count,
        balance=document["balance"],
        suspension=suspension_from_document(document.get("suspension")),
    )


def session_to_document(session: Session, digest: bytes) -> dict[str, Any]:
    return {
        "_id": ObjectId(session.id),
        "digest": digest,
        "user": ObjectId(session.user),
        "create_at": session.created_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
    }


def session_from_document(document: Document) -> Session:
    return Session(
        id=id_of(document["_id"]),
        user=id_of(document["user"]),
        created_at=moment(document["create_at"]),
        seen_at=moment(document["seen_at"]),
        expires_at=moment(document["expires_at"]),
        is_suspended=document.get("is_suspended", False) is True,
    )
