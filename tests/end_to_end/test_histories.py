"""Random histories: what clients make of the events they hear is what the calls say, whatever broke on the way.

People enter, talk, put each other out and write to each other, several at once; sockets are cut at any byte, the
daemon is killed in the midst. Now and then everybody comes back, and what each has built from events is held against
a fresh read.

What is done follows from a seed, which a failure names: ``JUSTCHAT_SEEDS=7 trial tests.end_to_end.test_histories``.
``make histories`` runs as many as one likes.
"""

import os
import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.support.chat import ChatTestCase, Person, a_person, a_room
from tests.support.client import Listener, eventually, listen_as
from tests.support.daemon import Daemon

SEEDS = [int(seed) for seed in os.environ.get("JUSTCHAT_SEEDS", "1 2 3").split()]
STEPS = int(os.environ.get("JUSTCHAT_STEPS", "60"))
Event = dict[str, Any]
OUT = {"leave", "kick", "ban", "remove room"}


class Cut(Listener):
    """A socket that breaks after so many bytes, in the middle of whatever comes."""

    left: int | None = None
    client: "Client"

    def dataReceived(self, data: bytes) -> None:
        if self.left is None:
            super().dataReceived(data)
            return
        data = data[: self.left]
        self.left -= len(data)
        super().dataReceived(data)
        if not self.left:
            self.transport.abortConnection()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        self.client.hear(self.events[-1])


class Client:
    """Somebody's app: what it knows, it knows from events, and from calls only where ``caught-up`` says to."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.socket: Cut | None = None
        self.room: str | None = None
        self.after = 0
        """The room's events after this one are in ``log``."""
        self.log: list[Event] = []
        self.n = 0
        self.directs: list[str] = []
        self.receipts: list[str] = []
        self.loaded: set[str] = set()
        self.loaded_receipts: set[str] = set()
        self.wrong: list[str] = []
        self._ready: Event | None = None
        self._caught_up: Event | None = None

    @property
    def seq(self) -> int:
        return self.log[-1]["seq"] if self.log else self.after

    @property
    def online(self) -> bool:
        return self.socket is not None and not self.socket.gone.called

    def hear(self, event: Event) -> None:
        name, data = event["event"], event["data"]
        if name == "ready":
            self._ready = data
        elif name == "caught-up":
            self._caught_up = data
            assert self._ready is not None
            if not data["recovered"]:
                self.n, self.directs, self.receipts = self._ready["n"], [], []
            if not data["recovered"] or self._ready["room"] != self.room:
                # At once: the next event may be a new one.
                self.room, self.after, self.log = self._ready["room"], self._ready["seq"] or 0, []
        elif name == "error":
            pass  # the socket is closed
        elif "n" in data:
            if data["n"] != self.n + 1:
                self.wrong.append(f"n {data['n']} after {self.n}")
            self.n = data["n"]
            self._hear_own(name, data)
        else:
            self._hear_room(data)

    def _hear_own(self, name: str, data: Event) -> None:
        if name == "direct-message":
            if data["_id"] not in self.loaded:
                self.directs.append(data["_id"])
        elif name == "read-message":
            if data["data"]["_id"] not in self.loaded_receipts:
                self.receipts.append(data["data"]["_id"])
        elif data["room"] == self.room and data["type"] in OUT and data["seq"] > self.after:
            self.room = None

    def _hear_room(self, data: Event) -> None:
        if data.get("type") == "new roommate" and data["user"] == self.person.id:
            self.room, self.after, self.log = data["room"], data["seq"] - 1, []
        if data["room"] == self.room:
            if data["seq"] <= self.seq:
                self.wrong.append(f"seq {data['seq']} after {self.seq}")
            self.log.append(data)

    async def come_back(self, left: int | None = None) -> None:
        """Open a socket and say what one has; ``left`` bytes later it breaks."""
        await self.part()
        self._ready = self._caught_up = None

        def protocol() -> Cut:
            socket = Cut()
            socket.client, self.socket = self, socket
            return socket

        socket = await listen_as(protocol, self.person.daemon.websocket)
        socket.left = left
        have = {"n": self.n, "room": self.room, "seq": None if self.room is None else self.seq}
        socket.say({"event": "init", "data": {"session_key": self.person.session_key, **have}})
        await eventually(lambda: self._caught_up is not None or socket.gone.called, "caught-up")
        if self._caught_up is not None and not self._caught_up["recovered"]:
            await self._reload()

    async def _reload(self) -> None:
        """What the protocol tells a client to do that was away too long, or is in another room by now."""
        received = [message["_id"] for message in await self.received()]
        read = await self.read_by_others()
        # What was read here may be told as an event, too, before or after.
        self.directs = list(dict.fromkeys([*received, *self.directs]))
        self.receipts = list(dict.fromkeys([*read, *self.receipts]))
        self.loaded, self.loaded_receipts = set(received), set(read)

    async def part(self) -> None:
        if self.socket is not None:
            await self.socket.leave()

    async def received(self) -> list[Event]:
        messages: list[Event] = (await self.person.call("/user/messages", limit=500)).data["messages"]
        return messages

    async def read_by_others(self) -> list[str]:
        dialogs = (await self.person.call("/user/dialogs")).data["dialogs"]
        sent = [
            message
            for dialog in dialogs
            for message in (await self.person.call("/user/messages", user=dialog["user"], limit=500)).data["messages"]
        ]
        return [message["_id"] for message in sent if message["read"]]


