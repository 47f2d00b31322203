"""A daemon's migration that dies in the middle: ``python -m tests.support.interrupted URI PAGES``.

It brings the database up to date as a start does, and kills itself (SIGKILL) instead of storing that it has done PAGES
pages.
"""

import os
import signal
import sys
from typing import Any

from twisted.internet import task

from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from justchat.store.schema import MigrationProgress, Schema


async def migrate(reactor: Any, uri: str, pages: str) -> None:
    left, store = int(pages), MigrationProgress._store

    async def store_or_die(progress: MigrationProgress, update: Any) -> None:
        nonlocal left
        if isinstance(update, dict):  # the end of a page; that of a migration is a pipeline
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        await store(progress, update)

    MigrationProgress._store = store_or_die  # type: ignore[method-assign]
    database = Database(uri)
    database.open()
    await Schema(database, MIGRATIONS, None, reactor).bring_up_to_date()


if __name__ == "__main__":
    task.react(migrate, sys.argv[1:])
