"""The log in MongoDB, replayed by a model of the tests' own.

It says which entries the rules forbid, and what all entries add up to.
"""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from attrs import define, field

Document = dict[str, Any]
ALWAYS_NOTIFIED = ("leave", "kick", "ban")
"""The kinds whose notice to an absentee even a crash only delays."""
NEW = {"name": "a room", "max_users": 255, "slow_mode": 0}
"""The settings of a room that was created without any."""
RELEASES = {"message": "message released", "direct-message": "direct-message released"}
"""The kinds of entries by which a held message is let go."""
SILENT = ("block", "unblock", "blocked", "refused")
"""The kinds of a user's stream that have no event."""


@define
class RoomReplay:
    """A room's state after the entries so far. ``wrong`` has what the rules forbid."""

    admin: str
    settings: Document
    """``name``, ``max_users`` and ``slow_mode``."""
    users: list[str] = field(factory=list)
    visitors: set[str] = field(factory=set)
    banned: set[str] = field(factory=set)
    moderators: set[str] = field(factory=set)
    silences: dict[str, datetime] = field(factory=dict)
    seq: int = 0
    wrong: list[str] = field(factory=list)
    authors: dict[str, str] = field(factory=dict)
    """Of each message that was not removed."""
    held: dict[str, str] = field(factory=dict)
    """The authors of the messages that only these may see."""
    spoke_at: dict[str, datetime] = field(factory=dict)
    """When users spoke last, since slow mode is on."""
    removals: int = 0
    """And releases: entries that are no messages of the history."""
    latest_gap: int = -1
    notified: list[tuple[str, str, str]] = field(factory=list)
    """Entry, kind and user of the notices that are to be in users' streams."""

    def take(self, entry: Document) -> None:
        """Check an entry against the rules, and apply it."""
        author, whom, kind = str(entry["author"]), str(entry.get("user")), entry["kind"]
        if entry["seq"] != self.seq + 1:
            self.wrong.append(f"seq {entry['seq']} after {self.seq}")
        self.seq = entry["seq"]
        if kind == "void":
            return
        if kind == "message-removed":
            self._take_removal(author, entry)
            return
        if kind == RELEASES["message"]:
            self._take_release(entry)
            return
        self.authors[str(entry["_id"])] = author
        if not self._allows(kind, author, whom, entry["create_at"]):
            self.wrong.append(f"{self.seq}: {kind} by {author} about {whom}")
        self._apply(kind, author, whom, entry)
        if kind != "message" and whom not in self.users and (kind in ("leave", "kick") or whom in self.visitors):
            self.notified.append((str(entry["_id"]), kind, whom))

    def _take_removal(self, author: str, entry: Document) -> None:
        """The author of a message may remove it once, and whoever has a higher rank. A held one is dropped instead."""
        by = self.authors.pop(str(entry["message"]), None)
        if by is None or (by != author and self._rank(author) <= self._rank(by)) or str(entry["message"]) in self.held:
            self.wrong.append(f"{self.seq}: {author} removes {entry['message']} of {by}")
        self._count_change(entry)

    def _take_release(self, entry: Document) -> None:
        """A held message is let go once."""
        if self.held.pop(str(entry["message"]), None) is None:
            self.wrong.append(f"{self.seq}: {entry['message']} is let go, and not held")
        self._count_change(entry)

    def _count_change(self, entry: Document) -> None:
        """``gap`` counts what is no change of a message, unless the entry before is one, too."""
        self.removals += 1
        gap = self.seq - self.removals
        if entry.get("gap") != (None if gap == self.latest_gap else gap):
            self.wrong.append(f"{self.seq}: the gap {entry.get('gap')} behind {gap} messages")
        self.latest_gap = gap

    def _allows(self, kind: str, author: str, whom: str, at: datetime) -> bool:
        if kind == "message":
            return author in self.users and not self.silences.get(author, at) > at and not self._is_too_soon(author, at)
        if kind == "edit room":
            # (Moderators may set slow mode alone; here they do not.)
            return author == self.admin
        if kind == "new roommate":
            has_room = len(self.users) < self.settings["max_users"]
            return author not in self.users and author not in self.banned and has_room
        if kind == "leave":
            return author in self.users
        if kind in ("new moderator", "remove moderator"):
            wanted = kind == "remove moderator"
            return author == self.admin and whom not in self.banned and (whom in self.moderators) == wanted
        changes = {"kick": whom in self.users, "ban": whom not in self.banned, "unban": whom in self.banned}
        return self._rank(author) > self._rank(whom) and changes.get(kind, True)

    def _is_too_soon(self, author: str, at: datetime) -> bool:
        last = self.spoke_at.get(author) if self.settings["slow_mode"] else None
        waits = last is not None and (at - last).total_seconds() < self.settings["slow_mode"]
        return waits and self._rank(author) == 0

    def _rank(self, user: str) -> int:
        return 2 if user == self.admin else int(user in self.moderators)

    def _apply(self, kind: str, author: str, whom: str, entry: Document) -> None:
        if kind == "message":
            if "held" in entry:
                self.held[str(entry["_id"])] = author
            if self.settings["slow_mode"] and self._rank(author) == 0:
                self.spoke_at[author] = entry["create_at"]
        elif kind == "edit room":
            self.settings = {name: entry["settings"][name] for name in NEW}
            if not self.settings["slow_mode"]:
                self.spoke_at = {}
        elif kind == "silence":
            self.silences[whom] = entry["finished"]
        else:
            self._apply_to_people(kind, author, whom)

    def _apply_to_people(self, kind: str, author: str, whom: str) -> None:
        if kind == "new roommate":
            self.users.append(author)
            self.visitors.add(author)
        elif kind in ("leave", "kick", "ban"):
            self.users = [user for user in self.users if user != whom]
            if kind == "ban":
                self.banned.add(whom)
                self.moderators.discard(whom)
        elif kind == "unban":
            self.banned.discard(whom)
        elif kind == "new moderator":
            self.moderators.add(whom)
        elif kind == "remove moderator":
            self.moderators.discard(whom)

    def shown(self, now: datetime) -> Document:
        """What ``/room/get`` shows of it, with what has no order as sorted lists."""
        return {
            **self.settings,
            "users": self.users,
            "users_count": len(self.users),
            "visiters": sorted(self.visitors),
            "banned": sorted(self.banned),
            "moderators": sorted(self.moderators),
            "silently": sorted(user for user, until in self.silences.items() if until > now),
        }