class Histories(ChatTestCase):
    async def setUp(self) -> None:
        self._logged, self._listeners = 0, []
        self.daemon = await Daemon().start()
        self.clients: list[Client] = []

    async def tearDown(self) -> None:
        for client in self.clients:
            await client.part()
        await super().tearDown()
        await self.daemon.stop()
        self.daemon.remove()

    async def test_histories(self) -> None:
        """After any history, what a client has from its events is what a fresh read says."""
        for seed in SEEDS:
            try:
                await self.history(random.Random(seed))
            except Exception as error:
                raise AssertionError(f"JUSTCHAT_SEEDS={seed} JUSTCHAT_STEPS={STEPS}: {error}") from error

    async def history(self, chance: random.Random) -> None:
        for client in self.clients:
            await client.part()
        self.clients = [Client(await a_person(self.daemon)) for _ in range(5)]
        self.rooms = [await a_room(client.person) for client in self.clients[:3]]
        for client in self.clients:
            await client.come_back()
        for step in range(STEPS):
            await self.step(chance)
            if step % 20 == 19:
                await self.check()
        await self.check()

    async def step(self, chance: random.Random) -> None:
        """Some things at once; rarely the daemon is killed among them."""
        actions = chance.choices(
            [self.say, self.enter, self.leave, self.against, self.write, self.read, self.cut, self.come_back],
            weights=[8, 5, 1, 2, 4, 2, 2, 3],
            k=chance.randrange(1, 5),
        )
        clients = chance.sample(self.clients, len(actions))
        under_way = [
            ensureDeferred(action(client, chance))
            for action, client in zip(actions, clients, strict=True)  # type: ignore[arg-type]
        ]
        if chance.random() < 0.03:
            for each in under_way:
                each.addErrback(lambda _: None)  # whether it was carried out, the events tell
            await self.daemon.kill()
            await gatherResults(under_way)
            await self.daemon.start()
            for client in self.clients:
                await client.part()
        else:
            await gatherResults(under_way, consumeErrors=True)

    async def say(self, client: Client, chance: random.Random) -> None:
        await client.person.say(client.room or chance.choice(self.rooms), f"{chance.random()}")

    async def enter(self, client: Client, chance: random.Random) -> None:
        await client.person.enter(chance.choice(self.rooms))

    async def leave(self, client: Client, chance: random.Random) -> None:
        await client.person.call("/room/leave", room_id=chance.choice(self.rooms))

    async def against(self, client: Client, chance: random.Random) -> None:
        """Kick, ban, unban, promote: often in vain."""
        path = chance.choice(["kick", "kick", "ban", "unban", "unban", "add-moderator", "remove-moderator"])
        room = self.rooms[self.clients.index(client) % len(self.rooms)]
        await client.person.call(f"/room/{path}", room_id=room, user_id=chance.choice(self.clients).person.id)

    async def write(self, client: Client, chance: random.Random) -> None:
        message = {"user": chance.choice(self.clients).person.id, "text": f"{chance.random()}"}
        await client.person.call("/user/sendMessage", message=message)

    async def read(self, client: Client, chance: random.Random) -> None:
        if client.directs:
            await client.person.call("/user/messages/mark-as-read", message=chance.choice(client.directs))

    async def cut(self, client: Client, chance: random.Random) -> None:
        await client.part()

    async def come_back(self, client: Client, chance: random.Random) -> None:
        """On a socket that will break soon, as often as not while it is told what it missed."""
        await client.come_back(chance.choice([None, chance.randrange(180, 3000)]))

    async def check(self) -> None:
        """Everybody comes back, and knows all that there is, once and in order."""
        for client in self.clients:
            if not client.online or client.socket.left is not None:  # type: ignore[union-attr]
                await client.come_back()
        for client in self.clients:
            await self.compare(client)

    async def compare(self, client: Client) -> None:
        person = client.person
        room = (await person.shown())["room"]
        await self.same(room, lambda: client.room, "the room")
        received = sorted(message["_id"] for message in await client.received())
        await self.same(received, lambda: sorted(client.directs), "direct messages")
        await self.same(sorted(await client.read_by_others()), lambda: sorted(client.receipts), "receipts")
        if room is not None:
            chat: list[Event] = []
            while page := (await person.call("/room/chat", room=room, skip=len(chat), limit=500)).data["chat"]:
                chat += page
            new = [told(message) for message in chat if message["seq"] > client.after]
            await self.same(new, lambda: [told(event) for event in client.log], "the room's events")
            users: dict[str, None] = {}
            for each in [*(message for message in chat if message["seq"] <= client.after), *client.log]:
                if each.get("type") == "new roommate":
                    users[each["user"]] = None
                elif each.get("type") in OUT:
                    users.pop(each["user"], None)
            (shown,) = (await person.call("/room/get", room_id=room)).data["rooms"]
            self.assertEqual(shown["users"], list(users))
        self.assertEqual([], client.wrong)

    async def same(self, fresh: Any, built: Callable[[], Any], what: str) -> None:
        """What was built from events comes to be what is read: the last of them may be on its way."""
        try:
            await eventually(lambda: bool(built() == fresh), what)
        except AssertionError:
            self.assertEqual(fresh, built(), what)


def told(message: Event) -> tuple[Any, ...]:
    return tuple(message.get(name) for name in ("_id", "seq", "author", "user", "text", "type"))
