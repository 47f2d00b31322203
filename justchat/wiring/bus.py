"""The bus, as the settings ask for it."""

from typing import Any

from justchat.bus.bus import Bus
from justchat.bus.check import check_bus
from justchat.bus.peers import PeerBus
from justchat.bus.uri import BusUri, parse_uris
from justchat.config.settings import Settings
from justchat.runtime.data_dir import bus_sockets, is_listening
from justchat.store.mongo.uri import DEFAULT_NAME, MongoUri


def make_bus(settings: Settings, reactor: Any) -> Bus | None:
    """The bus of ``[bus] uri``; None where there is none. Raises StartupError."""
    if not settings.bus.uri:
        return None
    return Bus(parse_uris(settings.bus.uri), _database_of(settings), reactor, settings.bus.ca_file)


def make_peer_bus(settings: Settings, reactor: Any) -> PeerBus:
    """The bus of a worker, whose ``[bus] uri`` are the sockets of all."""
    return PeerBus(parse_uris(settings.bus.uri or ()), _database_of(settings), reactor)


def make_bus_of_command(settings: Settings, reactor: Any) -> Bus | None:
    """The bus of the daemon that a command works beside: that of ``[bus] uri``, or those of its workers.

    What is published at one worker is received by all. None where there is none, and where the secret with the URI
    cannot be read. Raises StartupError.
    """
    sockets = [] if settings.bus.uri else [each for each in bus_sockets(settings.data_dir) if is_listening(each)]
    if sockets:
        uris = [BusUri("", 0, str(each), None, None, tls=False) for each in sockets]
        return Bus(uris, _database_of(settings), reactor)
    return make_bus(settings, reactor)


def check_bus_of(settings: Settings) -> None:
    """Raises StartupError unless the bus of ``[bus] uri`` accepts us. Blocks for seconds at most."""
    if settings.bus.uri:
        check_bus(parse_uris(settings.bus.uri), _database_of(settings), settings.bus.ca_file)


def _database_of(settings: Settings) -> str:
    return DEFAULT_NAME if settings.mongo.uri is None else MongoUri.parse(settings.mongo.uri).database
