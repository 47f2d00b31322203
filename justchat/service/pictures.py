"""The store of pictures as services."""

from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from justchat.actions.uploads import UploadActions
from justchat.errors import ApiError, DatabaseAway
from justchat.service.lifecycle import PartService, PeriodicService
from justchat.workers.picture_cache import SWEEP_EVERY, PictureCache
from justchat.workers.picture_folder import PictureFolder

ORPHANS_EVERY = 10.0
"""Seconds between two removals of some pictures that nothing refers to."""
_log = Logger()


def picture_services(pictures: PictureFolder | PictureCache, reactor: Any) -> list[Service]:
    """What a store of pictures needs while the daemon runs: a folder needs nothing."""
    if isinstance(pictures, PictureFolder):
        return []
    return [
        PartService("pictures", start=pictures.start, stop=pictures.stop),
        PeriodicService("copies of pictures", SWEEP_EVERY, pictures.sweep, reactor),
    ]


class OrphanRemoval(PeriodicService):
    """Removes pictures that nothing refers to. It waits for no other work, and none for it: a store may be slow."""

    def __init__(self, uploads: UploadActions, reactor: Any) -> None:
        super().__init__("orphaned pictures", ORPHANS_EVERY, self._remove, reactor)
        self._uploads = uploads

    async def _remove(self) -> None:
        try:
            await self._uploads.remove_orphans()
        except DatabaseAway:  # which the database's client logs
            pass
        except ApiError as error:  # the store is away
            _log.warn("the removal of pictures is put off to the next round: {error}", error=error)