def as_shown(room: Document) -> Document:
    """The same of a room's document as a daemon shows it."""
    return {
        **{name: room[name] for name in (*NEW, "users", "users_count")},
        **{name: sorted(room[name]) for name in ("visiters", "banned", "moderators", "silently")},
    }


class LogReplay:
    """The whole log at one moment. ``rooms`` are replayed, ``streams`` are the entries that are not void."""

    def __init__(self, database: Any) -> None:
        self.streams: defaultdict[str, list[Document]] = defaultdict(list)
        self.wrong: list[str] = []
        self.void: set[str] = set()
        """The ids of void entries."""
        self.dropped: set[str] = set()
        """The ids of messages that were held, and dropped or removed by their author."""
        snapshots = {str(room["_id"]): room for room in database.rooms.find()}
        edited = {str(stream) for stream in database.log.distinct("stream", {"kind": "edit room"})}
        self.rooms = {
            id: RoomReplay(str(room["admin"]), {name: NEW[name] if id in edited else room[name] for name in NEW})
            for id, room in snapshots.items()
        }
        self.blocks: defaultdict[str, list[str]] = defaultdict(list)
        """Whom each user blocks in the end."""
        self.ever_blocked: set[tuple[str, str]] = set()
        """The pairs of whom one blocked the other at some time."""
        seqs: Counter[str] = Counter()
        for entry in database.log.find().sort([("stream", 1), ("seq", 1)]):
            stream = str(entry["stream"])
            seqs[stream] += 1
            if entry["seq"] != seqs[stream]:
                self.wrong.append(f"stream {stream}: {entry['seq']} is the entry number {seqs[stream]}")
            if entry["kind"] == "void":
                self.void.add(str(entry["_id"]))
                self.dropped |= {str(entry["message"])} if "message" in entry else set()
            else:
                self.streams[stream].append(entry)
            if stream not in self.rooms:
                self._take_own(stream, entry)
            else:
                self.rooms[stream].take(entry)
                if entry["seq"] == snapshots[stream]["seq"]:
                    self._compare_snapshot(self.rooms[stream], snapshots[stream])
        self.entries = sum(seqs.values())
        for room in self.rooms.values():
            self.wrong += room.wrong

    def _take_own(self, user: str, entry: Document) -> None:
        """An entry of a user's stream, which decides who of the two came first: a block, or what it lets not pass."""
        kind, author, blocked = entry["kind"], str(entry["author"]), self.blocks[user]
        if "held" in entry and entry["text"] == "":
            self.dropped.add(str(entry["_id"]))
        if kind == "block":
            if (whom := str(entry["user"])) in blocked:
                self.wrong.append(f"{user} blocks {whom} twice")
            blocked.append(whom)
            self.ever_blocked |= {(user, whom), (whom, user)}
        elif kind == "unblock":
            blocked.remove(str(entry["user"]))
        elif author in blocked and kind not in ("void", "service-message", *SILENT):
            self.wrong.append(f"{kind} {entry['_id']} of {author} passes the block of {user}")

    def _compare_snapshot(self, room: RoomReplay, snapshot: Document) -> None:
        stored = {
            name: [str(user) for user in snapshot[name]] for name in ("users", "visiters", "banned", "moderators")
        }
        stored |= {name: snapshot[name] for name in NEW}
        document = {**stored, "users_count": snapshot["n_users"], "silently": []}
        if as_shown(document) != (replayed := room.shown(datetime.max)):
            self.wrong.append(f"the snapshot at {room.seq} has {document}, the log {replayed}")
        if snapshot.get("message_changes", 0) != room.removals:
            self.wrong.append(f"the snapshot at {room.seq} has another number of removals than {room.removals}")

    def missing_notices(self) -> list[tuple[str, str]]:
        """Notices that are not in their user's stream exactly once. Those of a rank or a silence a crash may lose."""
        stored = Counter(
            (str(entry["ref_message"]["_id"]), stream)
            for stream, entries in self.streams.items()
            for entry in entries
            if entry["kind"] == "service-message"
        )
        wrong = [notice for notice, times in stored.items() if times > 1]
        for room in self.rooms.values():
            wrong += [
                (id, user) for id, kind, user in room.notified if kind in ALWAYS_NOTIFIED and not stored[id, user]
            ]
        return wrong

    def missing_receipts(self) -> list[str]:
        """Messages that were read, and whose author has not exactly one receipt of it. It does not pass a block."""
        receipts = Counter(str(e["ref_message"]["_id"]) for e in self._entries("read-message"))
        read = [
            (str(entry["_id"]), (str(entry["author"]), str(entry["user"])) in self.ever_blocked)
            for entry in self._entries("direct-message")
            if entry["read"]
        ]
        return [id for id, was_blocked in read if receipts[id] > 1 or (not receipts[id] and not was_blocked)]

    def wrongly_decided(self, id: str, decision: str) -> list[str]:
        """What is wrong about a held message on which an operator has decided; its author may have removed it before.

        A direct one is not let go where one of the two blocks the other.
        """
        found = [entry for entries in self.streams.values() for entry in entries if str(entry["_id"]) == id]
        releases = [e for kind in RELEASES.values() for e in self._entries(kind) if str(e["message"]) == id]
        if len(releases) > 1 or (releases and decision == "drop"):
            return [f"{id}: {decision}, and {len(releases)} times let go"]
        if not found:
            return [] if id in self.void else [f"{id} is gone"]
        (entry,) = found
        pair = str(entry["author"]), str(entry.get("user"))
        if decision == "drop":
            return [f"{id} is not dropped"] if entry["text"] else []
        hides = entry["kind"] == "direct-message" and (
            pair in self.ever_blocked or entry["author"] in entry["removed_by"]
        )
        return [] if releases or hides else [f"{id} is not let go"]

    def _entries(self, kind: str) -> list[Document]:
        return [entry for entries in self.streams.values() for entry in entries if entry["kind"] == kind]

    def dialogs(self, user: str) -> list[tuple[str, str, int]]:
        """A user's dialogs, latest first: the other, the last message, and how many are unread."""
        last: dict[str, Document] = {}
        unread: Counter[str] = Counter()
        for entry in self._entries("direct-message"):
            author, to = str(entry["author"]), str(entry["user"])
            if user not in (author, to) or user in map(str, entry.get("removed_by", ())):
                continue
            other = to if author == user else author
            if other not in last or entry["order"] > last[other]["order"]:
                last[other] = entry
            unread[other] += to == user and entry["read"] is False
        latest = sorted(last, key=lambda other: last[other]["order"], reverse=True)
        return [(other, str(last[other]["_id"]), unread[other]) for other in latest]

    def moves(self, user: str) -> list[tuple[str, str, int, str, str]]:
        """The entries by which a user entered and left rooms, in time: when, room, seq, kind and id."""
        kinds = ("new roommate", "leave", "kick", "ban")
        moves = [entry for room in self.rooms for entry in self.streams[room] if entry["kind"] in kinds]
        own = sorted((each for each in moves if str(each["user"]) == user), key=lambda each: each["create_at"])
        return [
            (f"{each['create_at']:%H:%M:%S.%f}", str(each["stream"]), each["seq"], each["kind"], str(each["_id"]))
            for each in own
        ]

    def place(self, user: str) -> list[str]:
        """The rooms that a user is in; there is one at most."""
        return [id for id, room in self.rooms.items() if user in room.users]
