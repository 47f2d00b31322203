"""A room's events reach the connections of its users at this daemon, whatever changes."""

import random
from datetime import timedelta
from itertools import count
from time import perf_counter

from attrs import evolve
from twisted.trial.unittest import TestCase

from justchat.hub.local_rooms import LocalRooms
from justchat.hub.registry import Registry
from justchat.interfaces.realtime import IConnection
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.model.user import Session
from tests.support.connections import RecordingConnection


def a_connection(user: Id) -> RecordingConnection:
    at = now()
    return RecordingConnection(
        Session(id=new_id(), user=user, created_at=at, seen_at=at, expires_at=at + timedelta(days=1))
    )


class LocalRoomsCase(TestCase):
    def setUp(self) -> None:
        self.registry = Registry(now)
        self.local_rooms = LocalRooms(self.registry)
        self.seqs = count(1)

    def a_room(self, *users: Id) -> Room:
        return Room(
            id=new_id(),
            name="room",
            admin=new_id(),
            created_at=now(),
            max_users=20_000,
            users=dict.fromkeys(users),
        )

    def bind(self, user: Id, *rooms: Room) -> RecordingConnection:
        """A connection of a user, who is in these rooms."""
        connection = a_connection(user)
        assert connection.session is not None
        self.registry.bind(connection, connection.session)
        for room in rooms:
            self.local_rooms.add(user, room.id)
        return connection

    def unbind(self, connection: RecordingConnection) -> None:
        assert connection.session is not None
        self.registry.unbind(connection, connection.session)

    def happens(self, room: Room, kind: Kind, user: Id) -> Room:
        """The room after an entry, which is published."""
        seq = next(self.seqs)
        entry = Entry(id=new_id(), stream=room.id, seq=seq, kind=kind, author=user, user=user, created_at=now())
        room = room.after(entry)
        self.local_rooms.apply(entry)
        return room


class Connections(LocalRoomsCase):
    def test_several(self) -> None:
        """Every connection of every local user in the room, and no other."""
        anna, boris, away, elsewhere = (new_id() for _ in range(4))
        room = self.a_room(anna, boris, away)
        connections = [self.bind(user, room) for user in (anna, boris, anna)]
        self.bind(elsewhere, self.a_room(elsewhere))

        self.assertCountEqual(connections, self.local_rooms.connections(room))

    def test_unchanged(self) -> None:
        """The list is not made anew for each message."""
        anna = new_id()
        room = self.a_room(anna)
        self.bind(anna, room)

        self.assertIs(self.local_rooms.connections(room), self.local_rooms.connections(room))

    def test_added_too_early(self) -> None:
        """Who is not in the room does not receive it, even if they are about to enter."""
        anna = new_id()
        room = self.a_room()
        connection = self.bind(anna, room)
        self.assertEqual([], self.local_rooms.connections(room))

        entered = self.happens(room, Kind.NEW_ROOMMATE, anna)

        self.assertEqual([connection], self.local_rooms.connections(entered))

    def test_leaving(self) -> None:
        """Who leaves, is kicked or banned receives no more; the others do."""
        for kind in (Kind.LEAVE, Kind.KICK, Kind.BAN):
            anna, boris = new_id(), new_id()
            room = self.a_room(anna, boris)
            connections = [self.bind(user, room) for user in (anna, boris)]
            self.assertEqual(connections, self.local_rooms.connections(room))

            after = self.happens(room, kind, anna)

            self.assertEqual(connections[1:], self.local_rooms.connections(after), kind)

    def test_second_socket(self) -> None:
        """A later socket of somebody in the room receives it; when the first goes, the other stays."""
        anna = new_id()
        room = self.a_room(anna)
        first = self.bind(anna, room)
        self.assertEqual([first], self.local_rooms.connections(room))
        second = self.bind(anna)
        self.assertEqual([first, second], self.local_rooms.connections(room))

        self.unbind(first)

        self.assertEqual([second], self.local_rooms.connections(room))

    def test_replaced(self) -> None:
        """A connection that takes another one's place receives the room instead."""
        anna = new_id()
        room = self.a_room(anna)
        first, other = self.bind(anna, room), a_connection(anna)
        self.assertEqual([first], self.local_rooms.connections(room))
        assert first.session is not None

        self.registry.replace(first, other, first.session)

        self.assertEqual([other], self.local_rooms.connections(room))

    def test_waiting_delivery(self) -> None:
        """A list that was taken before does not change."""
        anna, boris = new_id(), new_id()
        room = self.a_room(anna, boris)
        connections = [self.bind(user, room) for user in (anna, boris)]
        taken = self.local_rooms.connections(room)

        self.unbind(connections[0])
        self.happens(room, Kind.LEAVE, boris)

        self.assertEqual(connections, taken)

    def test_forgotten(self) -> None:
        """Nothing is kept of users without connections, nor of rooms without local users."""
        people = [new_id() for _ in range(3)]
        room = self.a_room(*people)
        connections = [self.bind(user, room) for user in people]
        self.local_rooms.connections(room)

        for connection in connections[:2]:
            self.unbind(connection)
        self.happens(room, Kind.REMOVE_ROOM, room.admin)

        self.assertEqual(({}, {}), (self.local_rooms._rooms, self.local_rooms._rooms_of))

    def test_random(self) -> None:
        """Through many moves, binds and unbinds: exactly the connections of the room's users, as a walk finds them."""
        chance = random.Random(17)
        people = [new_id() for _ in range(12)]
        rooms = [self.a_room() for _ in range(4)]
        connections: list[RecordingConnection] = []
        for _ in range(3000):
            user, number = chance.choice(people), chance.randrange(4)
            match chance.randrange(5):
                case 0:
                    connections.append(self.bind(user, *(room for room in rooms if user in room.users)))
                case 1 if connections:
                    self.unbind(connections.pop(chance.randrange(len(connections))))
                case 2 if user not in rooms[number].users:
                    rooms[number] = self.happens(rooms[number], Kind.NEW_ROOMMATE, user)
                case 3 if user in rooms[number].users:
                    rooms[number] = self.happens(rooms[number], Kind.KICK, user)
                case _:
                    rooms[number] = evolve(rooms[number], name="other")
            room = rooms[number]

            self.assertCountEqual(
                [
                    connection
                    for connection in connections
                    if connection.session and connection.session.user in room.users
                ],
                self.local_rooms.connections(room),
            )


class Cost(LocalRoomsCase):
    def test_large_room(self) -> None:
        """A message in a room of 10,000 of whom ten are connected costs hardly more than in a room of those ten."""
        connected = [new_id() for _ in range(10)]
        small = self.a_room(*connected)
        large = self.a_room(*connected, *(new_id() for _ in range(10_000)))
        for user in connected:
            self.bind(user, small, large)

        took = [min(self.seconds(room) for _ in range(20)) for room in (small, large)]

        self.assertLess(took[1], 5 * took[0])

    def seconds(self, room: Room) -> float:
        began = perf_counter()
        found: list[IConnection] = []
        for _ in range(100):
            found = self.local_rooms.connections(room)
        self.assertEqual(10, len(found))
        return perf_counter() - began
