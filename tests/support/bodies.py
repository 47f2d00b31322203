"""A valid body for each call, with the kinds of values that each field accepts.

A new call needs a row in ``bodies``.
"""

from collections.abc import Iterator
from secrets import token_hex
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from tests.support.chat import Person, a_person, a_room
from tests.support.daemon import Daemon
from tests.support.wire import NOBODY, PHOTO


def nested(levels: int, value: Any = 1) -> Any:
    """Lists in objects in lists."""
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


KINDS: dict[str, Any] = {
    "null": None,
    "true": True,
    "fraction": 1.5,
    "negative": -7,
    "huge number": 10**30,
    "word": "word",
    "empty": "",
    "long": "x" * 5_000,
    "endless": "x" * 10**5,
    "empty object": {},
    "operator": {"$gt": ""},
    "deep object": nested(60),
    "empty list": [],
    "list": [1],
    "deep list": nested(61),
}
STRINGS = {"empty", "word", "long", "endless"}
OBJECTS = {"empty object", "operator", "deep object"}


@frozen
class Good:
    """A field's valid value, other kinds that it accepts, and kinds with another status than 400."""

    value: Any
    takes: frozenset[str] = frozenset()
    answers: tuple[tuple[str, int], ...] = ()

    def expected(self, kind: str) -> int:
        return 413 if kind == "endless" else dict(self.answers).get(kind, 400)


def good(value: Any, *takes: str) -> Good:
    return Good(value, frozenset(takes))


def an_id(value: str, *takes: str) -> Good:
    """Any string may stand for an id, and is unknown: 404."""
    return Good(value, frozenset(takes), tuple((kind, 404) for kind in STRINGS))


@frozen
class Scene:
    """Anna is in ``room``, where she has sent ``message``; ``other`` is another room."""

    anna: Person
    room: str
    other: str
    message: str


async def a_scene(daemon: Daemon) -> Scene:
    anna = await a_person(daemon, nickname="Anna")
    other = await a_room(anna)
    room = await a_room(anna, anna)
    message = (await anna.say(room, "hello")).data["message"]
    return Scene(anna, room, other, message["_id"])


Fields = dict[str, Any]


def profile() -> Fields:
    return {
        "nickname": good("Anna", "null", "word", "empty"),
        "location": good("Perm", "null", "word", "empty"),
        "photo": good(PHOTO, "null", "word", "empty"),
        "dob": good("1990-02-08", "null"),
        "gender": good(1, "null"),
    }


def about(scene: Scene) -> Fields:
    return {"room_id": an_id(scene.room), "user_id": an_id(scene.anna.id)}


def somebody_in(scene: Scene) -> Fields:
    """A room and a user, each by one of two names."""
    return {
        "room": {"id": an_id(scene.room)},
        "room_id": good(None, "null"),
        "user": an_id(scene.anna.id),
        "user_id": good(None, "null"),
    }


def whom(scene: Scene, user: str | None = None) -> Fields:
    """A user, Anna by default, by one of three fields alone."""
    return {"user": an_id(user or scene.anna.id), "external_id": good(None, "null"), "phone": good(None, "null")}


