"""The store of pictures as services."""

from typing import Any

from twisted.application.service import Service

from justchat.service.lifecycle import PartService, PeriodicService
from justchat.workers.picture_cache import SWEEP_EVERY, PictureCache
from justchat.workers.picture_folder import PictureFolder


def picture_services(pictures: PictureFolder | PictureCache, reactor: Any) -> list[Service]:
    """What a store of pictures needs while the daemon runs: a folder needs nothing."""
    if isinstance(pictures, PictureFolder):
        return []
    return [
        PartService("pictures", start=pictures.start, stop=pictures.stop),
        PeriodicService("copies of pictures", SWEEP_EVERY, pictures.sweep, reactor),
    ]
