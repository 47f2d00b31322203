"""Queries for the search of rooms: each reads one index, in its order, and no rooms but those it finds.

The indexes begin with the two filters, so that one filter is a range of the index, and both are a merge of ranges. They
end with the folded name: the database looks for a part of it in the keys. In the default order an index of trigrams
leads to names with three letters or more of it (docs/database.rst has the cost at a million rooms).
"""

import re
from typing import Any

from bson import ObjectId

from justchat.model.ids import Id, is_well_formed
from justchat.model.room import LISTED_PEOPLE, ListedRoom, RoomSearch
from justchat.model.text import fold
from justchat.store.bson import moment, trigrams
from justchat.store.indexes import LISTINGS, TRIGRAMS, listing_index
from justchat.store.mongo.client import Document

SHORT = 100
"""Rooms on a page. A longer page takes tens of milliseconds of the daemon's processor."""
EARLY = 1000
"""Documents before a page. A page that begins later is slow: the database reads all that come before it."""


def listing(wanted: RoomSearch) -> dict[str, Any]:
    """The ``query``, ``sort`` and ``hint`` of a search."""
    query: dict[str, Any] = {"removed": False, "private": _chosen(wanted.private), "full": _chosen(wanted.full)}
    folded = fold(wanted.name or "")
    if folded:
        query["folded"] = {"$regex": re.escape(folded)}
    if wanted.room_id is not None:
        # No room has the id null, which stands here for a malformed id.
        query["_id"] = ObjectId(wanted.room_id) if is_well_formed(wanted.room_id) else None
        return {"query": query, "sort": None, "hint": None}
    order = LISTINGS[wanted.sort]
    sign = 1 if wanted.direction == next(iter(order.values())) else -1
    sort = {key: direction * sign for key, direction in order.items()}
    hint = listing_index(wanted.sort)
    if wanted.sort == "created_at" and len(folded) >= 3:
        query["trigrams"] = {"$all": trigrams(folded)}
        hint = TRIGRAMS
    return {"query": query, "sort": sort, "hint": hint}


def is_slow(wanted: RoomSearch) -> bool:
    """Whether a search reads much: for a part of a name that no index leads to, a late page, or a long page."""
    if wanted.room_id is not None:
        return False
    folded = fold(wanted.name or "")
    found_at_once = not folded or (wanted.sort == "created_at" and len(folded) >= 3)
    return not found_at_once or wanted.skip > EARLY or wanted.per_page > SHORT


def _chosen(wanted: bool | None) -> Any:
    return {"$in": [False, True]} if wanted is None else wanted


LISTED_ROOM: Document = {
    **dict.fromkeys(("name", "admin", "create_at", "max_users", "slow_mode", "private", "n_users"), 1),
    **{
        people: {"$map": {"input": {"$slice": [f"${people}", LISTED_PEOPLE]}, "in": {"$toString": "$$this"}}}
        for people in ("moderators", "users")
    },
}
"""The projection for a list of rooms: a page of whole rooms might have megabytes of visitors. The database formats the
ids of people: for 50,000 ids that would take the daemon a twentieth of a second.
"""


def listed_room_from_document(document: Document) -> ListedRoom:
    """A room from a document of the projection LISTED_ROOM."""
    return ListedRoom(
        id=Id(str(document["_id"])),
        name=document["name"],
        admin=Id(str(document["admin"])),
        created_at=moment(document["create_at"]),
        max_users=document["max_users"],
        slow_mode=document.get("slow_mode", 0),
        is_private=document["private"],
        moderators=tuple(document["moderators"]),
        users=tuple(document["users"]),
        users_count=document["n_users"],
    )
