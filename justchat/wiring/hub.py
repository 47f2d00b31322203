"""The hub: what lies between the stores and the connections."""

from datetime import timedelta
from typing import Any

from attrs import frozen

from justchat.config.settings import Websocket
from justchat.hub.absentee_notices import AbsenteeNotices
from justchat.hub.announcer import Announcer
from justchat.hub.arrivals import Arrivals
from justchat.hub.broadcast import Broadcast
from justchat.hub.following import Following
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.positions import Positions
from justchat.hub.publisher import Publisher
from justchat.hub.registry import Registry
from justchat.hub.replay import Replay
from justchat.hub.room_sweep import RoomSweep
from justchat.hub.standstill import Standstill
from justchat.interfaces.bus import IBus
from justchat.limits.semaphore import Semaphore
from justchat.model.moment import now
from justchat.wiring.stores import Stores

READS_AT_ONCE = 8
"""Reads for bindings and replays that are under way at the same time. The others wait, so that many clients that
reconnect together leave the database to others.
"""


@frozen(kw_only=True)
class Hub:
    """The parts of the hub that others use. ``arrivals``, ``room_sweep`` and ``standstill`` are None for a daemon
    alone.
    """

    registry: Registry
    broadcast: Broadcast
    notices: AbsenteeNotices
    positions: Positions
    arrivals: Arrivals | None
    replay: Replay
    room_sweep: RoomSweep | None
    standstill: Standstill | None


def make_hub(settings: Websocket, stores: Stores, bus: IBus | None, reactor: Any) -> Hub:
    """The hub, subscribed to the stores. ``bus`` joins the daemon with others; None for a daemon alone."""
    registry = Registry(now)
    local_rooms = LocalRooms(registry)
    broadcast = Broadcast(registry, reactor)
    publisher = Publisher(broadcast, local_rooms, stores.rooms)
    notices = AbsenteeNotices(stores.mailboxes, reactor)
    announcer = Announcer(publisher, stores.packets)
    stores.rooms.subscribe(publisher.on_entry)
    stores.rooms.subscribe_own(notices.on_entry)
    stores.mailboxes.subscribe_own(announcer.on_mailbox_entry)
    reads = Semaphore(READS_AT_ONCE)
    replay = Replay(
        rooms=stores.rooms,
        mailboxes=stores.mailboxes,
        clock=now,
        events=settings.replay_events,
        age=timedelta(days=settings.replay_days),
        reads=reads,
    )
    stores.rooms.subscribe(replay.on_entry)
    following = arrivals = room_sweep = standstill = None
    if bus is not None and stores.packets is not None:
        following = Following(bus, registry, local_rooms, stores.rooms)
        arrivals = Arrivals(
            registry=registry,
            broadcast=broadcast,
            local_rooms=local_rooms,
            following=following,
            rooms=stores.rooms,
            replay=replay,
            reactor=reactor,
        )
        room_sweep = RoomSweep(
            bus=bus,
            packets=stores.packets,
            local_rooms=local_rooms,
            arrivals=arrivals,
            users=stores.users,
            rooms=stores.rooms,
            reactor=reactor,
        )
        standstill = Standstill(
            registry=registry, broadcast=broadcast, local_rooms=local_rooms, users=stores.users, reactor=reactor
        )
        stores.rooms.subscribe_own(announcer.on_entry)
        stores.mailboxes.subscribe(arrivals.on_mailbox_entry)
        stores.packets.on_moved(arrivals.on_moved)
        stores.packets.on_roommate_gift(publisher.on_roommate_gift)
        stores.sessions.subscribe(registry.session_ended)
    stores.mailboxes.subscribe(publisher.on_mailbox_entry)
    positions = Positions(
        users=stores.users,
        rooms=stores.rooms,
        mailboxes=stores.mailboxes,
        local_rooms=local_rooms,
        reads=reads,
        following=following,
        arrivals=arrivals,
    )
    return Hub(
        registry=registry,
        broadcast=broadcast,
        notices=notices,
        positions=positions,
        arrivals=arrivals,
        replay=replay,
        room_sweep=room_sweep,
        standstill=standstill,
    )
