"""The audit log, in MongoDB. The client refuses every command that would change it (``mongo/append_only.py``)."""

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.audit import IAuditLog
from justchat.model.audit import Actor, ActorKind, AuditLine, Deed
from justchat.model.ids import Id, is_well_formed
from justchat.store.bson import moment
from justchat.store.indexes import AUDIT
from justchat.store.mongo.client import Database, Document

LATEST_DEEDS = {"order": -1}


@implementer(IAuditLog)
class AuditLog:
    """See IAuditLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, line: AuditLine) -> None:
        # An operator's command is a process of its own, which knows of no line before.
        last = await self._database.find(AUDIT, {}, sort=LATEST_DEEDS, limit=1, fields=["order"])
        self._database.order_clock.observe(last[0]["order"] if last else None)
        await self._database.insert(
            AUDIT,
            {
                "_id": ObjectId(line.id),
                "who": line.who.name,
                "kind": line.who.kind.value,
                "from": line.who.address,
                "at": line.at,
                "deed": line.deed.value,
                "whom": None if line.whom is None else ObjectId(line.whom),
                "why": line.why,
                "order": self._database.order_clock.next(),
            },
        )

    async def latest(self, limit: int, whom: Id | None = None, *, skip: int = 0) -> list[AuditLine]:
        if whom is not None and not is_well_formed(whom):
            return []
        query = {} if whom is None else {"whom": ObjectId(whom)}
        found = await self._database.find(AUDIT, query, sort=LATEST_DEEDS, skip=skip, limit=limit)
        return [_line(each) for each in found]


def _line(document: Document) -> AuditLine:
    whom = document["whom"]
    return AuditLine(
        id=Id(str(document["_id"])),
        # Those of early releases are of operators.
        who=Actor(ActorKind(document.get("kind", "operator")), document["who"], document.get("from")),
        at=moment(document["at"]),
        deed=Deed(document["deed"]),
        whom=None if whom is None else Id(str(whom)),
        why=document["why"],
    )
