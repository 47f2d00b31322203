"""What the commands work with: actions and stores on the daemon's database. Parts are made when a command asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.actions.operating import OperatorActions
from justchat.admin.database import find_database
from justchat.config.settings import Settings
from justchat.interfaces.bus import IBus
from justchat.interfaces.money import ICatalogue
from justchat.store.mongo.client import Database
from justchat.wiring.actions import make_gift_catalogue, make_operator_actions
from justchat.wiring.bus import make_bus_of_command
from justchat.wiring.stores import make_stores
from justchat.workers.images import Images


class AdminContext:
    """What a command works with. ``operating`` is what operators can do; ``catalogue`` the gifts as they are stored."""

    def __init__(self, settings: Settings, database: Database, bus: IBus | None, reactor: Any) -> None:
        self.settings = settings
        self._reactor = reactor
        # No publisher subscribes: users have no sockets here. Daemons hear by the bus, or from the database.
        self._stores = make_stores(settings, database, reactor, bus=bus)
        self._images: Images | None = None
        self.catalogue: ICatalogue = self._stores.catalogue
        self.operating: OperatorActions = make_operator_actions(settings, self._stores)

    @property
    def gift_catalogue(self) -> GiftCatalogue:
        """The actions on gifts. The process that decodes pictures starts when they are first asked for."""
        if self._images is None:
            data_dir = self.settings.data_dir
            self._images = Images(data_dir / "uploads", data_dir / "spool", self._reactor)
            self._images.start()
        return make_gift_catalogue(self._stores, self._images)

    async def close(self) -> None:
        """Returns when the process that decodes pictures has ended."""
        if self._images is not None:
            await self._images.stop()


@asynccontextmanager
async def open_context(settings: Settings, reactor: Any) -> AsyncIterator[AdminContext]:
    """A context on the daemon's database. Raises StartupError where that cannot be reached."""
    async with find_database(settings, reactor) as uri:
        database = Database(uri)
        bus = make_bus_of_command(settings, reactor)
        context = AdminContext(settings, database, bus, reactor)
        database.open()
        try:
            await database.ping()
            if bus is not None:
                await bus.start()
            yield context
        finally:
            await context.close()
            if bus is not None:
                await bus.stop()
            await database.close()
