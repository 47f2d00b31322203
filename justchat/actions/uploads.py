"""Uploaded pictures: store them, and remove those that nothing refers to."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from attrs import frozen

from justchat.errors import Unavailable
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.workers import IImages
from justchat.model.ids import Id
from justchat.model.moment import Clock

REMOVED_AT_ONCE = 50


@frozen(kw_only=True)
class UploadActions:
    """What a user can do with pictures.

    ``per_user``, ``per_address`` and ``in_all`` are bytes a day (UTC), None for no limit. ``orphans`` is how long a
    picture that nothing refers to is kept.
    """

    images: IImages
    pictures: IPictureRecords
    clock: Clock
    per_user: int | None
    per_address: int | None
    in_all: int | None
    orphans: timedelta

    async def upload(
        self, file: Path, size: int, user: Id | None, address: str | None, idempotency_id: Id | None = None
    ) -> str:
        """Store the picture in a file of ``size`` bytes. Returns its path, the same for the same ``idempotency_id``.

        An address of None is not counted. The queue is fair among users and, for callers without a session, among
        addresses. Raises TooManyRequests, NotAnImage, TooLarge, DiskFull, StoreAway, Busy.
        """
        # Nobody can guess the name: ``idempotency_id`` is random, too.
        stem = secrets.token_hex(16) if idempotency_id is None else sha256(idempotency_id.encode()).hexdigest()[:32]
        taken: list[tuple[str, str]] = []
        try:
            for name, of, most in self._quotas(user, address):
                await self.pictures.take_bytes(name, of, most, size)
                taken.append((name, of))
            await self.pictures.add(stem, user, size)
            # Many people can share one address, so signed-in users are queued by user.
            name, kept = await self.images.keep_file(file, stem, user or address or "")
        except BaseException:
            await self._add_bytes(taken, -size)
            raise
        await self._add_bytes(taken, kept - size)
        return f"uploads/{name}"

    async def remove_orphans(self) -> None:
        """Remove at most REMOVED_AT_ONCE pictures that nothing refers to.

        Raises Unavailable where the store of pictures or the database cannot be reached; the rest is for a later time.
        """
        for stem in await self.pictures.take_orphans(self.clock() - self.orphans, REMOVED_AT_ONCE):
            await self.images.remove(stem)
            await self.pictures.forget(stem)

    def _quotas(self, user: Id | None, address: str | None) -> Iterator[tuple[str, str, int]]:
        if address is not None:
            if self.per_user is not None and user is not None:
                yield "upload-bytes-per-user", user, self.per_user
            if self.per_address is not None:
                yield "upload-bytes-per-address", address, self.per_address
        if self.in_all is not None:
            yield "upload-bytes-in-all", "", self.in_all

    async def _add_bytes(self, taken: list[tuple[str, str]], size: int) -> None:
        for name, of in taken:
            with suppress(Unavailable):  # then too much is counted for a day
                await self.pictures.add_bytes(name, of, size)
