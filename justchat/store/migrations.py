"""The migrations of the database's schema (``schema``), the oldest first. One that was released is not changed."""

from justchat.model.complaint import ComplaintReason
from justchat.model.entry import Kind
from justchat.store.indexes import BUILDING, COMPLAINTS, DIALOGS, LEDGER, LOG, ROOMS, SESSIONS
from justchat.store.schema import Migration, MigrationProgress

OBSOLETE: dict[str, tuple[str, ...]] = {
    LOG: ("pair_create_at__id", "create_at__id", "create_at", "user_author_read", "user_author_read_kind"),
    DIALOGS: ("owner_at",),
    LEDGER: ("user_create_at",),
    COMPLAINTS: ("closed__id",),
    ROOMS: (
        "admin__id",
        "removed_private_full_create_at__id_folded",
        "removed_private_full_folded_create_at__id",
        "removed_private_full_n_users_create_at__id_folded",
        "removed_private_full_max_users_create_at__id_folded",
        "removed_private_full_admin_create_at__id_folded",
        "trigrams_removed_private_full_create_at__id",
    ),
    SESSIONS: ("user__id",),
}
"""Indexes of releases before 0.2.0, by name. Each costs something at every write."""


async def drop_indexes(progress: MigrationProgress) -> None:
    """Drop the indexes of OBSOLETE."""
    for collection, names in OBSOLETE.items():
        there = await progress.database.command({"listIndexes": collection})
        obsolete = [index["name"] for index in there["cursor"]["firstBatch"] if index["name"] in names]
        if obsolete:
            await progress.database.command({"dropIndexes": collection, "index": obsolete}, within=BUILDING)


async def complete_complaints(progress: MigrationProgress) -> None:
    """Complaints of 0.1.0 are about a message, and lack the fields by which those about a user or a room are found."""
    kind_is_direct = {"$eq": ["$message.kind", Kind.DIRECT_MESSAGE.value]}
    fields = {
        "user": "$message.author",
        "room": {"$cond": [kind_is_direct, None, "$message.stream"]},
        "about": {"$concat": ["message:", {"$toString": "$message._id"}]},
        "number": 0,
        "reason": ComplaintReason.OTHER.value,
    }
    async for page in progress.pages(COMPLAINTS):
        early = {"_id": {"$in": [each["_id"] for each in page]}, "about": {"$exists": False}}
        await progress.database.update_all(COMPLAINTS, early, [{"$set": fields}])


MIGRATIONS = (
    Migration("indexes of earlier releases are dropped", drop_indexes),
    Migration("complaints of 0.1.0 name the user and the room", complete_complaints),
)
