"""The registry sends to many connections in slices; each gets every event once, in order."""

from datetime import timedelta

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.hub.broadcast import CONNECTIONS_AT_ONCE, Broadcast
from justchat.hub.registry import Registry
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session
from justchat.protocol.encoded_events import EncodedEvent
from tests.support.connections import RecordingConnection


def a_session(user: Id, lasts: timedelta = timedelta(days=1)) -> Session:
    at = now()
    return Session(id=new_id(), user=user, created_at=at, seen_at=at, expires_at=at + lasts)


class Sending(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.registry = Registry(now)
        self.broadcast = Broadcast(self.registry, self.clock)
        self.users: list[Id] = []
        self.connections: list[RecordingConnection] = []

    def join(self, number: int = 1) -> list[RecordingConnection]:
        joined = []
        for _ in range(number):
            session = a_session(new_id())
            connection = RecordingConnection(session)
            self.registry.bind(connection, session)
            self.users.append(session.user)
            joined.append(connection)
        self.connections += joined
        return joined

    def say(self, text: str, stream: Id | None = None, to: list[Id] | None = None, *, after_all: bool = False) -> None:
        connections = [each for user in to or self.users for each in self.registry.by_user.get(user, ())]
        self.broadcast.send(connections, lambda: EncodedEvent(text.encode(), stream), after_all=after_all)

    def turns(self) -> None:
        while self.clock.getDelayedCalls():
            self.clock.advance(0)

    def test_one_turn(self) -> None:
        """Events of one stream for the same connections in one reactor turn are sent together."""
        self.join(3)
        room = new_id()
        self.say("one", room)
        self.say("two", room)
        self.say("elsewhere", new_id())
        self.say("three", room)
        self.assertEqual([[]] * 3, [each.received for each in self.connections])

        self.turns()

        self.assertEqual([["one", "two", "three", "elsewhere"]] * 3, [each.received for each in self.connections])
        self.assertEqual([2] * 3, [connection.batches for connection in self.connections])

    def test_moves(self) -> None:
        """What ends or begins a stay comes after what was sent before, even if its own stream has more that waits."""
        (anna,) = self.join()
        room, next_room = new_id(), new_id()
        self.say("enters", room, after_all=True)
        self.say("enters the next", next_room, after_all=True)
        self.say("enters again", room, after_all=True)
        self.say("a word", room)

        self.turns()

        self.assertEqual(["enters", "enters the next", "enters again", "a word"], anna.received)

    def test_caught_up(self) -> None:
        """Who waits for what was sent goes on when that has left, and does not wait for what is sent later."""
        (anna,) = self.join()
        self.successResultOf(self.broadcast.caught_up())
        self.say("before")
        waiter = self.broadcast.caught_up()
        waiter.addCallback(lambda _: anna.received.append("directly"))
        self.assertNoResult(waiter)
        self.say("after", new_id())

        self.turns()

        self.assertEqual("before", anna.received[0])
        self.assertEqual({"before", "directly", "after"}, {*anna.received})

    def test_held(self) -> None:
        """What is held waits, and so does who waits for it; then all of it is sent, in order."""
        (anna,) = self.join()
        room = new_id()
        self.say("before", room)
        self.broadcast.before_sending = self.broadcast.hold
        self.turns()
        self.say("meanwhile", room)
        self.say("elsewhere", new_id())
        waiter = self.broadcast.caught_up()
        self.turns()
        self.assertEqual([], anna.received)
        self.assertNoResult(waiter)

        self.broadcast.before_sending = lambda: None
        self.broadcast.release()
        self.turns()

        self.assertEqual(["before", "meanwhile", "elsewhere"], anna.received)
        self.successResultOf(waiter)

    def test_held_in_vain(self) -> None:
        """Who waits goes on where nothing was held."""
        self.broadcast.hold()
        waiter = self.broadcast.caught_up()
        self.assertNoResult(waiter)

        self.broadcast.release()
        self.turns()

        self.successResultOf(waiter)

    def test_order(self) -> None:
        """A stream's events come in order to everyone, also while connections are bound and unbound."""
        first, second = self.join(2)
        room = new_id()
        self.say("one", room)
        self.say("two", room, self.users[:1])
        self.say("three", room)
        (third,) = self.join()
        self.say("four", room)

        self.turns()

        self.assertEqual(["one", "two", "three", "four"], first.received)
        self.assertEqual(["one", "three", "four"], second.received)
        self.assertEqual(["four"], third.received)

    def test_many(self) -> None:
        """Many connections are sent to in slices: each gets all of its events once, in order."""
        self.join(3 * CONNECTIONS_AT_ONCE + 1)
        self.say("one")
        self.say("two")
        few = self.users[-2:]
        self.say("to a few", to=few)
        late = self.join()
        self.say("three")

        self.turns()

        common = [each.received for each in self.connections[:-3]]
        self.assertEqual([["one", "two", "three"]] * len(common), common)
        self.assertEqual([["one", "two", "to a few", "three"]] * 2, [each.received for each in self.connections[-3:-1]])
        self.assertEqual(["three"], late[0].received)

    def test_gone(self) -> None:
        """A connection that is unbound gets none of the queued events; bound again, it gets later ones."""
        self.join(2 * CONNECTIONS_AT_ONCE)
        leaver = self.connections[-1]
        room = new_id()
        self.say("one", room)
        session = leaver.session
        assert session is not None
        self.registry.unbind(leaver, session)
        self.registry.bind(leaver, session)
        self.say("two", room)

        self.turns()

        self.assertEqual(["two"], leaver.received)
        self.assertEqual(["one", "two"], self.connections[0].received)

    def test_replaced(self) -> None:
        """What is queued for a replaced connection still goes to it; what comes later goes to the other."""
        self.join(2)
        first, other = self.connections[0], RecordingConnection()
        room = new_id()
        self.say("one", room)
        assert first.session is not None
        self.registry.replace(first, other, first.session)
        self.say("two", room)

        self.turns()

        self.assertEqual((["one"], ["two"]), (first.received, other.received))
        self.assertEqual(["one", "two"], self.connections[1].received)

    def test_expired(self) -> None:
        """Every connection of an expired session is closed, and no other."""
        over = a_session(new_id(), lasts=timedelta(0))
        old = [RecordingConnection(over), RecordingConnection(over)]
        for connection in old:
            self.registry.bind(connection, over)
        (young,) = self.join()

        self.registry.close_expired()

        self.assertEqual([4440, 4440, None], [connection.closed for connection in (*old, young)])
