"""The checks of ``justchat-admin doctor``: each says in what state a part of the installation is, and what to do."""

import os
import resource
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_network
from pathlib import Path

from attrs import frozen
from cryptography import x509

from justchat.config.open_defaults import fields_of_endpoint, has_short_key, is_endpoint_beyond_loopback, open_defaults
from justchat.config.settings import Settings
from justchat.errors import SmsFailure
from justchat.model.sms_count import ACCEPTED, UNDELIVERED, SmsCount
from justchat.runtime.certificates import is_tls, read_certificate
from justchat.runtime.data_dir import SECRET_KEY, check_owner, check_secret
from justchat.runtime.disk import FULL, free_bytes
from justchat.runtime.running import RunningDaemon, read_running
from justchat.wiring.bus import check_bus_of
from justchat.wiring.words import load_word_list

FEW_FILES, ENOUGH_FILES = 512, 64_000
"""Open files. mongod asks for the latter."""
RENEW_WITHIN = timedelta(days=21)
MIB = 2**20


class CheckState(Enum):
    """The state of a part."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@frozen
class Finding:
    """What a check found: ``what`` is the state in words, ``advice`` what to do, empty if that is nothing."""

    name: str
    state: CheckState
    what: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """What was found, and what to do."""
        return f"{self.what}: {self.advice}" if self.advice else self.what


Check = Callable[[Settings], Iterator[Finding]]
"""A check yields what it finds, at least one finding, or none where its part is not there. It may raise StartupError,
which is a finding, too."""


def data_directory(settings: Settings) -> Iterator[Finding]:
    """Its owner, its mode, and the generated secret."""
    folder = settings.data_dir
    name = "data directory"
    if not folder.exists():
        yield Finding(
            name, CheckState.WARNING, f"{folder} is not there yet", "start the daemon, or give its --data-dir"
        )
        return
    check_owner(folder)
    if settings.payments.secret_key is None:
        check_secret(folder / SECRET_KEY)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        yield Finding(name, CheckState.WARNING, f"{folder} is open to others (mode {mode:04o})", f"chmod 700 {folder}")
    else:
        yield Finding(name, CheckState.OK, f"{folder} is its owner's alone")


def disk(settings: Settings) -> Iterator[Finding]:
    """The room on the disk of the data directory."""
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    free = free_bytes(folder)
    what = f"{free // MIB} MiB are free at {folder}"
    if free < FULL:
        yield Finding("disk", CheckState.WRONG, what, "free some: the embedded database may stop at any moment")
    elif free < settings.uploads.free_space:
        yield Finding("disk", CheckState.WRONG, what, "free some: uploads are refused, [uploads] free_space is more")
    elif free < 2 * settings.uploads.free_space:
        yield Finding("disk", CheckState.WARNING, what, "soon uploads are refused, below [uploads] free_space")
    else:
        yield Finding("disk", CheckState.OK, what)


def open_files(settings: Settings) -> Iterator[Finding]:
    """The limit on open files, of the daemon that runs, or else of this command."""
    found = read_running(settings.data_dir)
    most = _limit_of(found.pid) if found else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    whose = f"the daemon (pid {found.pid})" if found else "this user"
    what = f"{whose} may open {most} files"
    advice = "raise it: LimitNOFILE= in the unit, or ulimit -n; each connection takes one"
    if most < FEW_FILES:
        yield Finding("open files", CheckState.WRONG, what, advice)
    else:
        enough = most >= ENOUGH_FILES
        yield Finding("open files", CheckState.OK if enough else CheckState.WARNING, what, "" if enough else advice)


def _limit_of(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def written_endpoints(settings: Settings) -> dict[str, str]:
    """The endpoints, by table of the settings."""
    found = {
        "http": settings.http.endpoint,
        "websocket": settings.websocket.endpoint,
        "server": settings.server.endpoint,
        "metrics": settings.metrics.endpoint,
    }
    return {table: endpoint for table, endpoint in found.items() if endpoint is not None}


def _endpoints(settings: Settings) -> dict[str, str]:
    """Those for clients and servers of apps."""
    return {table: endpoint for table, endpoint in written_endpoints(settings).items() if table != "metrics"}


def certificates(settings: Settings) -> Iterator[Finding]:
    """The certificates of ``ssl:`` endpoints: whether they can be read, and when they expire."""
    for table, endpoint in written_endpoints(settings).items():
        if is_tls(endpoint):
            read_certificate(table, endpoint)
            fields = fields_of_endpoint(endpoint)
            file = Path(fields.get("certKey") or fields.get("privateKey") or "server.pem")
            first = x509.load_pem_x509_certificates(file.read_bytes())[0]
            left = first.not_valid_after_utc - datetime.now(UTC)
            what = f"[{table}] {file} is valid until {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            advice = "renew it, then reload: systemctl reload justchat"
            if left <= timedelta():
                yield Finding("certificate", CheckState.WRONG, what, advice)
            else:
                soon = left < RENEW_WITHIN
                yield Finding(
                    "certificate", CheckState.WARNING if soon else CheckState.OK, what, advice if soon else ""
                )


def proxies(settings: Settings) -> Iterator[Finding]:
    """Whether the addresses of clients can be known, and cannot be forged; whether traffic can be read."""
    name, found = "proxies", settings.http.proxies
    everybody = [network for network in found if ip_network(network).prefixlen == 0]
    if everybody:
        advice = "name your proxies alone: whoever connects can claim any address, and no limit holds"
        yield Finding(name, CheckState.WRONG, f"[http] proxies has {', '.join(everybody)}", advice)
    plain = [
        table
        for table, endpoint in _endpoints(settings).items()
        if is_endpoint_beyond_loopback(endpoint) and not endpoint.startswith(("ssl:", "haproxy:"))
    ]
    if plain and not found:
        what = f"[{'], ['.join(plain)}]: plain HTTP beyond this machine"
        advice = "give it an ssl: endpoint, or put a proxy with TLS in front and name it in [http] proxies"
        yield Finding(name, CheckState.WARNING, what, advice)
    endpoint = settings.http.endpoint
    if endpoint.startswith(("tcp", "ssl")) and not is_endpoint_beyond_loopback(endpoint) and not found:
        advice = "name the proxy in front in [http] proxies, or all clients behind it share one limit"
        yield Finding(name, CheckState.WARNING, "only this machine reaches [http], and no proxy is named", advice)
    elif not everybody and not plain:
        yield Finding(name, CheckState.OK, f"[http] proxies: {', '.join(found) or 'none'}")


def defaults(settings: Settings) -> Iterator[Finding]:
    """The defaults that are unsafe for what this installation does."""
    name = "defaults"
    if settings.http.debug:
        yield Finding(name, CheckState.WARNING, "[http] debug = true", "set it to false: clients see exceptions")
    if not settings.limits.enabled:
        yield Finding(name, CheckState.WARNING, "[limits] enabled = false", "set it to true: nothing slows attacks")
    served = settings.http.proxies or any(map(is_endpoint_beyond_loopback, _endpoints(settings).values()))
    found = open_defaults(settings) if served else []
    if found:
        advice = "etc/justchat.toml has the safe value of each"
        yield Finding(name, CheckState.WARNING, f"as open as the original: {', '.join(found)}", advice)
    if served and has_short_key(settings):
        advice = "take another one: openssl rand -hex 32"
        what = "[payments] secret_key is short: whoever has seen one signed top-up can find it by trying"
        yield Finding(name, CheckState.WARNING, what, advice)
    if served and settings.sms.has_gateway and not settings.captcha.is_configured:
        advice = "configure [captcha]: it is asked for while an attack lasts"
        yield Finding(name, CheckState.WARNING, "SMS cost money, and no captcha is configured", advice)
    if settings.uploads.store == "folder" and settings.bus.uri:
        advice = 'set [uploads] store to "gridfs" or "s3": pictures of one daemon are not found by the others'
        yield Finding(name, CheckState.WARNING, '[uploads] store = "folder" with several daemons', advice)


def sms(settings: Settings) -> Iterator[Finding]:
    """Whether keys reach phones."""
    if not settings.sms.has_gateway:
        advice = "configure [sms]: docs/sms.rst"
        yield Finding("sms", CheckState.WARNING, "keys go to sms-outbox.jsonl, and to no phone", advice)
    else:
        names = ", ".join(each.called for each in settings.sms.senders)
        yield Finding("sms", CheckState.OK, f"senders: {names}; justchat-admin sms test PHONE sends one")


def words(settings: Settings) -> Iterator[Finding]:
    """The word list."""
    if settings.moderation.words is not None:
        load_word_list(settings)
        yield Finding("word list", CheckState.OK, f"{settings.moderation.words} can be read")


def bus(settings: Settings) -> Iterator[Finding]:
    """Whether the bus is there."""
    if settings.bus.uri:
        check_bus_of(settings)
        yield Finding("bus", CheckState.OK, "every node accepts us")


def daemon(found: RunningDaemon | None, settings: Settings) -> Iterator[Finding]:
    """Whether a daemon runs on the data directory, and with which settings. Those of ``settings`` are looked at."""
    name = "daemon"
    if found is None:
        yield Finding(name, CheckState.OK, f"none runs on {settings.data_dir}")
        return
    listens = ", ".join(f"[{table}] {endpoint}" for table, endpoint in found.endpoints.items())
    yield Finding(name, CheckState.OK, f"it runs (pid {found.pid}): {listens}")
    ours = None if settings.file is None else str(settings.file)
    if ours != found.config:
        what = f"it runs with {found.config or 'no file of settings'}, and this command with {ours or 'none'}"
        yield Finding(name, CheckState.WARNING, what, "give this command the daemon's --config")


def with_endpoints(settings: Settings, found: RunningDaemon | None) -> Settings:
    """The settings with the endpoints of the daemon that runs, which its command line may have changed."""
    changed = {}
    for table, endpoint in found.endpoints.items() if found else ():
        if table in ("http", "websocket", "server"):
            changed[table] = getattr(settings, table).model_copy(update={"endpoint": endpoint})
    return settings.model_copy(update=changed)


def settings_file(file: str | None) -> Iterator[Finding]:
    """Who may read the settings, which may have secrets."""
    if file is not None:
        mode = stat.S_IMODE(os.stat(file).st_mode)
        if mode & 0o007:
            what = f"{file} may be read by everybody (mode {mode:04o})"
            yield Finding("settings", CheckState.WARNING, what, f"chmod 640 {file}, and chgrp it to the daemon's group")
        else:
            yield Finding("settings", CheckState.OK, f"{file} has no fault")


WITHOUT_DATABASE: tuple[tuple[str, Check], ...] = (
    ("data directory", data_directory),
    ("disk", disk),
    ("open files", open_files),
    ("certificate", certificates),
    ("proxies", proxies),
    ("defaults", defaults),
    ("sms", sms),
    ("word list", words),
    ("bus", bus),
)


def clock(now: float, theirs: datetime) -> Finding:
    """This machine's clock beside the database's. ``now`` is by ``time.time``."""
    seconds = abs(theirs.timestamp() - now)
    what = f"the database's clock differs by {seconds:.1f} s"
    advice = "let both machines keep their time by NTP (timedatectl)"
    if seconds > 30:
        return Finding("clock", CheckState.WRONG, what, advice)
    return Finding("clock", CheckState.WARNING if seconds > 2 else CheckState.OK, what, advice if seconds > 2 else "")


def database_version(version: str) -> Finding:
    """Whether the series of MongoDB is still maintained."""
    series = tuple(int(part) for part in version.split(".")[:2])
    what = f"MongoDB {version}"
    if series < (6, 0):
        return Finding("database", CheckState.WRONG, what, "JustChat needs 6.0 or later: upgrade it")
    if series < (7, 0):
        advice = "its series gets no corrections any more; docs/operating-storage.rst says how to move to a later one"
        return Finding("database", CheckState.WARNING, what, advice)
    return Finding("database", CheckState.OK, what)


def feature_compatibility(version: str, series: str) -> Finding:
    """Whether the data of the embedded database could be those of its mongod's series."""
    what = f"data of the series {series}, MongoDB {version}"
    if version.startswith(f"{series}."):
        return Finding("feature compatibility", CheckState.OK, what)
    advice = 'justchat-admin database upgrade, after a backup (docs/operating-storage.rst, "The embedded MongoDB")'
    return Finding("feature compatibility", CheckState.WARNING, what, advice)


def unjoined_daemons(signs: int, settings: Settings) -> Iterator[Finding]:
    """Whether several daemons use the database, and no bus joins them. ``signs`` of life are one of each worker."""
    if settings.bus.uri is None and signs > settings.http.workers:
        what = f"{signs} daemons or workers used this database in the last 20 s, and no bus joins them"
        advice = "give all daemons the same [bus] uri (docs/growing.rst), or stop all but one"
        yield Finding("daemons", CheckState.WARNING, what, advice)


def sms_outcomes(counts: Iterable[SmsCount]) -> Iterator[Finding]:
    """Whether gateways took the SMS of the last day, and delivered them."""
    outcomes: Counter[str] = Counter()
    for each in counts:
        outcomes[each.outcome] += each.count
    failed = sum(outcomes[failure.value] for failure in SmsFailure) + outcomes[UNDELIVERED]
    if failed:
        taken = outcomes[ACCEPTED]
        what = f"in the last day {failed} SMS failed, and gateways took {taken}"
        advice = "look at justchat-admin sms status, and for the gateways' answers in the log"
        yield Finding("sms", CheckState.WARNING if taken else CheckState.WRONG, what, advice)


def time_now() -> float:
    """The time of this machine."""
    return time.time()
