"""Exports: a user asks for an archive of what belongs to them, and a daemon makes it behind the calls."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from attrs import frozen
from twisted.logger import Logger

from justchat.errors import ExportNotFound, Unavailable, UserNotFound
from justchat.interfaces.counters import IRateWindows
from justchat.interfaces.exports import IArchives, IArchiveWriter, IExports, IPersonalData
from justchat.interfaces.pause import Pause, Stopping
from justchat.interfaces.pictures import IPictureStore
from justchat.model.export import Export, ExportStatus
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.rate import Rate, RateCounter

LIFETIME = timedelta(days=1)
TOKEN_BYTES = 24
REMOVED_AT_ONCE = 50
COUNTER = "exports-per-user"
KEPT_EVERY = timedelta(seconds=5)
"""How often the claim of an export in progress is renewed."""


@frozen(kw_only=True)
class ArchiveContent:
    """Writes what belongs to a user into an archive, a page of the database at a time.

    ``names_of`` gives the names that a picture may have, with its extension.
    """

    data: IPersonalData
    pictures: IPictureStore
    names_of: Callable[[str], Sequence[str]]

    async def write(self, user: Id, archive: IArchiveWriter, progress: Callable[[], object] = lambda: None) -> None:
        """``progress`` is called between pages; where it returns an awaitable, this waits for it."""
        for file in self.data.files(user):
            await archive.begin(file.name, file.form)
            async for rows in file.pages():
                await archive.write(rows)
                await _result(progress)
            await archive.end()
        async for stem in self.data.pictures(user):
            for name in self.names_of(stem):
                path: Path | None = await self.pictures.find(name)
                if path is not None:
                    with suppress(FileNotFoundError):  # the copy was removed just now; the picture goes with it
                        await archive.add(f"uploads/{name}", path)
                    break
            await _result(progress)


async def _result(progress: Callable[[], object]) -> None:
    result = progress()
    if hasattr(result, "__await__"):
        await result


class Exports:
    """What a user can do about exports, and the work behind that."""

    _log = Logger()

    def __init__(
        self,
        *,
        exports: IExports,
        archives: IArchives,
        content: ArchiveContent,
        rate_windows: IRateWindows,
        per_user: tuple[Rate, ...],
        clock: Clock,
    ) -> None:
        """``per_user`` are the rates of exports that a user can ask for."""
        self._exports = exports
        self._archives = archives
        self._content = content
        self._rate_windows = rate_windows
        self.per_user = per_user
        self._clock = clock

    async def ask(self, user: Id) -> Export:
        """Ask for an export. While one is pending, it is that one. Raises TooManyRequests."""
        pending = await self._exports.pending(user)
        if pending is not None:
            return pending
        hits = await self._rate_windows.take([RateCounter(COUNTER, user, self.per_user)]) if self.per_user else []
        export = Export(
            id=new_id(),
            user=user,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            status=ExportStatus.PENDING,
            created_at=self._clock(),
        )
        begun = await self._exports.begin(export)
        if begun.id != export.id:  # another call began one
            await self._rate_windows.give_back(hits)
        return begun

    async def get(self, user: Id, export: Id) -> Export:
        """A user's export. Raises ExportNotFound; also where it has expired."""
        found = await self._exports.get(user, export)
        if found.expires_at is not None and found.expires_at <= self._clock():
            raise ExportNotFound
        return found

    async def find_archive(self, token: str) -> Export | None:
        """The export whose archive this daemon serves under a token; None where there is none."""
        found = await self._exports.by_token(token)
        if found is None or found.status is not ExportStatus.READY or not self._exports.is_here(found):
            return None
        return None if found.expires_at is None or found.expires_at <= self._clock() else found

    async def read_part(self, export: Export, part: int) -> bytes:
        """A part of an archive; empty behind the last. Raises Unavailable."""
        return await self._archives.read(export.name, part)

    async def make_next(self, pause: Pause) -> bool:
        """Make a pending export, if there is one. Returns whether there was. Raises DatabaseAway.

        Where ``pause`` raises Stopping, the export stays pending.
        """
        export = await self._exports.take()
        if export is None:
            return False
        try:
            await self._make(export, pause)
        except Stopping:
            await self._exports.release(export.id, failed=False)
            return False
        except UserNotFound:  # whose deletion has begun: it ends their exports, too
            return True
        except Unavailable as error:
            # Not before the claim ends: what is away takes a while to come back.
            self._log.warn("an export is put off: {error}", error=error)
            return False
        except Exception:
            self._log.failure("an export failed")
            await self._exports.release(export.id, failed=True)
        return True

    async def _make(self, export: Export, pause: Pause) -> None:
        kept_at = self._clock()

        async def progress() -> None:
            nonlocal kept_at
            await pause()
            if self._clock() - kept_at >= KEPT_EVERY:
                kept_at = self._clock()
                if not await self._exports.keep(export.id):
                    raise Stopping  # another daemon works on it

        archive = await self._archives.create(export.name)
        try:
            await self._content.write(export.user, archive, progress)
            size = await archive.close()
            if export.size:  # an attempt before may have stored some of it
                await self._archives.remove(export.name, export.size)
            if not await self._exports.keep(export.id, size):
                raise Stopping
            await self._archives.put(export.name, size)
        except BaseException:
            await archive.discard()
            raise
        await self._exports.finish(export.id, size, self._clock() + LIFETIME)

    async def remove_expired(self) -> None:
        """Remove archives that are over. Raises Unavailable; the rest is for a later time."""
        await self._archives.sweep()
        for export in await self._exports.expired(self._clock(), REMOVED_AT_ONCE):
            await self._archives.remove(export.name, export.size)
            await self._exports.forget(export.id)
