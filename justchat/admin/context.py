"""What the commands work with: actions and stores on the daemon's database. Parts are made when a command asks."""

import os
import pwd
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from justchat.actions.exports import ArchiveContent
from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.actions.operating import OperatorActions
from justchat.actions.overview import Overview
from justchat.actions.server_keys import ServerKeyActions
from justchat.admin.database import find_database
from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.interfaces.bus import IBus
from justchat.interfaces.money import ICatalogue
from justchat.interfaces.outbound import ISmsCounts, ISmsSender
from justchat.interfaces.pictures import IPictureRecords, IPictureStore
from justchat.model.audit import Actor, ActorKind
from justchat.model.ids import Id
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from justchat.store.schema import Schema
from justchat.wiring.actions import (
    make_gift_catalogue,
    make_operator_actions,
    make_overview,
    make_server_key_actions,
)
from justchat.wiring.bus import make_bus_of_command
from justchat.wiring.outbound import make_sms_sender
from justchat.wiring.pictures import make_archive_content, make_picture_store
from justchat.wiring.stores import make_stores
from justchat.workers.archives import FolderArchives
from justchat.workers.images import Images
from justchat.workers.picture_folder import PictureFolder


class AdminContext:
    """What a command works with. ``operating`` is what operators can do; ``catalogue`` the gifts as they are stored.

    ``with_secrets`` loads the settings again, with the secrets of a store of pictures.
    """

    def __init__(
        self,
        settings: Settings,
        with_secrets: Callable[[], Settings],
        database: Database,
        bus: IBus | None,
        reactor: Any,
    ) -> None:
        self.settings = settings
        self._with_secrets = with_secrets
        self._database = database
        self._reactor = reactor
        # No publisher subscribes: users have no sockets here. Daemons learn of them from the bus or the database.
        self._stores = make_stores(settings, database, reactor, bus=bus)
        self._store: IPictureStore | None = None
        self._images: Images | None = None
        self._opened = AsyncExitStack()
        self.catalogue: ICatalogue = self._stores.catalogue
        self.operating: OperatorActions = make_operator_actions(settings, self._stores, operator())
        self.overview: Overview = make_overview(self._stores, self.operating)
        self.keys: ServerKeyActions = make_server_key_actions(self._stores, self.operating)

    @property
    def sms_counts(self) -> ISmsCounts:
        """The counts of SMS."""
        counts: ISmsCounts = self._stores.sms_counts
        return counts

    def settings_with_secrets(self) -> Settings:
        """The settings with all secrets. Raises StartupError where one cannot be read."""
        return self._with_secrets()

    def sms_sender(self, settings: Settings) -> ISmsSender:
        """The senders of ``[sms]``; ``settings`` have their secrets."""
        return make_sms_sender(settings, self._reactor, self._stores.sms_counts)

    @property
    def records(self) -> IPictureRecords:
        """The records of pictures."""
        records: IPictureRecords = self._stores.pictures
        return records

    async def pictures(self) -> IPictureStore:
        """The store of pictures that the daemon serves from. Raises StartupError for its settings."""
        if self._store is None:
            settings = self._with_secrets() if self.settings.picture_store == "s3" else self.settings
            copies = Path(self._opened.enter_context(TemporaryDirectory(prefix="justchat-")))
            store = make_picture_store(settings, self._database, self._stores.pictures, self._reactor, copies=copies)
            if not isinstance(store, PictureFolder):
                await store.start()
                self._opened.callback(store.stop)
            self._store = store
        return self._store

    async def gift_catalogue(self) -> GiftCatalogue:
        """The actions on gifts. The process that decodes pictures starts when they are first asked for."""
        if self._images is None:
            store = await self.pictures()
            is_ours = isinstance(store, PictureFolder)
            spool = self.settings.data_dir / "spool" if is_ours else store.folder
            self._images = Images(store, spool, self._reactor)
            self._images.start()
            self._opened.push_async_callback(self._images.stop)
        return make_gift_catalogue(self._stores, self._images)

    async def archive_content(self) -> ArchiveContent:
        """What an export of a user has in it."""
        return make_archive_content(self._stores, await self.pictures())

    async def write_archive(self, content: ArchiveContent, user: Id, path: Path) -> int:
        """Write a user's archive. Returns its bytes. Raises StartupError where the file cannot be written."""
        archives = FolderArchives(path.parent)
        archives.start_threads()
        try:
            archive = await archives.create(path.name)
            try:
                await content.write(user, archive)
                size = await archive.close()
                await archives.put(path.name, size)
            except BaseException:
                await archive.discard()
                raise
        except OSError as error:
            raise StartupError(f"{path}: {error.strerror}") from error
        finally:
            archives.stop()
        return size

    async def close(self) -> None:
        """Returns when the process that decodes pictures has ended."""
        await self._opened.aclose()


def operator() -> Actor:
    """The operator, for the audit log: the user who runs the command, or for whom sudo runs it."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # a container may run as any number
        name = f"uid {user}"
    return Actor(ActorKind.OPERATOR, os.environ.get("SUDO_USER") or name)


@asynccontextmanager
async def open_context(
    settings: Settings, with_secrets: Callable[[], Settings], reactor: Any
) -> AsyncIterator[AdminContext]:
    """A context on the daemon's database. Raises StartupError where that cannot be reached."""
    async with find_database(settings, reactor) as uri:
        database = Database(uri, files=settings.picture_store == "gridfs")
        bus = make_bus_of_command(settings, reactor)
        context = AdminContext(settings, with_secrets, database, bus, reactor)
        database.open()
        try:
            await database.ping()
            await Schema(database, MIGRATIONS, None, reactor).check()
            if bus is not None:
                await bus.start()
            yield context
        finally:
            await context.close()
            if bus is not None:
                await bus.stop()
            await database.close()
