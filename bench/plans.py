"""The plans of the measures: the listeners and the messages."""

from collections.abc import Sequence
from itertools import cycle

from bench.generator import CLOCK, Plan
from bench.server import Server
from bench.world import (
    ARCHIVED_MESSAGES,
    DWELLERS,
    FEW,
    HALL,
    LARGE_ROOMS,
    MANY_MEMBERS,
    QUIET,
    READERS,
    ROOMS,
    WRITERS,
    key,
    person_id,
    room_id,
)


def quiet() -> Plan:
    """Messages to a room without listeners."""
    plan = Plan()
    plan.group()
    _speak(plan, 1)
    return plan


def room(sockets: int) -> Plan:
    """Messages to a room with so many sockets."""
    plan = Plan()
    plan.group()
    for number, person in enumerate(HALL):
        plan.listen("seq", (sockets + len(HALL) - 1 - number) // len(HALL), key(person))
    _speak(plan, 0)
    return plan


def rooms(number: int = ROOMS, sockets: int = 20) -> Plan:
    """Messages to each of so many rooms."""
    plan = Plan()
    for place, person in enumerate(DWELLERS[:number]):
        plan.group()
        plan.listen("seq", sockets, key(person))
        plan.post("/room/sendMessage", key(person), message={"room_id": room_id(2 + place), "text": CLOCK})
    return plan


def direct(writers: range = WRITERS, readers: range = READERS) -> Plan:
    """Messages to single people, who listen."""
    plan = Plan()
    for writer, reader in zip(writers, readers, strict=True):
        plan.group()
        plan.listen("n", 1, key(reader))
        plan.post("/user/sendMessage", key(writer), message={"user": person_id(reader), "text": CLOCK})
    return plan


def chat(position: int | None = None) -> Plan:
    """Pages of 100 from a long history: at that position, or all over it."""
    plan = Plan()
    plan.group()
    places = range(10, ARCHIVED_MESSAGES, ARCHIVED_MESSAGES // 8) if position is None else [position]
    for place in places:
        plan.post("/room/chat", key(HALL[0]), room=room_id(0), skip=place, limit=100)
    return plan


def rooms_list() -> Plan:
    """The newest 40 rooms."""
    plan = Plan()
    plan.group()
    plan.post("/room/get", key(HALL[0]), per_page=40)
    return plan


def dialogs() -> Plan:
    """A user's fifty dialogs."""
    plan = Plan()
    plan.group()
    plan.post("/user/dialogs", key(0))
    return plan


def read_a_little() -> Plan:
    """All reads in rotation."""
    return Plan(chat().lines + rooms_list().lines + dialogs().lines)


def members(number: int) -> Plan:
    """Messages to a room of so many people, ten of whom listen."""
    plan = Plan()
    plan.group()
    people = {len(FEW): FEW, len(MANY_MEMBERS): MANY_MEMBERS}[number]
    for person in people[: len(FEW)]:
        plan.listen("seq", 1, key(person))
        message = {"room_id": room_id(LARGE_ROOMS[number]), "text": CLOCK}
        plan.post("/room/sendMessage", key(person), message=message)
    return plan


def spread(plan: Plan, servers: Sequence[Server]) -> Plan:
    """The same over several servers: they share the sockets of a group, and each request goes to the next of them."""
    done, turns = Plan(), cycle(servers)
    for line in plan.lines:
        what, *rest = line.split(" ")
        if what == "listen":
            numbered_by, count, key = rest
            for place, server in enumerate(servers):
                done.at(server)
                done.listen(numbered_by, (int(count) + len(servers) - 1 - place) // len(servers), key)
        elif what == "post":
            done.at(next(turns))
            done.lines.append(line)
        else:
            done.lines.append(line)
    return done


def everywhere(number: int, speakers: Sequence[Server], listeners: Sequence[Server]) -> Plan:
    """Messages to each of so many rooms through all of these; at each of those a socket listens."""
    plan = Plan()
    for place, person in enumerate(DWELLERS[:number]):
        plan.group()
        for server in listeners:
            plan.at(server)
            plan.listen("seq", 1, key(person))
        for server in speakers:
            plan.at(server)
            plan.post("/room/sendMessage", key(person), message={"room_id": room_id(2 + place), "text": CLOCK})
    return plan


def _speak(plan: Plan, number: int) -> None:
    for person in (HALL, QUIET)[number]:
        plan.post("/room/sendMessage", key(person), message={"room_id": room_id(number), "text": CLOCK})
