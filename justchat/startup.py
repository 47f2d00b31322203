"""What is judged before the daemon starts, and what it tells of itself when it has."""

import signal
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from twisted.internet import reactor as default_reactor

from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.runtime.data_dir import SECRET_KEY, Owner, check_owner, check_secret
from justchat.runtime.endpoints import address_of, is_beyond_loopback, is_exposed, server_of
from justchat.runtime.mongod import find_binary
from justchat.store.mongo.uri import check_reachable

Port = tuple[str, str, Any]
"""A table of the settings, its endpoint, and the port that listens."""


def endpoints_of_settings(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Each table that has an endpoint, with that."""
    return ("http", settings.http.endpoint), ("websocket", settings.websocket.endpoint)


def owner_of(twistd: Mapping[str, Any]) -> Owner:
    """Who the daemon is when it has bound its ports: ``twistd --uid`` and ``--gid`` change that."""
    return Owner(twistd.get("uid"), twistd.get("gid"))


def check_start(settings: Settings, twistd: Mapping[str, Any]) -> None:
    """Raises StartupError for what can be seen to be wrong without making or binding anything."""
    for table, endpoint in endpoints_of_settings(settings):
        server_of(table, endpoint, default_reactor)
    if settings.bus.uri is not None:
        raise StartupError("[bus] uri: no bus is built in yet; several daemons cannot be joined")
    if settings.mongo.uri is not None:
        check_reachable(settings.mongo.uri)
    else:
        find_binary()
    owner = owner_of(twistd)
    check_owner(settings.data_dir, owner)
    if settings.payments.secret_key is None:
        check_secret(settings.data_dir / SECRET_KEY, owner)


def cautions(settings: Settings, ports: Sequence[Port]) -> list[str]:
    """What the operator should think about, a line each."""
    plain = [table for table, endpoint, port in ports if is_exposed(endpoint, port, settings.http.proxies)]
    found = []
    if plain:
        found.append(
            f"[{'], ['.join(plain)}] endpoint: plain HTTP beyond this machine, keys and messages can be read on their"
            " way; give it an ssl: endpoint, or put a proxy with TLS in front and name it in [http] proxies"
        )
    open_values = {
        "[privacy] show_phones = true": settings.privacy.show_phones,
        "[privacy] show_registered = true": settings.privacy.show_registered,
        "[payments] allow_unnumbered = true": settings.payments.allow_unnumbered,
        "[uploads] require_session = false": not settings.uploads.require_session,
    }
    named = [setting for setting, is_so in open_values.items() if is_so]
    if named and any(is_beyond_loopback(port) for _, _, port in ports):
        found.append(
            f"reached from beyond this machine with defaults of the original: {', '.join(named)};"
            " etc/justchat.toml has the safe values"
        )
    return found


def welcome(settings: Settings, ports: Sequence[Port]) -> list[str]:
    """The last lines of a start: where it listens, and what to do next."""
    lines = [f"{table} listens on {address_of(port)}" for table, _, port in ports]
    front = next((_url(endpoint, port) for table, endpoint, port in ports if table == "http"), None)
    lines.append(f"JustChat {version('justchat')} is up" + (f": {front}" if front else ""))
    if settings.sms.sender == "outbox":
        lines.append(
            f'next: README.rst, "Walk-through"; keys of those who sign up are in {settings.data_dir}/sms-outbox.jsonl'
        )
    return lines


def _url(endpoint: str, port: Any) -> str | None:
    host = port.getHost()
    if not hasattr(host, "port") or endpoint.startswith("haproxy:"):
        return None
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host.host, f"[{host.host}]" if ":" in host.host else host.host)  # noqa: S104
    return f"{'https' if endpoint.startswith('ssl:') else 'http'}://{name}:{host.port}/"


def take_signals(reactor: Any, on_hangup: Callable[..., None]) -> None:
    """Ctrl-C is the reactor's from now on, which stops in order once it runs; SIGHUP ends nothing."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # The reactor would only take it over from Python's own handler, and a little later.
        signal.signal(signal.SIGINT, reactor.sigInt)
    signal.signal(signal.SIGHUP, on_hangup)
