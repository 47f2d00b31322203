"""Random histories: the state that clients build from events equals what the calls return, whatever failed.

People enter, talk, put each other out and write to each other, several at once; sockets are cut at any byte, the
daemon is killed in the midst. Now and then everybody comes back, and what each has built from events is held against
a fresh read. With several daemons every call, and every socket, is at a random one of them.

Hypothesis chooses what is done, from a seed that a failure names, and finds the shortest history that fails.
``make histories`` tries as many as one likes.
"""

import contextlib  # a global "suppress" would be a setting of trial's
import os
from collections.abc import Callable, Coroutine
from random import Random, SystemRandom
from traceback import format_exception
from typing import Any
from urllib.parse import quote_plus

from attrs import evolve
from hypothesis import HealthCheck, core, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from hypothesis.strategies import integers, lists, randoms, sampled_from, tuples
from pymongo.errors import PyMongoError
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.threads import blockingCallFromThread, deferToThread

from tests.support.app import OUT, Client, Event, is_removal
from tests.support.chat import ChatTestCase, Person, a_person, a_room
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.redis_server import RedisServer
from tests.support.waiting import at_once, eventually
from tests.support.words import decide, held_message, word_list_settings

SEED = int(os.environ.get("JUSTCHAT_SEED", SystemRandom().randrange(10**6)))
STEPS = int(os.environ.get("JUSTCHAT_STEPS", "50"))
MOST = int(os.environ.get("JUSTCHAT_HISTORIES", "2"))
SETTINGS = settings(
    max_examples=MOST,
    stateful_step_count=STEPS,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
PEOPLE, KILLS, DAEMONS = 5, 2, 2
LOOKS, LOOK_TAKES = 10, 3.0
"""Times that a client's state is compared, and the seconds that it is waited for at each."""
ACTIONS = [
    *(["say"] * 6 + ["quote"] * 2 + ["remove"] * 3 + ["enter"] * 5 + ["leave"] + ["against"] * 2 + ["write"] * 4),
    *(["edit"] + ["block"] * 2 + ["hold"] * 2 + ["decide"] * 2),
    *(["read"] * 2 + ["cut"] * 2 + ["come_back"] * 3),
]
AT_ONCE = lists(
    tuples(sampled_from(ACTIONS), integers(0, PEOPLE - 1)), min_size=1, max_size=4, unique_by=lambda action: action[1]
)


class Histories(ChatTestCase):
    """``daemons`` are all those that the clients use."""

    most = MOST

    async def setUp(self) -> None:
        self._logged, self._listeners = 0, []
        self.daemons = self.make_daemons()
        self.daemon = self.daemons[0]
        self.clients: list[Client] = []
        await at_once(daemon.start() for daemon in self.daemons)

    def make_daemons(self) -> list[Daemon]:
        return [Daemon(settings=word_list_settings("hold"))]

    async def tearDown(self) -> None:
        try:
            for client in self.clients:
                await client.part()
            for daemon in self.daemons:
                self.daemon = daemon
                await super().tearDown()
        finally:
            for daemon in self.daemons:
                if daemon.process is not None and daemon.process.poll() is None:
                    await daemon.stop()
                daemon.remove()

    async def test_histories(self) -> None:
        """After any history, a client's state from events equals a fresh read."""
        machine = type("History", (History,), {"case": self})
        print(f"JUSTCHAT_SEED={SEED}")
        core.global_force_seed = SEED  # as --hypothesis-seed does
        try:
            await deferToThread(run_state_machine_as_test, machine, settings=settings(SETTINGS, max_examples=self.most))
        except Exception as error:
            how = f"JUSTCHAT_SEED={SEED} JUSTCHAT_STEPS={STEPS} JUSTCHAT_HISTORIES={MOST}"
            # A history that fails once and not again has the first failure inside of it.
            raise AssertionError(f"{how}: {''.join(format_exception(error))}") from error
        finally:
            core.global_force_seed = None

    async def begin(self) -> None:
        """Other people, in other rooms."""
        for client in self.clients:
            await client.part()
        self.clients = [Client(await a_person(self.daemon)) for _ in range(PEOPLE)]
        self.rooms = [await a_room(client.person) for client in self.clients[:3]]
        for client in self.clients:
            await client.come_back()

    async def at_once(self, actions: list[tuple[str, int]], chance: Random, *, killed: bool) -> None:
        """Let several users act at once; the daemon may be killed meanwhile."""
        under_way = [ensureDeferred(getattr(self, action)(self.clients[place], chance)) for action, place in actions]
        if not killed:
            await gatherResults(under_way, consumeErrors=True)
            return
        for each in under_way:
            each.addErrback(lambda _: None)  # whether it was carried out, the events show
        killed_one = chance.choice(self.daemons)
        await killed_one.kill()
        await gatherResults(under_way)
        await killed_one.start()
        for client in self.clients:
            if client.person.daemon is killed_one:
                await client.part()

    def hop(self, client: Client, chance: Random) -> Person:
        """The user of a client, at any daemon."""
        return evolve(client.person, daemon=chance.choice(self.daemons))

    async def say(self, client: Client, chance: Random) -> None:
        await self.hop(client, chance).say(client.room or chance.choice(self.rooms), f"{chance.random()}")

    async def hold(self, client: Client, chance: Random) -> None:
        """Say or write what is held."""
        who, text = self.hop(client, chance), f"badword {chance.random()}"
        if chance.random() < 0.7:
            await who.say(client.room or chance.choice(self.rooms), text)
        else:
            await who.call("/user/sendMessage", message={"user": chance.choice(self.clients).person.id, "text": text})

    async def decide(self, client: Client, chance: Random) -> None:
        """An operator decides on a held message of any room or dialog."""
        decision = chance.choice(["release", "release", "drop"])
        with contextlib.suppress(PyMongoError):  # the database is away, with its daemon
            message = await deferToThread(held_message, self.mongo)
            if message is not None:
                await deferToThread(decide, self.mongo, message, decision)

    @property
    def mongo(self) -> str:
        """The URI of the database."""
        options = self.daemon.options
        if "--mongo" in options:
            return options[options.index("--mongo") + 1]
        return f"mongodb://{quote_plus(str(self.daemon.data / 'mongo' / 'mongod.sock'))}/justchat"

    async def quote(self, client: Client, chance: Random) -> None:
        if client.log:
            message = chance.choice(client.log)["_id"]
            await self.hop(client, chance).say(client.log[-1]["room"], f"{chance.random()}", ref_message=message)

    async def remove(self, client: Client, chance: Random) -> None:
        """Remove a message that the client knows: often somebody else's, which needs a rank."""
        if client.log:
            message = chance.choice(client.log)["_id"]
            await self.hop(client, chance).call("/room/remove-message", message=message)

    async def enter(self, client: Client, chance: Random) -> None:
        await self.hop(client, chance).enter(chance.choice(self.rooms))

    async def leave(self, client: Client, chance: Random) -> None:
        await self.hop(client, chance).call("/room/leave", room_id=chance.choice(self.rooms))

    async def against(self, client: Client, chance: Random) -> None:
        """Kick, ban, unban, promote: often in vain."""
        path = chance.choice(["kick", "kick", "ban", "unban", "unban", "add-moderator", "remove-moderator"])
        room = self.rooms[self.clients.index(client) % len(self.rooms)]
        whom = chance.choice(self.clients).person.id
        await self.hop(client, chance).call(f"/room/{path}", room_id=room, user_id=whom)

    async def edit(self, client: Client, chance: Random) -> None:
        """Change the settings of a room: often in vain."""
        settings = {
            "name": f"{chance.random()}",
            "max_users": chance.randrange(3, 255),
            "slow_mode": chance.choice([0, 1]),
        }
        some = dict(chance.sample(sorted(settings.items()), 1))
        room = self.rooms[self.clients.index(client) % len(self.rooms)]
        await self.hop(client, chance).call("/room/edit", room={"id": room, **some})

    async def block(self, client: Client, chance: Random) -> None:
        """One of the last two blocks or unblocks the other."""
        one, other = chance.sample(self.clients[-2:], 2)
        await self.hop(one, chance).call(f"/user/{chance.choice(['block', 'unblock'])}", user=other.person.id)

    async def apart(self, client: Client) -> set[str]:
        """What one of the last two has written to the other, who may have read it without a receipt."""
        pair = self.clients[-2:]
        if client not in pair:
            return set()
        other = pair[1 - pair.index(client)].person.id
        sent = (await client.person.call("/user/messages", user=other, limit=500)).data["messages"]
        return {message["_id"] for message in sent}

    async def write(self, client: Client, chance: Random) -> None:
        message = {"user": chance.choice(self.clients).person.id, "text": f"{chance.random()}"}
        await self.hop(client, chance).call("/user/sendMessage", message=message)

    async def read(self, client: Client, chance: Random) -> None:
        if client.directs:
            message = chance.choice(client.directs)
            await self.hop(client, chance).call("/user/messages/mark-as-read", message=message)

    async def cut(self, client: Client, chance: Random) -> None:
        await client.part()

    async def come_back(self, client: Client, chance: Random) -> None:
        """Reconnect on a socket that will break soon, often during its replay."""
        client.person = self.hop(client, chance)
        await client.come_back(chance.choice([None, chance.randrange(180, 3000)]))

    async def check(self) -> None:
        """Every client reconnects and has all events once, in order."""
        for client in self.clients:
            if client.socket is None or client.socket.left is not None:
                await client.come_back()
        for client in self.clients:
            await self.compare(client)

    async def compare(self, client: Client) -> None:
        """The client's state comes to be what is read.

        What is decided on held messages is carried out within half a second: perhaps after they were read, or between
        two pages. Then everything is read again.
        """
        for _ in range(LOOKS - 1):
            with contextlib.suppress(AssertionError):
                await self.compare_once(client)
                break
        else:
            await self.compare_once(client)
        self.assertEqual([], client.wrong, client.time_line)

    async def compare_once(self, client: Client) -> None:
        if not client.online:
            await client.come_back()
        person = client.person
        room = (await person.shown())["room"]
        await self.same(room, lambda: client.room, "the room", client)
        received = sorted(message["_id"] for message in await client.received())
        await self.same(received, lambda: sorted(client.directs), "direct messages", client)
        apart = await self.apart(client)
        read = sorted(id for id in await client.read_by_others() if id not in apart)
        await self.same(read, lambda: sorted(id for id in client.receipts if id not in apart), "receipts", client)
        if room is not None:
            chat: list[Event] = []
            while page := (await person.call("/room/chat", room=room, skip=len(chat), limit=500)).data["chat"]:
                chat += page
            new = [essence(message) for message in chat if message["seq"] > client.after]
            await self.same(new, lambda: messages_of(client), "the room's events", client)
            users: dict[str, None] = {}
            for each in [*(message for message in chat if message["seq"] <= client.after), *client.log]:
                if each.get("type") == "new roommate":
                    users[each["user"]] = None
                elif each.get("type") in OUT:
                    users.pop(each["user"], None)
            (shown,) = (await person.call("/room/get", room_id=room)).data["rooms"]
            self.assertEqual(shown["users"], list(users))

    async def same(self, fresh: Any, built: Callable[[], Any], what: str, client: Client) -> None:
        """What was built from events comes to be what is read: the last of them may be on its way."""
        try:
            await eventually(lambda: bool(built() == fresh), what, LOOK_TAKES)
        except AssertionError:
            self.assertEqual(fresh, built(), "\n".join([what, *client.time_line]))


class HoppingHistories(Histories):
    """The same with several daemons on one database and one bus."""

    most = max(1, MOST // 2)

    def make_daemons(self) -> list[Daemon]:
        self.redis = RedisServer()
        self.addCleanup(self.redis.end)
        config = self.redis.folder / "justchat.toml"
        ours = '[limits]\nenabled = false\n[payments]\nsecret_key = "a secret of the tests"\n'
        config.write_text(ours + word_list_settings("hold"))
        options = ["--mongo", fresh_uri(), "--bus", self.redis.uri(), "--config", str(config)]
        return [Daemon(*options) for _ in range(DAEMONS)]


class History(RuleBasedStateMachine):
    """What is done, and when it is looked at. It runs in a thread, and the case in the reactor's."""

    case: Histories

    def __init__(self) -> None:
        super().__init__()
        self._kills = 0
        self._do(self.case.begin())

    def _do(self, doing: Coroutine[Any, Any, None]) -> None:
        blockingCallFromThread(reactor, lambda: ensureDeferred(doing))

    @rule(actions=AT_ONCE, chance=randoms(use_true_random=False))
    def at_once(self, actions: list[tuple[str, int]], chance: Random) -> None:
        self._do(self.case.at_once(actions, chance, killed=False))

    @precondition(lambda self: self._kills < KILLS)
    @rule(actions=AT_ONCE, chance=randoms(use_true_random=False))
    def daemon_is_killed(self, actions: list[tuple[str, int]], chance: Random) -> None:
        self._kills += 1
        self._do(self.case.at_once(actions, chance, killed=True))

    @rule()
    def everybody_looks(self) -> None:
        self._do(self.case.check())

    def teardown(self) -> None:
        self._do(self.case.check())


def essence(message: Event) -> tuple[Any, ...]:
    quoted = message["ref_message"] or {}
    own = (message.get(name) for name in ("_id", "seq", "author", "user", "text", "type"))
    return (*own, quoted.get("_id"), quoted.get("text"))


def messages_of(client: Client) -> list[tuple[Any, ...]]:
    """The room's messages that a client has, in their places: held ones were told later than their place."""
    placed = [{**event, "seq": event.get("message_seq", event["seq"])} for event in client.log if not is_removal(event)]
    placed.sort(key=lambda event: event["seq"])
    return [essence(event) for event in placed if event["seq"] > client.after]