def bodies(scene: Scene) -> dict[str, Fields]:
    """A valid body for each call. The kinds that an object accepts are in its field ""."""
    phone = good(scene.anna.phone)
    return {
        "/init/reg": {"phone": phone, "captcha": good(None, *STRINGS - {"endless"}, "null"), **profile()},
        "/init/auth": {
            "jwt": good(None, "null"),
            "phone": phone,
            "key": good(scene.anna.key, *STRINGS - {"endless"}, "negative", "huge number"),
            "captcha": good(None, *STRINGS - {"endless"}, "null"),
        },
        "/init/edit": {"user": {"": good(None, *OBJECTS), **profile()}},
        "/init/getUser": {"user_id": an_id(scene.anna.id, "null")},
        "/init/getUsers": {"user_ids": good([scene.anna.id], "empty list")},
        "/user/search": {"nickname": good("anna", "word"), "skip": good(0), "limit": good(40)},
        "/user/gifts": {"user": an_id(scene.anna.id), "skip": good(0), "limit": good(100)},
        "/init/exit": {},
        "/room/create": {
            "room": {
                "name": good("a room", "word"),
                "password": good("sesame", "null", "word", "empty"),
                "max_users": good(5),
                "slow_mode": good(0),
            }
        },
        "/room/edit": {
            "room": {
                "id": an_id(scene.room),
                "name": good("a room", "null", "word"),
                "password": good("sesame", "null", "word", "empty"),
                "max_users": good(5, "null"),
                "slow_mode": good(0, "null"),
            }
        },
        "/room/enter": {"room": {"id": an_id(scene.other), "password": good("sesame", "null", "word", "empty")}},
        "/room/leave": {"room_id": an_id(scene.room)},
        "/room/sendMessage": {
            "message": {
                "room_id": an_id(scene.room),
                "text": good("hello", "word"),
                "ref_message": an_id(scene.message, "null"),
                "client_id": good("a", "null", "word"),
            }
        },
        "/init/invite": {
            "phons": good([scene.anna.phone], "null", "empty list"),
            "phones": good([scene.anna.phone], "null", "empty list"),
        },
        "/init/sessions": {},
        "/init/exit-all": {},
        "/room/get": {
            "room_id": good(scene.room, "null", "word", "empty", "long"),
            "name": good("a", "null", "word", "empty"),
            "page": good(1),
            "per_page": good(40),
            "sort": good({"name": 1}, "empty object"),
            "filter": {
                "": good(None, *OBJECTS),
                "filled": good(False, "true"),
                "privated": good(False, "true"),
                "countOnly": good(False, "true"),
            },
        },
        "/room/remove": {"room": {"id": an_id(scene.other)}},
        "/room/kick": {**about(scene), "ref_message": an_id(scene.message, "null")},
        "/room/ban": {**about(scene), "ref_message": an_id(scene.message, "null")},
        "/room/silence": {
            **about(scene),
            "finished": good(0, "negative", "fraction"),
            "text": good("hush", "null", "word", "empty"),
            "ref_message": an_id(scene.message, "null"),
        },
        "/room/unban": about(scene),
        "/room/add-moderator": about(scene),
        "/room/remove-moderator": about(scene),
        "/room/remove-message": {"message": an_id(scene.message)},
        "/user/sendMessage": {
            "message": {
                "user": Good(scene.anna.id, answers=tuple((kind, 404) for kind in STRINGS - {"empty"})),
                "text": good("hello", "word"),
                "client_id": good("a", "null", "word"),
            }
        },
        "/user/messages": {
            "author": an_id(scene.anna.id, "null"),
            "user": good(None, "null"),  # a string would be one side too many
            "countOnly": good(False, "true"),
            "limit": good(100),
            "offset": good(0),
        },
        "/user/dialogs": {},
        "/user/dialog": {"user": an_id(scene.anna.id), "skip": good(0), "limit": good(100)},
        "/user/remove-dialog": {"user": an_id(scene.anna.id)},
        "/user/messages/mark-as-read": {"message": an_id(scene.message)},
        "/user/messages/remove": {"message": an_id(scene.message)},
        "/user/updateBalance": {
            "balance": good(5),
            "secret": good("x", "word", "empty"),
            "payment_id": good("p", "null", "word"),
        },
        "/user/free-coins": {"type": good("vk")},
        "/gifts": {},
        "/gifts/send": {
            "gift": an_id(scene.message),
            "user": an_id(scene.anna.id),
            "text": good("for you", "word", "empty"),
        },
        "/complaints/new": {
            "message": an_id(scene.message),
            # One thing alone.
            "user": good(None, "null"),
            "room": good(None, "null"),
            "reason": good("spam"),
            "text": good("rude", "word"),
        },
        "/user/block": {"user": an_id(scene.anna.id)},
        "/user/unblock": {"user": an_id(scene.anna.id)},
        "/user/blocks": {"skip": good(0), "limit": good(100)},
        "/user/delete": {
            "jwt": good(None, "null"),
            "key": good("000000", *STRINGS - {"endless"}, "negative", "huge number"),
        },
        "/user/export": {"export": an_id("0" * 24, "null")},
        "/server/users/upsert": {
            "external_id": good("Anna", "word", "null"),
            "phone": good(scene.anna.phone, "null"),
            **profile(),
        },
        "/server/rooms/create": {
            "user": an_id(scene.anna.id),
            "room": {
                "name": good("a room", "word"),
                "password": good("sesame", "null", "word", "empty"),
                "max_users": good(5),
                "slow_mode": good(0),
            },
        },
        "/server/rooms/edit": {
            "room": {
                "id": an_id(scene.room),
                "name": good("a room", "null", "word"),
                "password": good("sesame", "null", "word", "empty"),
                "max_users": good(5, "null"),
                "slow_mode": good(0, "null"),
            }
        },
        "/server/rooms/remove": {"room": {"id": an_id(scene.other)}},
        "/server/rooms/put": somebody_in(scene),
        "/server/rooms/kick": {**somebody_in(scene), "ref_message": an_id(scene.message, "null")},
        "/server/messages/send": {
            "room": an_id(scene.room),
            "to": good(None, "null"),
            "author": an_id(scene.anna.id),
            "text": good("hello", "word"),
            "ref_message": an_id(scene.message, "null"),
            "client_id": good("a", "null", "word"),
        },
        "/server/messages/remove": {"message": an_id(scene.message)},
        "/server/coins/add": {
            "user": an_id(scene.anna.id),
            "coins": good(5),
            "payment_id": good(token_hex(8), "word"),
            "note": good("a note", "word", "empty"),
        },
        "/server/users/get": whom(scene),
        "/server/users/search": {"name": good("anna", "word"), "skip": good(0), "limit": good(40)},
        "/server/users/suspend": {
            **whom(scene, NOBODY),
            "until": good(None, "null", "negative", "fraction"),
            "reason": good("spam", "word"),
        },
        "/server/users/unsuspend": {**whom(scene, NOBODY), "reason": good("spam", "word", "null")},
        "/server/users/delete": {**whom(scene, NOBODY), "reason": good("spam", "word")},
        "/server/users/end-sessions": {**whom(scene, NOBODY), "reason": good("spam", "word", "null")},
        "/server/sessions/new": whom(scene, NOBODY),
        "/server/complaints/list": {"status": good("open", "null"), "skip": good(0), "limit": good(100)},
        "/server/complaints/close": {"complaint": an_id(NOBODY), "note": good("done", "word")},
        **of_operators(scene),
        "/room/chat": {
            "room": an_id(scene.room),
            "skip": good(0, "null", "negative"),
            "limit": good(100, "null"),
        },
    }


