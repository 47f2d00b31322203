"""What actions ask of the audit log."""

from collections.abc import Awaitable
from typing import Protocol

from zope.interface import Interface

from justchat.model.audit import AuditLine, Deed
from justchat.model.ids import Id


class RecordDeed(Protocol):
    """Writes a deed, to whom, and why into the audit log. It is called once the deed is found to be possible, and
    before it is done. ``line`` is the id of the line: of several with one id the first is written.
    """

    def __call__(self, deed: Deed, whom: Id | None, why: str | None, *, line: Id | None = None) -> Awaitable[None]: ...


class IAuditLog(Interface):
    """The log of what operators and app's servers did. It only grows: no method changes or removes a line."""

    async def add(line: AuditLine) -> None:
        """Append a line, if none has its id. Returns once it is durable. Raises DatabaseAway."""

    async def latest(limit: int, whom: Id | None = None, *, skip: int = 0) -> list[AuditLine]:
        """Lines, the latest first, without the first ``skip``; of one object alone where ``whom`` is given."""
