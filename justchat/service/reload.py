"""SIGHUP: the settings, certificates and word lists are read anew, and what can be applied is, without a restart.

Everything is read and checked first. If anything is wrong, nothing changes.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from justchat.config.changes import changes, reloaded
from justchat.config.open_defaults import fields_of_endpoint
from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.runtime.certificates import is_tls
from justchat.runtime.logs.output import LOG
from justchat.service.preflight import all_endpoints

Load = Callable[[], Settings]
"""Reads the settings anew. Raises StartupError."""
Apply = Callable[[], None]
"""Applies what was read."""
Prepare = Callable[[Settings], Apply]
"""Reads the files that settings name. It runs in a thread, and changes nothing. Raises StartupError."""


class Reload:
    """Reloads the settings of one process. ``settings`` are those that apply."""

    _log = Logger()

    def __init__(
        self, settings: Settings, load: Load, prepare: Prepare, reactor: Any, *, is_quiet: bool = False
    ) -> None:
        """``is_quiet``: only what goes wrong is logged, since another process says the rest."""
        self.settings = settings
        self._load = load
        self._prepare = prepare
        self._reactor = reactor
        self._is_quiet = is_quiet
        self._is_running = self._is_asked = False
        self._digests = file_digests(settings)

    def begin(self) -> None:
        """Reload, or once more if that is under way."""
        self._is_asked = True
        if not self._is_running:
            self._is_running = True
            Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    async def _run(self) -> None:
        try:
            while self._is_asked:
                self._is_asked = False
                await self._reload()
        finally:
            self._is_running = False

    async def _reload(self) -> None:
        try:
            new, settings, digests, apply = await deferToThreadPool(
                self._reactor, self._reactor.getThreadPool(), self._read, self.settings
            )
        except StartupError as error:
            reason = "; ".join(str(error).splitlines())
            self._log.error("SIGHUP: refused, nothing has changed: {reason}", reason=reason)
            return
        apply()
        before, self.settings = self.settings, settings
        files = sorted(name for name, digest in digests.items() if digest != self._digests.get(name))
        self._digests = digests
        changed = [*changes(before, settings), *files]
        waiting = changes(settings, new)
        if not self._is_quiet:
            self._log.info(
                "SIGHUP: settings are read anew; changed: {changed}; needs a restart: {waiting}",
                changed=", ".join(changed) or "nothing",
                waiting=", ".join(waiting) or "nothing",
            )
        # Last: the line above is there, whatever the new level is.
        LOG.configure(settings)

    def _read(self, before: Settings) -> tuple[Settings, Settings, dict[str, bytes], Apply]:
        new = self._load()
        settings = reloaded(before, new)
        # Before the files are read: a change in between is seen the next time.
        digests = file_digests(settings)
        return new, settings, digests, self._prepare(settings)

    def _failed(self, failure: Any) -> None:
        self._log.failure("SIGHUP: the settings cannot be read anew", failure)


def file_digests(settings: Settings) -> dict[str, bytes]:
    """What identifies the content of each file that a reload reads anew, by its name for operators."""
    digests = {}
    if settings.moderation.words is not None:
        digests["the word list"] = _digest(settings.moderation.words)
    for table, endpoint in all_endpoints(settings).items():
        if is_tls(endpoint):
            fields = fields_of_endpoint(endpoint)
            files = (fields.get(name, "") for name in ("privateKey", "certKey", "extraCertChain"))
            digests[f"the certificate of [{table}]"] = b"".join(map(_digest, filter(None, files)))
    return digests


def _digest(file: str) -> bytes:
    with suppress(OSError):
        return sha256(Path(file).read_bytes()).digest()
    return b""
