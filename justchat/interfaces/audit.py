"""What actions ask of the audit log."""

from collections.abc import Awaitable, Callable

from zope.interface import Interface

from justchat.model.audit import AuditLine, Deed
from justchat.model.ids import Id

RecordDeed = Callable[[Deed, Id | None, str | None], Awaitable[None]]
"""Writes a deed, to whom, and why into the audit log. It is called once the deed is found to be possible, and before it
is done.
"""


class IAuditLog(Interface):
    """The log of what operators and app's servers did. It only grows: no method changes or removes a line."""

    async def add(line: AuditLine) -> None:
        """Append a line. Returns once it is durable. Raises DatabaseAway."""

    async def latest(limit: int, whom: Id | None = None, *, skip: int = 0) -> list[AuditLine]:
        """Lines, the latest first, without the first ``skip``; of one object alone where ``whom`` is given."""
