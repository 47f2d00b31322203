"""What the daemon says once it accepts connections: to its operator in the log, and to systemd."""

from collections.abc import Sequence

from twisted.application.service import Service
from twisted.logger import Logger

from justchat import __version__
from justchat.bus.uri import parse_uris
from justchat.config.open_defaults import has_short_key, open_defaults
from justchat.config.settings import Settings
from justchat.http.web.files import is_built
from justchat.runtime.endpoints import address_of, is_beyond_loopback, is_exposed
from justchat.runtime.running import note_running, note_stopped
from justchat.runtime.systemd import Notifier
from justchat.service.ports import OpenPort, Ports


class UpLine(Service):
    """Says that the daemon is up, and when it stops."""

    name = "announcement"
    _log = Logger()

    def __init__(self, settings: Settings, ports: Ports, notifier: Notifier) -> None:
        self._settings = settings
        self._ports = ports
        self._notifier = notifier

    def startService(self) -> None:
        super().startService()
        for warning in warnings_of(self._settings, self._ports.open):
            self._log.warn("{text}", text=warning)
        for line in welcome(self._settings, self._ports.open):
            self._log.info("{line}", line=line)
        try:
            endpoints = {each.table: each.endpoint for each in self._ports.open}
            note_running(self._settings.data_dir, self._settings.file, endpoints)
        except OSError as error:
            self._log.warn("--data-dir: {file}: {error}", file=error.filename, error=error.strerror)
        self._notifier.ready()

    def stopService(self) -> None:
        super().stopService()
        self._log.info("JustChat stops")
        note_stopped(self._settings.data_dir)
        self._notifier.stopping()


def warnings_of(settings: Settings, ports: Sequence[OpenPort]) -> list[str]:
    """What the operator should think about, a line each."""
    plain = [each.table for each in ports if is_exposed(each.endpoint, each.port, settings.http.proxies)]
    found = []
    if plain:
        found.append(
            f"[{'], ['.join(plain)}] endpoint: plain HTTP beyond this machine, keys and messages can be read on their"
            " way; give it an ssl: endpoint, or put a proxy with TLS in front and name it in [http] proxies"
        )
    if exposed := [uri.address for uri in parse_uris(settings.bus.uri or ()) if uri.is_exposed]:
        found.append(
            f"[bus] uri: {', '.join(exposed)}: without TLS and a password, whoever is on that network can read and show"
            " messages; use rediss:// with a password, or a network of the daemons alone"
        )
    named = open_defaults(settings)
    is_reached = any(is_beyond_loopback(each.port) for each in ports)
    if is_reached and has_short_key(settings):
        found.append(
            "[payments] secret_key is short: whoever has seen one signed top-up can find it by trying; take another,"
            " as openssl rand -hex 32 makes it"
        )
    if is_reached and named:
        found.append(
            f"reached from beyond this machine with defaults of the original: {', '.join(named)};"
            " etc/justchat.toml has the safe values"
        )
    return found


def welcome(settings: Settings, ports: Sequence[OpenPort]) -> list[str]:
    """The last lines of a start: the addresses, and what to do next."""
    lines = [f"{each.table} listens on {address_of(each.port)}" for each in ports]
    front = next((_url(each) for each in ports if each.table == "http"), None)
    lines.append(f"JustChat {__version__} is up" + (f": {front}" if front else ""))
    if not settings.sms.has_gateway:
        has_pages = front and settings.web.enabled and is_built()
        page = f"open {front} in two windows and chat, or follow " if has_pages else ""
        lines.append(
            f'next: {page}README.rst, "Walk-through"; keys of those who sign up are in'
            f" {settings.data_dir}/sms-outbox.jsonl"
        )
    return lines


def _url(listening: OpenPort) -> str | None:
    """The address to open in a browser; None for a Unix socket, or behind the PROXY protocol."""
    host = listening.port.getHost()
    if not hasattr(host, "port") or listening.endpoint.startswith("haproxy:"):
        return None
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host.host, f"[{host.host}]" if ":" in host.host else host.host)  # noqa: S104
    return f"{'https' if listening.endpoint.startswith('ssl:') else 'http'}://{name}:{host.port}/"
