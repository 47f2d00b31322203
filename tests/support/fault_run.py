"""A fault run: users send and pay while daemon, database and sockets are killed, stopped and cut.

Who talks keeps a log of their own of what was acknowledged and what was refused; in the end that is held against the
history, against what each member received, and against the balances.
"""

import contextlib  # a global "suppress" would be a setting of trial's
import hashlib
import hmac
import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from typing import Any

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.support.app import Client
from tests.support.chat import Person, a_person, a_room
from tests.support.daemon import Daemon
from tests.support.mongo import pause

TALKERS = 5
COINS = 70


@define
class Talker:
    """Sends unique texts, some until they are acknowledged; tops up and gives until that is acknowledged."""

    person: Person
    room: str
    friend: Person
    gift: dict[str, Any]
    said: list[str] = field(factory=list)
    refused: list[str] = field(factory=list)
    unknown: list[str] = field(factory=list)
    paid: int = 0
    given: list[str] = field(factory=list)
    too_dear: list[str] = field(factory=list)
    longest: float = 0
    """Seconds without an acknowledgement."""
    enough: threading.Event = field(factory=threading.Event)

    def run(self, chance: random.Random) -> None:
        last = time.monotonic()
        secret = (self.person.daemon.data / "payments-secret-key").read_text().encode()
        for number in itertools.count():
            if self.enough.is_set():
                return
            name = f"{self.person.phone}-{number}"
            if number % 20 == 0:
                signature = hmac.new(secret, f"{name}:{COINS}:{self.person.id}".encode(), hashlib.sha256).hexdigest()
                payment = {"balance": COINS, "payment_id": name, "secret": signature}
                while self.call("/user/updateBalance", payment) != 200:
                    time.sleep(0.05)
                self.paid += COINS
            elif number % 5 == 0:
                present = {"gift": self.gift["_id"], "user": self.friend.id, "text": name}
                while (status := self.call("/gifts/send", present, {"Idempotency-Key": name})) not in (200, 402):
                    time.sleep(0.05)
                (self.given if status == 200 else self.too_dear).append(name)
            else:
                again, message = chance.random() < 0.5, {"room_id": self.room, "text": name}
                headers = {"Idempotency-Key": name} if again else {}
                while True:
                    status = self.call("/room/sendMessage", {"message": message}, headers)
                    if not again or status == 200:
                        break
                    time.sleep(0.05)
                {200: self.said, 0: self.unknown}.get(status, self.refused).append(name)
                if status != 200:
                    time.sleep(0.05)
                    continue
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now

    def call(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> int:
        """The status; 0 for a broken connection or after 10 s."""
        connection = http.client.HTTPConnection("127.0.0.1", self.person.daemon.http, timeout=10)
        try:
            document = json.dumps({"session_key": self.person.session_key, **body})
            connection.request("POST", path, document, headers or {})
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


async def gift_texts(person: Person) -> list[str]:
    """The texts of all gifts that a person was given; their profile has the latest 100."""
    texts: list[str] = []
    while page := (await person.call("/user/gifts", user=person.id, skip=len(texts), limit=500)).data["gifts"]:
        texts += [gift["text"] for gift in page]
    return texts


class FaultRun:
    """One run; ``table`` is what was done and found, ``wrong`` what must not be."""

    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds = seconds
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.table: list[tuple[str, object]] = [("seed", seed), ("seconds", round(seconds))]
        self.wrong: list[str] = []
        self.daemon = Daemon()

    async def go(self) -> None:
        await self.daemon.start()
        people = [await a_person(self.daemon) for _ in range(TALKERS)]
        room = await a_room(people[0], *people)
        gift = (await people[0].call("/gifts")).data["gifts"][0]
        talkers = [
            Talker(person, room, friend, gift) for person, friend in zip(people, people[1:] + people[:1], strict=True)
        ]
        members = [Client(person) for person in people]
        for member in members:
            await member.come_back()
        threads = [deferToThread(each.run, random.Random(self.chance.random())) for each in talkers]
        try:
            await self.break_things(members)
        finally:
            for talker in talkers:
                talker.enough.set()
        await gatherResults(threads, consumeErrors=True)
        await self.check(talkers, members, room)
        for member in members:
            await member.part()
        await self.daemon.stop()
        self.daemon.remove()

    async def break_things(self, members: list[Client]) -> None:
        faults = {"daemon killed": 2, "database killed": 2, "database stopped a while": 2, "socket cut": 10}
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            await deferLater(reactor, self.chance.uniform(0.2, 1.5))
            (fault,) = self.chance.choices(list(faults), list(faults.values()))
            self.done[fault] += 1
            if fault == "socket cut":
                await self.chance.choice(members).part()
            elif fault == "daemon killed":
                await self.daemon.kill()
                await self.daemon.start()
            elif pid := self.daemon.mongod_pid():
                with contextlib.suppress(ProcessLookupError):  # it is dead already, and not back yet
                    if fault == "database killed":
                        os.kill(pid, signal.SIGKILL)
                    else:
                        pause(pid)
                        await deferLater(reactor, self.chance.uniform(0.1, 6))
                        os.kill(pid, signal.SIGCONT)
            for member in members:
                if not member.online and self.chance.random() < 0.5:
                    await self.come_back(member)

    async def come_back(self, member: Client) -> bool:
        try:
            await member.come_back()
        except Exception:  # whatever is broken now; the next time, then
            return False
        return member.online

    async def check(self, talkers: list[Talker], members: list[Client], room: str) -> None:
        for member in members:
            for _ in range(100):
                if member.online or await self.come_back(member):
                    break
                await deferLater(reactor, 0.2)
            self.wrong += member.wrong
        await deferLater(reactor, 1)
        chat: list[dict[str, Any]] = []
        while page := (await members[0].person.call("/room/chat", room=room, skip=len(chat), limit=500)).data["chat"]:
            chat += page
        texts = Counter(message["text"] for message in chat if message["type"] is None)
        acknowledged = [text for talker in talkers for text in talker.said]
        refused = [text for talker in talkers for text in talker.refused]
        self.found("messages acknowledged", len(acknowledged))
        self.found("messages refused", len(refused))
        self.found("gifts acknowledged", sum(len(talker.given) for talker in talkers))
        self.found("gifts refused, 402", sum(len(talker.too_dear) for talker in talkers))
        unknown = [text for talker in talkers for text in talker.unknown]
        self.found("answers lost with the connection", len(unknown))
        for fault, times in sorted(self.done.items()):
            self.found(fault, times)
        self.must_be_none("acknowledged, and not there", [text for text in acknowledged if not texts[text]])
        self.must_be_none("there more than once", [text for text in texts if texts[text] > 1])
        self.must_be_none("refused, and there", [text for text in refused if texts[text]])
        for talker in talkers:
            order = [m["text"] for m in chat if m["author"] == talker.person.id and m["type"] is None]
            said = set(talker.said)
            self.must_be_none("out of order", [] if [t for t in order if t in said] == talker.said else order)
            balance = (await talker.person.shown())["balance"]
            left = talker.paid - len(talker.given) * talker.gift["price"]
            self.must_be_none("balances that are not the ledger's", [] if balance == left else [(balance, left)])
            gifts = Counter(await gift_texts(talker.friend))
            wrong = {text: gifts[text] for text in talker.given if gifts[text] != 1}
            self.must_be_none("gifts not given once", [*wrong.items(), *(gifts.keys() - talker.given)])
        for member in members:
            received = [event["_id"] for event in member.log]
            shown = [message["_id"] for message in chat if message["seq"] > member.after]
            self.must_be_none("members who received otherwise", [] if received == shown else [member.person.id])
        self.found("longest time without an acknowledgement, s", round(max(t.longest for t in talkers), 1))

    def found(self, what: str, number: object) -> None:
        self.table.append((what, number))

    def must_be_none(self, what: str, found: list[Any]) -> None:
        """Add the number of findings to the table, and to ``wrong`` if there are any."""
        before = dict(self.table).get(what, 0)
        self.table = [row for row in self.table if row[0] != what] + [(what, before + len(found))]  # type: ignore[operator]
        if found:
            self.wrong.append(f"{what}: {found[:5]}")
