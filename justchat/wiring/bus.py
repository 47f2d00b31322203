"""The bus, as the settings ask for it."""

from typing import Any

from justchat.bus.bus import Bus
from justchat.bus.check import check_bus
from justchat.bus.uri import parse_uris
from justchat.config.settings import Settings
from justchat.store.mongo.uri import DEFAULT_NAME, MongoUri


def make_bus(settings: Settings, reactor: Any) -> Bus | None:
    """The bus of ``[bus] uri``; None where there is none. Raises StartupError."""
    if not settings.bus.uri:
        return None
    return Bus(parse_uris(settings.bus.uri), _database_of(settings), reactor, settings.bus.ca_file)


def check_bus_of(settings: Settings) -> None:
    """Raises StartupError unless the bus of ``[bus] uri`` accepts us. Blocks for seconds at most."""
    if settings.bus.uri:
        check_bus(parse_uris(settings.bus.uri), _database_of(settings), settings.bus.ca_file)


def _database_of(settings: Settings) -> str:
    return DEFAULT_NAME if settings.mongo.uri is None else MongoUri.parse(settings.mongo.uri).database