def of_operators(scene: Scene) -> dict[str, Fields]:
    """The calls of the operators' console."""
    against = {**somebody_in(scene), "ref_message": an_id(scene.message, "null")}
    page = {"skip": good(0), "limit": good(100)}
    return {
        "/server/complaints/show": {"complaint": an_id(NOBODY)},
        "/server/complaints/reopen": {"complaint": an_id(NOBODY)},
        "/server/users/list": {"users": good([scene.anna.id], "null", "empty list"), **page},
        "/server/rooms/silence": {
            **against,
            "finished": good(0, "negative", "fraction"),
            "text": good("hush", "null", "word", "empty"),
        },
        "/server/rooms/ban": against,
        "/server/rooms/unban": somebody_in(scene),
        "/server/rooms/list": {"name": good("a", "null", "word", "empty"), "sort": good("users"), **page},
        "/server/rooms/show": {"room": an_id(scene.room), "messages": good(5)},
        "/server/held/list": page,
        "/server/held/release": {"message": an_id(NOBODY)},
        "/server/held/drop": {"message": an_id(NOBODY)},
        "/server/gifts/list": page,
        "/server/gifts/add": {"name": good(token_hex(8), "word"), "price": good(999), "image": good("/gifts/x.png")},
        "/server/gifts/edit": {
            "gift": an_id(NOBODY),
            "name": good("a rose", "null", "word"),
            "price": good(999, "null"),
            "image": good("/gifts/x.png", "null"),
        },
        "/server/gifts/remove": {"gift": an_id(NOBODY)},
        "/server/whoami": {},
        "/server/keys/list": {"revoked": good(False, "true"), **page},
        "/server/keys/add": {
            "name": good(token_hex(8), "word"),
            "scopes": good(["console"]),
            "networks": good([], "empty list"),
        },
        "/server/keys/revoke": {"key": Good(NOBODY, answers=(("word", 404),))},
        "/server/webhooks/list": {},
        "/server/webhooks/replay": {"webhook": an_id(NOBODY, "null")},
        "/server/overview": {},
        "/server/audit/list": {"whom": good(NOBODY, "null", *STRINGS), **page},
        "/server/announcements/list": page,
        "/server/announcements/stop": {"announcement": an_id(NOBODY)},
    }


def plain(fields: Fields) -> dict[str, Any]:
    """The valid body itself."""
    return {name: plain(field) if isinstance(field, dict) else field.value for name, field in fields.items() if name}


def each(fields: Fields, prefix: str = "") -> Iterator[tuple[str, Good]]:
    """The fields with their dotted names, objects among them too."""
    for name, field in fields.items():
        if isinstance(field, dict):
            yield prefix + name, field.get("", Good(None))
            yield from each(field, f"{prefix}{name}.")
        elif name:
            yield prefix + name, field


def replaced(body: dict[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    """The body with another value in one field."""
    name, _, rest = dotted.partition(".")
    return {**body, name: replaced(body[name], rest, value) if rest else value}


SESSION_KEY = Good(None, frozenset(), tuple((kind, 440) for kind in ("null", *STRINGS)))


TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.just("$gt"), inner, max_size=4),
    max_leaves=8,
)
