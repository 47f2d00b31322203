"""The embedded database: a private mongod that starts and stops with the daemon.

``mongod_binary`` chooses the program. It listens on a Unix socket that is for the
daemon's user alone, and on no network address.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import tempfile
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import StartupError
from justchat.runtime.mongod_binary import explain_wrong_series, find_binary

SOCKET = "mongod.sock"
LOG_READ = 256 * 1024
"""Bytes at the end of mongod's log in which the reason of a failure is looked for."""
SOCKET_PATH_LIMIT = 100
"""Bytes. sockaddr_un holds 107."""
_ODD = re.compile(r"[,:\[\]]")
"""Marks that end an address for mongod, or for its driver."""
START_TIMEOUT = 60.0
"""Seconds. Recovery after a crash reads the journal."""
STOP_TIMEOUT = 10.0
FREE_SPACE = 16 * 2**20
"""Bytes of disk that a restart needs: a journal of 4 MiB, and what recovery writes."""
FREE_SPACE_EVERY = 0.2
"""Seconds between looks at a disk that is full."""


class Mongod:
    """A private mongod with its files in ``folder``. If it dies between ``start`` and ``stop``, it is started again.

    Its cache takes at most ``cache`` GiB. ``binary`` is ``[mongo] binary``.
    """

    _log = Logger()

    def __init__(self, folder: Path, reactor: Any, cache: float = 0.5, *, binary: str | None = None) -> None:
        self._folder = folder
        self._cache = cache
        self._reactor = reactor
        self._process: _Process | None = None
        self._stopping = False
        self._socket_folder = folder
        self._binary = find_binary(binary)
        if len(os.fsencode(folder / SOCKET)) > SOCKET_PATH_LIMIT or _ODD.search(str(folder)):
            self._socket_folder = Path(tempfile.mkdtemp(prefix="justchat-"))

    @property
    def uri(self) -> str:
        """The URI to connect to it."""
        return f"mongodb://{quote(str(self._socket), safe='')}/justchat"

    @property
    def pid(self) -> int | None:
        """The number of its process; None where none runs."""
        return self._process.transport.pid if self._process and self._process.transport else None

    @property
    def _socket(self) -> Path:
        return self._socket_folder / SOCKET

    async def start(self) -> None:
        """Returns once it accepts connections. Raises StartupError with the reason from its log."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._end_orphan()
        await self._launch()

    async def _end_orphan(self) -> None:
        """End a mongod that outlived its daemon, and wait until it is gone, since it holds mongod's lock.

        No running daemon can own it, since the caller holds the data directory's own lock.
        """
        waited = 0.0
        while (orphan := self._lock_holder()) is not None:
            if waited == 0.0:
                self._log.warn("a mongod of an earlier daemon still runs (pid {pid}); ending it", pid=orphan)
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGTERM if waited < STOP_TIMEOUT else signal.SIGKILL)
            await deferLater(self._reactor, 0.1)
            waited += 0.1

    def _lock_holder(self) -> int | None:
        """The mongod that runs on our folder; None where none does. A stale pid may belong to any process."""
        try:
            pid = int((self._folder / "mongod.lock").read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._folder) in arguments else None

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.setblocking(False)
            try:
                attempt.connect(str(self._socket))
            except OSError:
                return False
            return True

    async def _launch(self) -> None:
        self._socket.unlink(missing_ok=True)
        log_file = self._folder / "mongod.log"
        if log_file.exists():
            # mongod would keep every old log; one is enough.
            log_file.replace(self._folder / "mongod.log.1")
        process = self._process = _Process()
        command = [
            # If the daemon is killed, the kernel sends SIGTERM to mongod: a clean stop, without recovery next time.
            # A session of its own, since Ctrl-C is for the daemon, which needs its database while it stops.
            *("setsid", "setpriv", "--pdeathsig", "TERM", "--"),
            self._binary,
            *("--dbpath", str(self._folder)),
            *("--bind_ip", str(self._socket), "--nounixsocket"),
            # No log of slow commands: it would contain phones, hashes of keys, and messages.
            *("--logpath", str(log_file), "--quiet", "--slowms", str(2**31 - 1)),
            *("--wiredTigerCacheSizeGB", str(self._cache)),
            # 4 MB of journal instead of 300, and a crash recovers as before.
            *("--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"),
            "--noscripting",
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]
        executable = shutil.which(command[0])
        if executable is None:
            raise StartupError("the embedded database needs setsid and setpriv (package util-linux)")
        self._reactor.spawnProcess(
            process, executable, command, env=library_environment(self._folder), path=str(self._folder)
        )
        waited = 0.0
        while not self._accepts():
            if process.ended:
                raise StartupError(f"the embedded database did not start: {self._reason(log_file)}")
            if waited > START_TIMEOUT:
                process.kill()
                raise StartupError(f"the embedded database is not up after {START_TIMEOUT:.0f} s; see {log_file}")
            await deferLater(self._reactor, 0.02)
            waited += 0.02
        process.exit.addCallback(self._exited)

    def _exited(self, status: str) -> None:
        if self._stopping:
            return
        cause = self._reason(self._folder / "mongod.log", ended=True)
        self._log.error("the embedded database died ({status}): {cause}; starting it again", status=status, cause=cause)
        Deferred.fromCoroutine(self._relaunch()).addErrback(
            lambda failure: self._log.failure("the embedded database cannot be started", failure)
        )

    async def _relaunch(self) -> None:
        pause = 0.1
        while not self._stopping:
            try:
                if shutil.disk_usage(self._folder).free < FREE_SPACE:
                    # It would die at once, and the pauses would grow meanwhile.
                    await self._wait_for_free_space()
                    continue
                return await self._launch()
            except (StartupError, OSError) as error:  # the latter where the machine lacks memory or processes, say
                self._log.error("{error}; trying again in {pause} s", error=error, pause=pause)
            await deferLater(self._reactor, pause)
            pause = min(pause * 2, 10.0)

    async def _wait_for_free_space(self) -> None:
        self._log.error(
            "the disk is full; the embedded database is started when {mib} MiB are free", mib=FREE_SPACE >> 20
        )
        while not self._stopping and shutil.disk_usage(self._folder).free < FREE_SPACE:
            await deferLater(self._reactor, FREE_SPACE_EVERY)

    async def stop(self) -> None:
        """Stop the process, and kill it after STOP_TIMEOUT. Returns once it is gone."""
        self._stopping = True
        process = self._process
        if process is not None and not process.ended:
            process.signal("TERM")
            timer = self._reactor.callLater(STOP_TIMEOUT, process.kill)
            await process.exit
            if timer.active():
                timer.cancel()
        if self._socket_folder != self._folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _reason(self, log_file: Path, *, ended: bool = False) -> str:
        """The reason of a failure from mongod's own log or output, on one line. ``ended``: it was up before."""
        output = self._process.output if self._process else b""
        lines = _tail(log_file).splitlines() + output.splitlines()
        errors = [line for line in lines if b'"s":"F"' in line or b'"s":"E"' in line or b"error while" in line]
        for line in errors:
            if (explained := explain_wrong_series(line.decode(errors="replace"), self._binary)) is not None:
                return explained
        if ended:
            return _message_of(errors[-1]) if errors else f"{log_file} has no error"
        return _message_of((errors or lines or [b"it said nothing"])[0])


