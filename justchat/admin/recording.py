"""Lines in the audit log of commands that work on the database as a whole, and have no ``AdminContext``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from justchat.admin.context import operator
from justchat.model.audit import AuditLine, Deed
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.store.audit_log import AuditLog
from justchat.store.mongo.client import Database


@asynccontextmanager
async def opened(uri: str) -> AsyncIterator[Database]:
    """The database, for a moment."""
    database = Database(uri)
    database.open()
    try:
        yield database
    finally:
        await database.close()


async def write_line(database: Database, deed: Deed, why: str) -> None:
    """Write what the operator did into the audit log. Raises DatabaseAway."""
    line = AuditLine(id=new_id(), who=operator(), at=now(), deed=deed, whom=None, why=why)
    await AuditLog(database).add(line)
