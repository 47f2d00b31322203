"""A client application: it builds its state from events."""

from collections import deque
from datetime import UTC, datetime
from typing import Any

from tests.support.chat import Person
from tests.support.client import Listener, listen_as
from tests.support.waiting import eventually

Event = dict[str, Any]
OUT = {"leave", "kick", "ban", "remove room"}
REMEMBERED = 60
"""Lines of a client's time-line."""


def is_removal(data: Event) -> bool:
    """Whether these are the data of a ``message-removed``."""
    return "message" in data


class Cut(Listener):
    """A socket that breaks after ``left`` bytes, in the middle of anything."""

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
        self.client.apply(self.events[-1])


class Client:
    """A client whose state comes from events, and from calls only where ``caught-up`` says so."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.socket: Cut | None = None
        self.room: str | None = None
        self.after = 0
        """The room's events after this one are in ``log``."""
        self.log: list[Event] = []
        self.n = 0
        self.own: list[Event] = []
        self.own_after = 0
        """The user's own events after this one are in ``own``."""
        self.directs: list[str] = []
        self.receipts: list[str] = []
        self.gifts: list[str] = []
        self.seen_gifts: set[str] = set()
        """Those that others in the room received."""
        self.loaded: set[str] = set()
        self.loaded_receipts: set[str] = set()
        self.wrong: list[str] = []
        self.time_line: deque[str] = deque(maxlen=REMEMBERED)
        """When the client connected, where, and when it learned of a move, for whoever reads of a fault."""
        self._ready: Event | None = None
        self._caught_up: Event | None = None

    @property
    def seq(self) -> int:
        return self.log[-1]["seq"] if self.log else self.after

    @property
    def online(self) -> bool:
        return self.socket is not None and not self.socket.gone.called

    @property
    def cursor(self) -> dict[str, Any]:
        """The position that it sends when it comes back."""
        return {"n": self.n, "room": self.room, "seq": None if self.room is None else self.seq}

    def note(self, what: str) -> None:
        """Add a line to the time-line."""
        self.time_line.append(f"{datetime.now(UTC):%H:%M:%S.%f} {what}")

    def apply(self, event: Event) -> None:
        name, data = event["event"], event["data"]
        self._note_event(name, data)
        if name == "ready":
            self._ready = data
        elif name == "caught-up":
            self._caught_up = data
            assert self._ready is not None
            if not data["recovered"]:
                self.n, self.directs, self.receipts = self._ready["n"], [], []
                self.own_after, self.own = self.n, []
            if not data["recovered"] or self._ready["room"] != self.room:
                # At once: the next event may be a new one.
                self.room, self.after, self.log = self._ready["room"], self._ready["seq"] or 0, []
        elif name == "error":
            pass  # the socket is closed
        elif name == "gift-message" and "n" not in data:
            if data["_id"] in self.seen_gifts:
                self.wrong.append(f"twice a gift to a roommate: {data['_id']}")
            self.seen_gifts.add(data["_id"])
        elif "n" in data:
            if data["n"] <= self.n:  # one is missing where a write became void
                self.wrong.append(f"n {data['n']} after {self.n}")
            self.n = data["n"]
            self.own.append(data)
            self._apply_own(name, data)
        else:
            self._apply_of_room(data)

    def _note_event(self, name: str, data: Event) -> None:
        if name in ("ready", "caught-up", "error"):
            self.note(f"{name} {data}")
        elif data.get("type") in ("new roommate", *OUT) and data.get("user", self.person.id) == self.person.id:
            numbers = [(number, data[number]) for number in ("seq", "n") if number in data]
            self.note(f"{data['type']} {data['room']} {numbers}")

    def _apply_own(self, name: str, data: Event) -> None:
        if name == "direct-message":
            if data["_id"] not in self.loaded:
                self.directs.append(data["_id"])
        elif name == "read-message":
            if data["data"]["_id"] not in self.loaded_receipts:
                self.receipts.append(data["data"]["_id"])
        elif name == "gift-message":
            self.gifts.append(data["_id"])
        elif data["room"] == self.room and data["type"] in OUT and data["seq"] > self.after:
            self.room = None

    def _apply_of_room(self, data: Event) -> None:
        if data.get("type") == "new roommate" and data["user"] == self.person.id:
            self.room, self.after, self.log = data["room"], data["seq"] - 1, []
        if data["room"] == self.room:
            if data["seq"] <= self.seq:
                self.wrong.append(f"seq {data['seq']} after {self.seq}")
            self.log.append(data)
            if is_removal(data):
                self._forget(data["message"], was_held="held" in data)

    def _forget(self, id: str, *, was_held: bool) -> None:
        """A message was removed: its text goes, also where others quote it. One that was held goes as a whole."""
        if was_held:
            self.log = [message for message in self.log if message["_id"] != id]
        for message in self.log:
            if message["_id"] == id:
                message |= {"text": None, "ref_message": None}
            elif (message.get("ref_message") or {}).get("_id") == id:
                message["ref_message"] |= {"text": None}

    async def come_back(self, left: int | None = None) -> None:
        """Open a socket and send the position; the socket breaks after ``left`` bytes."""
        await self.part()
        self.seen_gifts.clear()  # these have no number, so another daemon may publish one again
        self._ready = self._caught_up = None

        def protocol() -> Cut:
            socket = Cut()
            socket.client, self.socket = self, socket
            return socket

        socket = await listen_as(protocol, self.person.daemon.websocket)
        socket.left = left
        self.note(f"connects to {self.person.daemon.websocket} with {self.cursor}")
        socket.say({"event": "init", "data": {"session_key": self.person.session_key, **self.cursor}})
        await eventually(lambda: self._caught_up is not None or socket.gone.called, "caught-up")
        if self._caught_up is not None and not self._caught_up["recovered"]:
            await self._reload()

    async def _reload(self) -> None:
        """Reload, as the protocol says for a client that was away too long or is in another room now."""
        received = [message["_id"] for message in await self.received()]
        read = await self.read_by_others()
        # What was read here may come as an event, too, before or after.
        self.directs = list(dict.fromkeys([*received, *self.directs]))
        self.receipts = list(dict.fromkeys([*read, *self.receipts]))
        self.loaded, self.loaded_receipts = set(received), set(read)

    async def part(self) -> None:
        if self.socket is not None:
            if not self.socket.gone.called:
                self.note("parts")
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
