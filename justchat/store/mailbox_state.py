"""The state of a mailbox, read from its stream."""

from attrs import evolve
from bson import ObjectId

from justchat.model.direct import BLOCKS_RESTATED, Mailbox
from justchat.model.entry import Kind
from justchat.model.ids import Id
from justchat.store.bson import entry_from_document
from justchat.store.indexes import ABOUT_BLOCKS_OF, KINDS_ABOUT_BLOCKS, LOG
from justchat.store.mongo.client import Database, Document


async def read_mailbox(database: Database, user: Id, seq: int) -> Mailbox:
    """The mailbox of a user after the entry ``seq`` of their stream.

    Every BLOCKS_RESTATED entries about blocks, one states all blocks. So only the entries from the last of these on are
    read.
    """
    query: Document = {"stream": ObjectId(user), "kind": {"$in": KINDS_ABOUT_BLOCKS}, "seq": {"$lte": seq}}
    # With the one entry of the kind BLOCKED, and the one that states all blocks.
    most = BLOCKS_RESTATED + 2
    found = await database.find(LOG, query, sort={"stream": 1, "seq": -1}, limit=most, hint=ABOUT_BLOCKS_OF["name"])
    mailbox = Mailbox(id=user)
    for document in reversed(found):
        mailbox = mailbox.after(entry_from_document(document))
    if len(found) == most and not mailbox.is_blocked:
        first = {**query, "kind": Kind.BLOCKED.value}
        blocked = await database.find(LOG, first, limit=1, fields=["_id"], hint=ABOUT_BLOCKS_OF["name"])
        return evolve(mailbox, is_blocked=bool(blocked))
    return mailbox
