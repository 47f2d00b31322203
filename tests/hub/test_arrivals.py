"""A user moves by one daemon and is connected to another: there they get every event of the room, once, in order."""

import json
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from justchat.actions.moderation import Moderation
from justchat.actions.word_filter import WordFilter
from justchat.hub import arrivals
from justchat.hub.arrivals import Arrivals
from justchat.interfaces.packets import Move
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.protocol.encoded_events import EncodedEvent
from tests.support.connections import RecordingConnection
from tests.support.joined import JoinedCase
from tests.support.waiting import at_once, eventually


def events(connection: RecordingConnection) -> list[dict[str, Any]]:
    return [json.loads(text) for text in connection.received]


def seqs(connection: RecordingConnection, room: Id) -> list[int]:
    """The seqs of a room's events that a connection has received; notices to its user left out."""
    data = [event["data"] for event in events(connection)]
    return [each["seq"] for each in data if each.get("room") == room and "n" not in each]


class Following(JoinedCase):
    async def test_streams(self) -> None:
        """A daemon follows its users' streams and their rooms', and no other."""
        admin, anna = await self.people(2)
        room = await self.a_room(admin, admin, anna)

        first, at = await self.other.bind(anna)
        second, _ = await self.other.bind(anna)

        self.assertEqual((room, 2), (at.room, at.seq))
        self.assertEqual({anna, room}, set(self.other.bus.followed()))
        self.other.unbind(first)
        self.assertEqual({anna, room}, set(self.other.bus.followed()))
        self.other.unbind(second)
        self.assertEqual(set(), set(self.other.bus.followed()))

    async def test_together(self) -> None:
        """Connections of one user that are bound at the same time stay, however long ago the user entered the room."""
        admin, anna = await self.people(2)
        room = await self.a_room(admin, admin, anna)
        for _ in range(11):
            await at_once(self.one.say(admin, room, "long ago") for _ in range(100))

        bound = await at_once(self.other.bind(anna) for _ in range(3))

        self.assertEqual({(room, 1102)}, {(at.room, at.seq) for _, at in bound})
        self.assertEqual([(None, [])] * 3, [(connection.closed, connection.received) for connection, _ in bound])

    async def test_leaving(self) -> None:
        """The room of a user who leaves it is followed no more."""
        admin, anna = await self.people(2)
        room = await self.a_room(admin, admin, anna)
        await self.other.bind(anna)

        await self.other.actions.leave(anna, room)

        self.assertEqual({anna}, set(self.other.bus.followed()))

    async def test_unconfirmed(self) -> None:
        """A position is read when the bus has confirmed that the streams are followed."""
        admin, anna = await self.people(2)
        room = await self.a_room(admin, admin, anna)
        self.other.bus.is_slow = True
        binding = at_once([self.other.bind(anna)])
        await self.one.say(admin, room, "while the bus is slow")

        self.other.bus.confirm()

        ((_, at),) = await binding
        self.assertEqual((room, 3), (at.room, at.seq))

    async def test_away(self) -> None:
        """With the bus away nothing waits for it."""
        admin, anna = await self.people(2)
        room = await self.a_room(admin, admin, anna)
        self.node.leave()

        _, at = await self.other.bind(anna)

        self.assertEqual((room, 2), (at.room, at.seq))


