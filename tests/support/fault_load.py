"""Users who talk, pay, move, block and moderate during a fault run, each through a random daemon at every try.

Each keeps a journal of their own of what was acknowledged and what was refused.
"""

import contextlib  # a global "suppress" would be a setting of trial's
import hashlib
import hmac
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field
from pymongo.errors import PyMongoError

from tests.support.chat import Person
from tests.support.words import decide, held_message

COINS = 70
SECRET_KEY = "the secret of a fault run"
TIMEOUT = 10
"""Seconds that a user waits for an answer."""
HELD = "badword"
"""A word of the list: a message with it is held."""
BLOCK_EVERY = 60
"""Things that a user does between two blocks of the same kind."""
SIZES = (6, 7, 255)
SLOW_MODES = (0, 0, 0, 1)
MODESTY = 0.01
"""Seconds between two things that one user does: the machine has other work, too."""


@define
class Action:
    """One action of a user, with the status of each try; 0 is a broken connection, or none."""

    what: str
    mark: str
    statuses: list[int] = field(factory=list)
    body: dict[str, Any] = field(factory=dict)

    @property
    def is_acknowledged(self) -> bool:
        return self.statuses[-1] == 200

    @property
    def is_refused(self) -> bool:
        """Whether each try was refused. Of a change of state even a 503 does not say so (docs/protocol.rst)."""
        uncertain = {0, 200, 503} if self.what in ("silence", "edit") else {0, 200}
        return not uncertain & set(self.statuses)


