"""The checker of a fault run: it compares every socket, journal and daemon with a replay of the log."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, frozen
from pymongo import MongoClient

from tests.support.app import Client
from tests.support.chat import Person
from tests.support.daemon import Daemon
from tests.support.fault_load import COINS, Action, Actor, Talker
from tests.support.log_replay import RELEASES, SILENT, LogReplay, as_shown

WORDS = {
    "message": "message",
    "direct": "direct-message",
    "gift": "gift-message",
    "silence": "silence",
    "edit": "edit room",
}
"""The actions whose entry has their mark as its text, or as its name, and the kind of that entry."""
CHECKS = (
    "acknowledged entries missing",
    "entries stored more than once",
    "refused entries stored",
    "entries out of order",
    "words of removed messages",
    "entries that the rules forbid",
    "acknowledged past the author's own block",
    "held messages that are not as was decided",
    "notices and receipts not stored exactly once",
    "balances that differ from the journal",
    "sockets whose events differ from the log",
    "histories that differ from the log",
    "rooms that differ from the log",
    "users that differ from the log",
    "blocks that differ from the log",
    "dialogs that differ from the log",
    "incidents in a daemon's log",
)
CHANGES = ("message-removed", RELEASES["message"])
"""The kinds of a room's entries that are no messages of its history."""
Findings = dict[str, list[Any]]