class Arriving(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.anna, self.boris = await self.people(3)
        self.room = await self.a_room(self.admin, self.admin)
        self.connection, _ = await self.other.bind(self.anna)

    async def test_moved(self) -> None:
        """Everything since the user's entering comes, and the room is followed."""
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")

        await eventually(lambda: len(self.connection.received) >= 1, "the entering")
        await self.other.say(self.admin, self.room, "from here")

        await eventually(lambda: len(self.connection.received) >= 3, "all events")
        self.assertEqual([2, 3, 4], seqs(self.connection, self.room))
        self.assertIn(self.room, self.other.bus.followed())

    async def test_several(self) -> None:
        """Users who enter one after another each get what happened since their own entering."""
        others, _ = await self.other.bind(self.boris)
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "to one of them")
        await self.one.actions.enter(self.boris, self.room, None)
        await self.one.say(self.admin, self.room, "to both")

        await eventually(lambda: self.connection.received and others.received, "their entering")
        await self.other.say(self.admin, self.room, "from here")

        await eventually(lambda: len(self.connection.received) >= 5 and len(others.received) >= 3, "all events")
        self.assertEqual([2, 3, 4, 5, 6], seqs(self.connection, self.room))
        self.assertEqual([4, 5, 6], seqs(others, self.room))

    async def test_lost_packet(self) -> None:
        """The sweep finds a move for which no packet has come."""
        self.other.bus.loses = lambda stream, kind: True
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")
        self.assertEqual([], self.connection.received)
        assert self.other.hub.room_sweep is not None

        await self.other.hub.room_sweep.step()

        await eventually(lambda: len(self.connection.received) >= 2, "what was missed")
        self.assertEqual([2, 3], seqs(self.connection, self.room))

    async def test_second_connection(self) -> None:
        """A second connection finds the move in the database: then the first gets what it has missed, too."""
        self.other.bus.loses = lambda stream, kind: True
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")

        second, at = await self.other.bind(self.anna)

        self.assertEqual((self.room, 3), (at.room, at.seq))
        self.assertEqual([2, 3], seqs(self.connection, self.room))
        await self.other.say(self.admin, self.room, "from here")
        await eventually(lambda: len(self.connection.received) >= 3, "the message")
        self.assertEqual(4, seqs(self.connection, self.room)[-1])
        self.assertEqual(4, seqs(second, self.room)[-1])

    async def test_found_during_binding(self) -> None:
        """A user whom a sweep finds while they bind has arrived when they are bound, and gets nothing a second time."""
        await self.one.actions.enter(self.boris, self.room, None)
        self.other.bus.is_slow = True
        binding = at_once([self.other.bind(self.boris)])
        assert self.other.hub.room_sweep is not None
        self.node.leave()  # a sweep looks at all of them
        self.node.come_back()
        sweeping = at_once([self.other.hub.room_sweep.step()])

        self.other.bus.confirm()

        ((connection, at),) = await binding
        await sweeping
        self.assertEqual((self.room, 2), (at.room, at.seq))
        before = len(connection.received)
        await self.other.say(self.admin, self.room, "new")
        await eventually(lambda: len(connection.received) > before, "the message")
        self.assertEqual([3], seqs(connection, self.room)[before:])

    async def test_moved_again(self) -> None:
        """A user who has left again meanwhile gets nothing of the room after that."""
        self.other.bus.is_slow = True
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.actions.leave(self.anna, self.room)
        await self.one.say(self.admin, self.room, "not for her")

        self.other.bus.confirm()
        await self.other.say(self.admin, self.room, "nor this")

        await eventually(lambda: self.room not in self.other.bus.followed(), "the room to be unfollowed")
        self.assertNotIn(4, seqs(self.connection, self.room))
        self.assertNotIn(5, seqs(self.connection, self.room))

    async def test_late_word(self) -> None:
        """Word of a stay that is over comes through the database: the user's old connection gets all of it, once."""
        self.node.leave()
        await self.stay()
        assert self.other.stores.packets is not None

        for _ in range(2):
            await self.other.stores.packets.look()

        await eventually(lambda: len(seqs(self.connection, self.room)) >= 2, "the stay")
        await eventually(lambda: {self.anna} == set(self.other.bus.followed()), "the room to be unfollowed")
        self.assertEqual([2, 3], seqs(self.connection, self.room))

    async def test_late_word_for_a_new_connection(self) -> None:
        """A connection that was bound after the stay gets nothing of it."""
        self.node.leave()
        await self.stay()
        connection, at = await self.other.bind(self.anna)
        assert self.other.stores.packets is not None

        await self.other.stores.packets.look()
        await self.other.say(self.admin, self.room, "later")

        self.assertIsNone(at.room)
        self.assertEqual([], seqs(connection, self.room))

    async def test_word_of_a_stay_before(self) -> None:
        """Word of a stay that the connection has had, live, changes nothing when the user is back in the room."""
        await self.other.bind(self.admin)
        await self.stay()
        await eventually(lambda: len(seqs(self.connection, self.room)) >= 2, "the stay")
        packets = self.one.stores.packets
        assert packets is not None

        packets.publish_move(Move(self.anna, self.room, 2, now(), 1 << 60))
        await self.one.actions.enter(self.anna, self.room, None)

        await eventually(lambda: len(seqs(self.connection, self.room)) >= 3, "the next stay")
        self.assertEqual([2, 3, 5], seqs(self.connection, self.room))

    async def stay(self) -> None:
        """Anna enters the room through the one daemon, somebody says something, and she leaves it: seqs 2, 3 and 4."""
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")
        await self.one.actions.leave(self.anna, self.room)

    async def test_left_here(self) -> None:
        """A user who leaves through this daemon, before all of the stay was read, gets it all the same, and first."""
        self.other.bus.is_slow = True
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")
        await eventually(lambda: self.room in self.other.bus.followed(), "the room to be followed")

        leaving = at_once([self.other.actions.leave(self.anna, self.room)])
        self.other.bus.confirm()
        await leaving

        await self.told([("new roommate", self.room), (None, self.room), ("leave", self.room)])

    async def test_left_there(self) -> None:
        """Nor does it matter through which daemon the user leaves, and enters the next room."""
        second = await self.a_room(self.admin)
        self.other.bus.is_slow = True
        await self.stay()
        await self.one.actions.enter(self.anna, second, None)
        await eventually(self.is_noticed, "the notice of leaving to be stored")

        self.other.bus.confirm()

        expected = [("new roommate", self.room), (None, self.room), ("leave", self.room), ("new roommate", second)]
        await self.told(expected)

    async def test_unheard(self) -> None:
        """A stay of which no word has come is sent before the user leaves through this daemon, or enters a room."""
        second = await self.a_room(self.admin)
        self.other.bus.loses = lambda stream, kind: True
        for room, next_room in ((self.room, second), (second, None)):
            await self.one.actions.enter(self.anna, room, None)
            await self.one.say(self.admin, room, "hello")
            if next_room is not None:
                await self.other.actions.enter(self.anna, next_room, None)
                # This notice is in the user's own stream, which has no order with the room's.
                await eventually(lambda: events(self.connection)[-1]["data"].get("type") == "leave", "the notice")
            else:
                await self.other.actions.leave(self.anna, room)

        await self.told(
            [
                ("new roommate", self.room),
                (None, self.room),
                ("new roommate", second),
                ("leave", self.room),
                (None, second),
                ("leave", second),
            ]
        )

    async def test_kicked_here(self) -> None:
        """Nor before they are put out through this daemon."""
        stores = self.other.stores
        moderation = Moderation(
            users=stores.users,
            rooms=stores.rooms,
            pictures=stores.pictures,
            words=WordFilter(),
            clock=now,
            count_action=lambda user, room: None,
            arrivals=self.other.hub.arrivals,
        )
        self.other.bus.loses = lambda stream, kind: True
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")

        await moderation.kick(self.admin, self.room, self.anna, None)

        await self.told([("new roommate", self.room), (None, self.room), ("kick", self.room)])

    async def test_database_away(self) -> None:
        """No call waits for long until a user has arrived."""
        self.patch(arrivals, "WAITED_FOR", 0.01)
        self.other.bus.is_slow = True  # the arrival takes as long as it likes
        await self.one.actions.enter(self.anna, self.room, None)
        await eventually(lambda: self.room in self.other.bus.followed(), "the room to be followed")

        await self.other.actions.leave(self.anna, self.room)

        self.other.bus.confirm()

    async def test_bound_meanwhile(self) -> None:
        """A connection that is bound while another user's connection arrives gets nothing that its position has."""
        self.other.bus.follow(self.anna)  # lingers, as on any bus
        self.other.bus.is_slow = True
        await self.stay()
        await eventually(self.holds_notice, "the notice of leaving")
        self.other.unbind(self.connection)

        binding = ensureDeferred(self.other.bind(self.anna))
        waiters = self.arrivals._pending[self.anna].waiters
        await eventually(lambda: binding.called or waiters, "the connection to be bound, or to wait")
        told: list[str] = []
        binding.addCallback(lambda bound: told.extend(bound[0].received) or bound)
        self.other.bus.confirm()
        connection, at = await binding
        await eventually(lambda: not self.arrivals.pending, "the arrival to end")

        self.assertEqual((1, None), (at.n, at.room))
        self.assertEqual(told, connection.received)

    @property
    def arrivals(self) -> Arrivals:
        assert self.other.hub.arrivals is not None
        return self.other.hub.arrivals

    async def holds_notice(self) -> bool:
        return self.arrivals.pending == 1 and await self.other.stores.mailboxes.head(self.anna) == 1

    async def told(self, expected: list[tuple[str | None, Id]]) -> None:
        """The connection is told this of the user's stays, in this order."""

        def events_told() -> list[tuple[str | None, Id]]:
            data = [event["data"] for event in events(self.connection)]
            return [(each.get("type"), each["room"]) for each in data]

        await eventually(lambda: len(events_told()) >= len(expected), lambda: f"{expected}; there is {events_told()}")
        self.assertEqual(expected, events_told())

    async def is_noticed(self) -> bool:
        return await self.one.stores.mailboxes.head(self.anna) > 0

    async def test_backlog(self) -> None:
        """What was sent to the connection before, and has not left yet, is not overtaken."""
        broadcast, clock = self.other.hub.broadcast, Clock()
        self.patch(broadcast, "_reactor", clock)
        broadcast.send([self.connection], lambda: EncodedEvent(b'{"data": {"room": "before"}}'))
        await self.one.actions.enter(self.anna, self.room, None)
        await self.one.say(self.admin, self.room, "hello")
        await eventually(lambda: self.connection.received or broadcast._waiters, "events, or their wait")

        def rooms() -> list[Any]:
            clock.advance(0)
            return [event["data"]["room"] for event in events(self.connection)]

        await eventually(lambda: len(rooms()) >= 3, "all events")
        self.assertEqual(["before", self.room, self.room], rooms())

    async def test_closed(self) -> None:
        """Nothing is left of a user who goes while they arrive."""
        self.other.bus.is_slow = True
        await self.one.actions.enter(self.anna, self.room, None)
        await eventually(lambda: self.room in self.other.bus.followed(), "the room to be followed")

        self.other.unbind(self.connection)
        self.other.bus.confirm()

        await eventually(lambda: not list(self.other.bus.followed()), "all to be unfollowed")
