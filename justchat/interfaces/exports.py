"""What actions ask of the stores of exports, of their archives, and of what belongs to a user."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from zope.interface import Interface

from justchat.model.export import Export, ExportedFile, Form, Rows
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IExports(Interface):
    """The store of exports. Every method raises DatabaseAway where the database is not available."""

    async def begin(export: Export) -> Export:
        """Add an export, unless its user has a pending one. Returns the one that is pending."""

    async def pending(user: Id) -> Export | None:
        """A user's pending export, or None."""

    async def get(user: Id, export: Id) -> Export:
        """A user's export. Raises ExportNotFound."""

    async def by_token(token: str) -> Export | None:
        """The export with a token, or None."""

    async def take() -> Export | None:
        """Claim a pending export that no other daemon works on; None where there is none."""

    async def keep(export: Id, size: int | None = None) -> bool:
        """Renew the claim of this process. False where another has taken it over. ``size`` is that of an archive that
        is about to be stored, so that it can be removed whatever happens.
        """

    async def release(export: Id, *, failed: bool) -> None:
        """Give a claim up, so that the export is tried again. One that has ``failed`` too often is not."""

    async def finish(export: Id, size: int, expires_at: Moment) -> bool:
        """The archive is stored in this daemon's place. False where another process has taken the claim over."""

    async def expired(at: Moment, limit: int) -> list[Export]:
        """Exports that are over, whose archives this daemon can remove."""

    async def forget(export: Id) -> None:
        """Delete an export whose archive has been removed."""

    def is_here(export: Export) -> bool:
        """Whether this daemon can read the archive."""


class IPersonalData(Interface):
    """What belongs to a user, in the form in which calls answer it to them."""

    def files(user: Id) -> Sequence[ExportedFile]:
        """The files of the user's archive, pictures apart."""

    def pictures(user: Id) -> AsyncIterator[str]:
        """The names, without extension, of the pictures that the user uploaded."""


class IArchiveWriter(Interface):
    """An archive that is being written; its parts come one after another."""

    async def begin(file: str, form: Form) -> None:
        """Begin a file."""

    async def write(rows: Rows) -> None:
        """Write some rows of it."""

    async def end() -> None:
        """End the file."""

    async def add(name: str, path: Path) -> None:
        """Add a file that is there."""

    async def close() -> int:
        """Complete the archive, durably. Returns its size in bytes."""

    async def discard() -> None:
        """Remove what was written."""


class IArchives(Interface):
    """The archives of exports. Every method raises Unavailable where they cannot be reached."""

    async def create(name: str) -> IArchiveWriter:
        """Begin to write an archive, in place of an unfinished one."""

    async def put(name: str, size: int) -> None:
        """Store an archive that is complete."""

    async def read(name: str, part: int) -> bytes:
        """A part of a stored archive, from 0; empty behind the last one."""

    async def remove(name: str, size: int) -> None:
        """Remove an archive. It is not an error if it is not there."""

    async def sweep() -> None:
        """Remove what a crash left of archives that were being written."""
