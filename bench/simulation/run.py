"""The run: people connect and write; then a node is away, and a daemon dies."""

import random
from collections.abc import Iterator
from statistics import mean

from attrs import frozen

from bench.simulation.daemon import Daemon
from bench.simulation.network import Network
from bench.simulation.world import World, room_stream, user_stream
from justchat.bus.uri import owning_node

MESSAGES = 100_000
"""Messages of rooms that are sent. Figures are scaled to what all people write in a second."""
BODY = bytes(300)
SAMPLE = 20_000
"""Streams of which it is looked up where they go when a node is taken out of the list."""


@frozen(kw_only=True)
class Figures:
    """Counts, and rates a second."""

    subscriptions: int
    """Pairs of a stream and a daemon that follows it."""
    node_balance: float
    """The subscriptions of the fullest node, as a multiple of the mean."""
    messages: float
    deliveries: float
    hand_outs: float
    """Packets from nodes to daemons."""
    hand_out_balance: float
    """The hand-outs of the busiest node, as a multiple of the mean."""
    into_daemon: float
    into_busiest: float
    largest_room: int
    largest_handed: int
    """Hand-outs of one message into the largest room."""
    node_streams: int
    """Subscriptions to one node: what daemons sweep while it is away, and subscribe to when it is back."""
    node_messages: float
    """The share of messages that go through one node."""
    moved: float
    """The share of streams that another node owns when one is taken out of the list."""
    daemon_subscriptions: int
    """Subscriptions of all other daemons when one dies and its clients come back."""
    daemon_most: int
    """Subscriptions of one of them at most."""


class Simulation:
    """A world, its daemons, and the nodes of their bus."""

    def __init__(self, world: World, daemons: int, nodes: int, seed: int = 1) -> None:
        self.world = world
        self.network = Network([f"10.0.0.{number}:6379" for number in range(nodes)])
        self.daemons = [Daemon(self.network) for _ in range(daemons)]
        self._dice = random.Random(seed)

    def connect(self) -> None:
        """Everybody's socket is bound."""
        for room in range(self.world.rooms):
            stream = room_stream(room)
            for person in self.world.members(room):
                self._daemon_of(person).connect(user_stream(person), stream)

    def write(self, messages: int) -> int:
        """Send messages into rooms, and as many direct ones as people write meanwhile. Returns the deliveries."""
        deliveries = 0
        for room in self._dice.choices(range(self.world.rooms), cum_weights=self.world.cumulated_rates, k=messages):
            members = self.world.members(room)
            self._daemon_of(self._dice.choice(members)).publish(room_stream(room), BODY)
            deliveries += len(members)
        seconds = messages / self.world.messages_a_second
        direct = round(seconds * self.world.direct_messages_a_second)
        for _ in range(direct):
            author, to = self._dice.randrange(self.world.people), self._dice.randrange(self.world.people)
            self._daemon_of(author).publish(user_stream(to), BODY)
        return deliveries + direct

    def _daemon_of(self, person: int) -> Daemon:
        return self.daemons[self.world.daemon_of[person]]

    def hand_outs_of_one(self, room: int) -> int:
        """The hand-outs of one message into a room."""
        before = sum(self.network.handed_out)
        self.daemons[0].publish(room_stream(room), BODY)
        return sum(self.network.handed_out) - before

    def node_dies(self, number: int, messages: int) -> float:
        """A node is away while messages are written. Returns the share that did not pass; they come from the log."""
        published = self.network.published[:]
        self.network.leave(number)
        self.write(messages)
        self.network.come_back(number)
        passed = sum(self.network.published) - sum(published)
        seconds = messages / self.world.messages_a_second
        return 1 - passed / (messages + round(seconds * self.world.direct_messages_a_second))

    def daemon_dies(self, number: int) -> list[int]:
        """Its clients connect to the others. Returns the subscriptions that each of these makes."""
        gone = self.daemons[number]
        for stream in gone.bus.followed():
            self.network.unsubscribe(gone.bus, stream)
        others = [daemon for daemon in self.daemons if daemon is not gone]
        before = [daemon.bus.subscribed for daemon in others]
        for person, room in self._people_of(number):
            self._dice.choice(others).connect(user_stream(person), room_stream(room))
        return [daemon.bus.subscribed - earlier for daemon, earlier in zip(others, before, strict=True)]

    def _people_of(self, daemon: int) -> Iterator[tuple[int, int]]:
        for room in range(self.world.rooms):
            for person in self.world.members(room):
                if self.world.daemon_of[person] == daemon:
                    yield person, room


def moved_share(addresses: list[str], streams: int = SAMPLE) -> float:
    """The share of streams that another node owns when the last node is taken out of the list."""
    moved = sum(
        owning_node(stream, addresses) != owning_node(stream, addresses[:-1])
        for stream in map(user_stream, range(streams))
    )
    return moved / streams


def simulate(people: int, daemons: int, nodes: int, messages: int = MESSAGES, seed: int = 1) -> Figures:
    """Run the complete simulation."""
    world = World.make(people, daemons, seed)
    run = Simulation(world, daemons, nodes, seed)
    network = run.network
    run.connect()
    subscriptions = network.subscriptions[:]
    deliveries = run.write(messages)
    scale = world.messages_a_second / messages
    received = [daemon.bus.received * scale for daemon in run.daemons]
    handed_out = [count * scale for count in network.handed_out]
    largest_handed = run.hand_outs_of_one(world.largest)
    unpassed = run.node_dies(0, messages // 10)
    moved = run.daemon_dies(0) if daemons > 1 else [0]
    return Figures(
        subscriptions=sum(subscriptions),
        node_balance=max(subscriptions) / mean(subscriptions),
        messages=world.messages_a_second + world.direct_messages_a_second,
        deliveries=deliveries * scale,
        hand_outs=sum(handed_out),
        hand_out_balance=max(handed_out) / mean(handed_out),
        into_daemon=mean(received),
        into_busiest=max(received),
        largest_room=len(world.members(world.largest)),
        largest_handed=largest_handed,
        node_streams=subscriptions[0],
        node_messages=unpassed,
        moved=moved_share(list(network.addresses)) if nodes > 1 else 1.0,
        daemon_subscriptions=sum(moved),
        daemon_most=max(moved),
    )