@define
class Actor:
    """A user with a journal. ``port`` picks a daemon."""

    person: Person
    port: Callable[[random.Random], int]
    chance: random.Random
    journal: list[Action] = field(factory=list)
    longest: float = 0
    """Seconds without an acknowledgement."""
    enough: threading.Event = field(factory=threading.Event)

    def run(self) -> None:
        """Act until the run ends."""
        last = time.monotonic()
        for number in itertools.count():
            if self.enough.wait(MODESTY):
                return
            action = self.act(number)
            if action is not None and action.is_acknowledged:
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now

    def act(self, number: int) -> Action | None:
        raise NotImplementedError

    def do(
        self,
        what: str,
        path: str,
        body: dict[str, Any],
        mark: str = "",
        *,
        headers: dict[str, str] | None = None,
        until: tuple[int, ...] = (),
    ) -> Action:
        """Make a call, again until its status is one of ``until`` if there are any. Each try is at a random daemon."""
        action = Action(what, mark)
        while True:
            status, answer = self.call(path, body, headers)
            assert status != 400, answer  # it would be so for ever
            action.statuses.append(status)
            action.body = answer
            if not until or status in until:
                break
            time.sleep(0.05)
        self.journal.append(action)
        if not action.is_acknowledged:
            time.sleep(0.05)
        return action

    def call(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and answer; 0 for a broken connection or after TIMEOUT."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(self.chance), timeout=TIMEOUT)
        try:
            document = json.dumps({"session_key": self.person.session_key, **body})
            connection.request("POST", path, document, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()

    def of(self, what: str) -> list[Action]:
        return [action for action in self.journal if action.what == what]


@define
class Talker(Actor):
    """Sends unique texts, some until they are acknowledged; tops up and gives until that is acknowledged.

    Blocks the friend whom they write to, or the fan who writes to them, for a while.
    """

    room: str = ""
    friend: Person = field(kw_only=True)
    fan: Person = field(kw_only=True)
    gift: dict[str, Any] = field(kw_only=True)
    latest: tuple[str, str] | None = field(default=None, kw_only=True)
    """The latest message of theirs: its id, and its text."""
    is_held: bool = field(default=False, kw_only=True)
    """Whether the latest is held, so that nobody can quote it."""

    def act(self, number: int) -> Action | None:
        name = f"{self.person.phone}-{number}"
        if number % 20 == 0:
            signed = f"{name}:{COINS}:{self.person.id}".encode()
            signature = hmac.new(SECRET_KEY.encode(), signed, hashlib.sha256).hexdigest()
            payment = {"balance": COINS, "payment_id": name, "secret": signature}
            return self.do("payment", "/user/updateBalance", payment, name, until=(200,))
        if number % 5 == 0:
            present = {"gift": self.gift["_id"], "user": self.friend.id, "text": name}
            headers = {"Idempotency-Key": name}
            return self.do("gift", "/gifts/send", present, name, headers=headers, until=(200, 402, 403))
        if number % BLOCK_EVERY in (31, 38, 46, 47):
            return self._block_or_unblock(number % BLOCK_EVERY)
        if number % 9 == 4:
            name = f"{HELD} {name}"
        if number % 15 == 7:
            return self._read()
        if number % 15 == 11:
            return self._remove()
        if number % 5 == 2:
            return self._word("direct", "/user/sendMessage", {"user": self.friend.id, "text": name})
        return self._say(number, name)

    def _say(self, number: int, name: str) -> Action:
        said = {"room_id": self.room, "text": name}
        if self.latest is not None and not self.is_held and number % 3 == 0:
            said["ref_message"] = self.latest[0]
        action = self._word("message", "/room/sendMessage", said)
        if action.is_acknowledged:
            message = action.body["data"]["message"]
            self.latest, self.is_held = (message["_id"], name), "held" in message
        return action

    def _block_or_unblock(self, turn: int) -> Action:
        """Block one of the two, or both; later unblock both."""
        if turn in (46, 47):
            what, whom = "unblock", self.friend if turn == 46 else self.fan
        else:
            what, whom = "block", self.chance.choice([self.friend, self.fan])
        return self.do(what, f"/user/{what}", {"user": whom.id}, whom.id, until=(200,))

    def _remove(self) -> Action | None:
        """Remove the latest message, which others may have quoted, until that is acknowledged."""
        if self.latest is None:
            return None
        (id, text), self.latest = self.latest, None
        # An operator may have dropped it before.
        return self.do("remove", "/room/remove-message", {"message": id}, text, until=(200, 404))

    def _word(self, what: str, path: str, message: dict[str, Any]) -> Action:
        """Send a message once, or until it is acknowledged: by a key of the call, or by one of the message."""
        again = self.chance.choice(["", "", "Idempotency-Key", "client_id"])
        name, headers = message["text"], {}
        key = name.replace(" ", "-")
        if again == "client_id":
            message = {**message, "client_id": key}
        elif again:
            headers = {"Idempotency-Key": key}
        return self.do(what, path, {"message": message}, name, headers=headers, until=(200, 403) if again else ())

    def _read(self) -> Action | None:
        _, answer = self.call("/user/messages", {"limit": 3})
        messages = answer.get("data", {}).get("messages", ())
        if not messages:
            return None
        id = self.chance.choice(messages)["_id"]
        return self.do("read", "/user/messages/mark-as-read", {"message": id}, id, until=(200,))


@define
class Walker(Actor):
    """Enters and leaves rooms, and sends messages where it is inside."""

    rooms: list[str] = field(kw_only=True)

    def act(self, number: int) -> Action | None:
        name, room = f"{self.person.phone}-{number}", self.chance.choice(self.rooms)
        (what,) = self.chance.choices(["message", "enter", "leave"], [6, 2, 1])
        if what == "message":
            return self.do(what, "/room/sendMessage", {"message": {"room_id": room, "text": name}}, name)
        if what == "enter":
            return self.do(what, "/room/enter", {"room": {"id": room}})
        return self.do(what, "/room/leave", {"room_id": room})


@define
class Admin(Actor):
    """Kicks, bans, silences and promotes others, and reverts that; edits rooms, and decides on held messages."""

    rooms: list[str] = field(kw_only=True)
    others: list[Person] = field(kw_only=True)
    uri: str = field(kw_only=True)
    """The database, where operators decide."""

    def act(self, number: int) -> Action | None:
        name, whom = f"{self.person.phone}-{number}", self.chance.choice(self.others).id
        target = {"room_id": self.chance.choice(self.rooms), "user_id": whom}
        acts = {
            "kick": 2,
            "ban": 1,
            "unban": 3,
            "silence": 2,
            "unsilence": 1,
            "add-moderator": 1,
            "remove-moderator": 1,
            "edit": 2,
            "decide": 3,
        }
        (what,) = self.chance.choices(list(acts), list(acts.values()))
        time.sleep(10 * MODESTY)  # or no user would ever be inside
        if what == "decide":
            return self._decide()
        if what == "edit":
            edit = {"name": name, "max_users": self.chance.choice(SIZES), "slow_mode": self.chance.choice(SLOW_MODES)}
            return self.do(what, "/room/edit", {"room": {"id": target["room_id"], **edit}}, name)
        if what in ("silence", "unsilence"):
            # A short one may be over before it is carried out; then it changes nothing and has no entry.
            seconds = 3600 if what == "silence" else self.chance.choice([-1, 1])
            finished = int((time.time() + seconds) * 1000)
            return self.do(what, "/room/silence", {**target, "finished": finished, "text": name}, name)
        return self.do(what, f"/room/{what}", target)

    def _decide(self) -> None:
        """Let a held message go, or drop it; the first decision on it counts."""
        decision = self.chance.choice(["release", "release", "drop"])
        with contextlib.suppress(PyMongoError):  # the database is away
            message = held_message(self.uri)
            if message is None or any(each.mark == str(message["_id"]) for each in self.of("decide")):
                return
            deed = Action("decide", str(message["_id"]), [0], {"decision": decision})
            self.journal.append(deed)
            decide(self.uri, message, decision)
            deed.statuses.append(200)