def _tail(file: Path) -> bytes:
    """The end of a log; empty where there is none."""
    with suppress(OSError), file.open("rb") as opened:
        opened.seek(max(0, os.fstat(opened.fileno()).st_size - LOG_READ))
        return opened.read()
    return b""


def _message_of(line: bytes) -> str:
    """The message of a line of mongod's log, which is JSON, or of its output, which is not."""
    text = line.decode(errors="replace")
    try:
        entry = json.loads(text)
    except ValueError:
        return text[:300]
    details = entry.get("attr") or {}
    reason = details.get("error") or details.get("message") or details.get("reason") or ""
    return f"{entry.get('msg')}: {reason}"[:300].removesuffix(": ").replace("\n", " ")


class _Process(ProcessProtocol):
    def __init__(self) -> None:
        self.exit: Deferred[str] = Deferred()
        self.ended = False
        self.output = b""

    def outReceived(self, data: bytes) -> None:
        self.output = (self.output + data)[-4096:]

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        self.ended = True
        self.exit.callback(describe_exit(reason))

    def signal(self, name: str) -> None:
        if self.transport is not None and not self.ended:
            self.transport.signalProcess(name)

    def kill(self) -> None:
        self.signal("KILL")


def describe_exit(reason: Failure) -> str:
    """How a process ended, in words."""
    if reason.check(ProcessDone):
        return "exit code 0"
    ended = reason.value
    if isinstance(ended, ProcessTerminated):
        return f"{signal.Signals(ended.signal).name}" if ended.signal else f"exit code {ended.exitCode}"
    return str(ended)


def library_environment(folder: Path) -> dict[str, str]:
    """mongod's environment. It is linked with libcurl; where the system has none, it gets that of pycurl's wheel."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        ctypes.CDLL("libcurl.so.4")
        return environment
    except OSError:
        pass
    try:
        libs = Path(str(resources.files("pycurl"))).parent / "pycurl.libs"
    except ModuleNotFoundError:
        return environment
    libraries = sorted(libs.glob("libcurl*.so.4*"))
    if libraries:
        # Under the name that mongod is linked with, in a folder that only we can write.
        named = folder / "lib"
        named.mkdir(mode=0o700, exist_ok=True)
        link = named / "libcurl.so.4"
        link.unlink(missing_ok=True)
        link.symlink_to(libraries[0])
        environment["LD_LIBRARY_PATH"] = f"{named}:{libs}"
    return environment