@frozen
class Check:
    """What a run leaves. ``find`` compares all of it with the present log."""

    uri: str
    daemons: Sequence[Daemon]
    actors: Sequence[Actor]
    members: Sequence[Client]
    rooms: Sequence[str]
    admin: Person

    async def find(self) -> tuple[LogReplay, Findings]:
        """The log, and the findings of each check."""
        with MongoClient[dict[str, Any]](self.uri) as mongo:
            log = LogReplay(mongo.get_default_database())
        found: Findings = {what: [] for what in CHECKS}
        self._compare_journals(log, found)
        found["entries that the rules forbid"] = log.wrong
        found["held messages that are not as was decided"] = [
            wrong
            for each in self.actions("decide")
            if each.is_acknowledged
            for wrong in log.wrongly_decided(each.mark, each.body["decision"])
        ]
        found["notices and receipts not stored exactly once"] = [*log.missing_notices(), *log.missing_receipts()]
        found["sockets whose events differ from the log"] = [
            each for member in self.members for each in _received(member, log)
        ]
        for daemon in self.daemons:
            await self._compare_rooms(daemon, log, found)
            await self._compare_users(daemon, log, found)
        return log, found

    def unanswered(self, log: LogReplay) -> list[Action]:
        """Messages that are stored, and whose author has no answer to any try: a daemon died between."""
        texts = {entry.get("text") for entries in log.streams.values() for entry in entries}
        unknown = [each for each in self.actions("message", "direct") if 0 in each.statuses]
        return [each for each in unknown if not each.is_acknowledged and each.mark in texts]

    def withdrawn(self, log: LogReplay) -> set[str]:
        """Messages that somebody received, and that are void since their author was answered 503.

        Another daemon may have read and sent them before (docs/design.rst, "Void entries").
        """
        received = {event["_id"] for member in self.members for event in (*member.own, *member.log)}
        return received & log.void

    def actions(self, *what: str) -> list[Action]:
        return [action for actor in self.actors for action in actor.journal if action.what in what]

    def _compare_journals(self, log: LogReplay, found: Findings) -> None:
        texts: Counter[tuple[str, Any]] = Counter()
        quoted: set[str | None] = set()
        for entries in log.streams.values():
            texts.update((entry["kind"], entry.get("text")) for entry in entries)
            quoted |= {entry.get("ref_message", {}).get("text") for entry in entries}
        removed = {action.mark for action in self.actions("remove")}
        found["words of removed messages"] = [
            action
            for action in self.actions("remove")
            if action.is_acknowledged and (action.mark in quoted or texts["message", action.mark])
        ]
        removed |= {each.mark for each in self.actions("message", "direct") if set(_ids(each)) & log.dropped}
        for entries in log.streams.values():
            texts.update(("edit room", entry["settings"]["name"]) for entry in entries if entry["kind"] == "edit room")
        for action in self.actions(*WORDS):
            times = texts[WORDS[action.what], action.mark]
            if action.is_acknowledged and not times and action.mark not in removed:
                found["acknowledged entries missing"].append(action)
            if times > 1:
                found["entries stored more than once"].append(action)
            if action.is_refused and times:
                found["refused entries stored"].append(action)
        for actor in self.actors:
            for what in ("message", "direct", "gift"):
                said = [action.mark for action in actor.of(what) if action.is_acknowledged]
                found["entries out of order"] += _out_of_order(actor.person.id, WORDS[what], said, log)
            found["acknowledged past the author's own block"] += _past_own_block(actor)

    async def _compare_rooms(self, daemon: Daemon, log: LogReplay, found: Findings) -> None:
        admin = evolve(self.admin, daemon=daemon)
        for room in self.rooms:
            chat: list[dict[str, Any]] = []
            while page := (await admin.call("/room/chat", room=room, skip=len(chat), limit=500)).data["chat"]:
                chat += page
            shown = [(message["seq"], message["_id"]) for message in chat]
            hidden = log.rooms[room].held
            messages = [each for each in _entries(log, room, CHANGES) if each[1] not in hidden]
            if shown != messages:
                found["histories that differ from the log"].append((daemon.http, room, _difference(shown, messages)))
            (document,) = (await admin.call("/room/get", room_id=room)).data["rooms"]
            replayed = log.rooms[room].shown(datetime.now(UTC).replace(tzinfo=None))
            if as_shown(document) != replayed:
                found["rooms that differ from the log"].append(
                    (daemon.http, room, _difference(as_shown(document).items(), replayed.items()))
                )

    async def _compare_users(self, daemon: Daemon, log: LogReplay, found: Findings) -> None:
        for actor in self.actors:
            person = evolve(actor.person, daemon=daemon)
            user = await person.shown()
            gifts = [entry for entry in log.streams[person.id] if entry["kind"] == "gift-message"]
            expected = {"room": log.place(person.id), "gifts_count": len(gifts)}
            shown = {"room": [user["room"]] if user["room"] else [], "gifts_count": user["gifts_count"]}
            if shown != expected:
                found["users that differ from the log"].append((daemon.http, person.phone, shown, expected))
            if isinstance(actor, Talker) and user["balance"] != _balance(actor):
                found["balances that differ from the journal"].append((person.phone, user["balance"], _balance(actor)))
            blocks = [each["user"] for each in (await person.call("/user/blocks")).data["blocks"]]
            if blocks != log.blocks[person.id][::-1]:
                found["blocks that differ from the log"].append((daemon.http, person.phone, blocks, log.blocks))
            dialogs = [
                (dialog["user"], dialog["last_message"]["_id"], dialog["unread"])
                for dialog in (await person.call("/user/dialogs")).data["dialogs"]
            ]
            if dialogs != log.dialogs(person.id):
                found["dialogs that differ from the log"].append(
                    (daemon.http, person.phone, dialogs, log.dialogs(person.id))
                )


def _entries(log: LogReplay, stream: str, but: Collection[str]) -> list[tuple[int, str]]:
    return [(entry["seq"], str(entry["_id"])) for entry in log.streams[stream] if entry["kind"] not in but]


def _ids(action: Action) -> list[str]:
    """The ids of the messages in an answer."""
    if not action.is_acknowledged:
        return []
    messages = action.body["data"]["message"]
    return [each["_id"] for each in (messages if isinstance(messages, list) else [messages])]


def _past_own_block(actor: Actor) -> list[Action]:
    """What was acknowledged though its author had blocked the one whom it was for."""
    if not isinstance(actor, Talker):
        return []
    blocks, wrong = False, []
    for action in actor.journal:
        if action.what in ("block", "unblock") and action.mark == actor.friend.id:
            blocks = action.what == "block"
        elif blocks and action.what in ("direct", "gift") and action.is_acknowledged:
            wrong.append(action)
    return wrong


def _told(log: LogReplay, room: str, user: str) -> list[tuple[int, str]]:
    """The seqs and ids of the events of a room that a user is told. A held message is told to its author when it is
    stored, and to the others when it is let go.
    """
    told = []
    for entry in log.streams[room]:
        is_own = str(entry["author"]) == user
        if entry["kind"] == RELEASES["message"]:
            if not is_own:
                told.append((entry["seq"], str(entry["message"])))
        elif is_own or "held" not in entry:
            told.append((entry["seq"], str(entry["_id"])))
    return told


def _out_of_order(author: str, kind: str, said: list[str], log: LogReplay) -> list[Any]:
    """An author's messages whose order in the log differs from the order in which they were sent."""
    places: dict[str, tuple[str, int, int]] = {}
    for stream, entries in log.streams.items():
        for entry in entries:
            if str(entry["author"]) == author and entry["kind"] == kind and "removed_at" not in entry:
                places[entry["text"]] = (stream, entry["seq"], entry.get("order", 0))
    last: dict[str, tuple[int, int]] = {}
    wrong = []
    for text in said:
        if text in places:
            stream, seq, order = places[text]
            before = last.get(stream, (0, 0))
            if seq < before[0] or order < before[1]:
                wrong.append((text, before, (seq, order)))
            last[stream] = (seq, order)
    return wrong


def _balance(talker: Talker) -> int:
    given = sum(action.is_acknowledged for action in talker.of("gift"))
    price: int = talker.gift["price"]
    return COINS * len(talker.of("payment")) - price * given


def _received(member: Client, log: LogReplay) -> list[str]:
    """The differences between a member's events and the log since the member's first position."""
    user = member.person.id
    wrong = list(member.wrong)
    own = [(event["n"], event["_id"]) for event in member.own if event["_id"] not in log.void]
    stored = [
        (entry["seq"], str(entry["ref_message"]["_id"] if entry["kind"] in _REFERRING else entry["_id"]))
        for entry in log.streams[user]
        if entry["seq"] > member.own_after and entry["kind"] not in SILENT and "held" not in entry
    ]
    if own != stored:
        wrong.append(f"own events, {_first_difference(own, stored)}")
    if [member.room] * (member.room is not None) != log.place(user):
        wrong.append(f"the socket's room is {member.room}, the log's {log.place(user)}")
    elif member.room is not None:
        received = [(event["seq"], event["_id"]) for event in member.log if event["_id"] not in log.void]
        stored = [told for told in _told(log, member.room, user) if told[0] > member.after]
        if received != stored:
            wrong.append(f"events of the room {member.room}, {_first_difference(received, stored)}")
    return [_described(member, log, wrong)] if wrong else []


def _described(member: Client, log: LogReplay, wrong: list[str]) -> str:
    """What differs for a member's socket, and all that may say why."""
    person = member.person
    lines = [
        f"user {person.id} ({person.phone}) at the daemon {person.daemon.websocket}",
        f"cursor {member.cursor}; own events after {member.own_after}, the room's after {member.after}",
        *wrong,
        "time-line:",
        *(f"  {line}" for line in member.time_line),
        "latest events:",
        *(f"  {line}" for line in _latest(member)),
        "latest moves of the log:",
        *(f"  {line}" for line in log.moves(person.id)[-12:]),
    ]
    return "\n    ".join(lines)


def _latest(member: Client) -> list[Any]:
    """The latest events that a member's socket received, in short."""
    events = member.socket.events[-12:] if member.socket is not None else []
    names = ("_id", "type", "room", "seq", "n")
    return [
        (event["event"], {name: event["data"][name] for name in names if name in event["data"]}) for event in events
    ]


_REFERRING = ("read-message", "service-message", RELEASES["direct-message"])
"""Entries of a user whose event shows the entry that they refer to."""


def _first_difference(seen: list[Any], expected: list[Any]) -> str:
    """What is around the first place at which two lists differ, such as an item that comes twice."""
    pairs = zip(seen, expected, strict=False)
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(seen), len(expected)))
    around = slice(max(0, at - 2), at + 4)
    return (
        f"which differ at number {at} of {len(seen)} seen and {len(expected)} expected:\n"
        f"      seen     {seen[around]}\n      expected {expected[around]}"
    )


def _difference(one: Any, other: Any) -> tuple[list[Any], list[Any]]:
    """The first items that only one of the two has."""
    one, other = list(one), list(other)
    return [each for each in one if each not in other][:3], [each for each in other if each not in one][:3]
