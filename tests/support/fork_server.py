"""Runs ``twistd`` and ``justchat-admin`` in forks of one process that has imported them, for their imports take longer
than what most tests do with them.

Each line of its input is a JSON object: ``arguments``, beginning with the program's name, ``environ``, ``folder`` (the
working directory), ``output`` and ``error`` (files), and ``code``, the file that gets the exit code once the fork has
ended. The answer to each is a line with the process id.

A daemon's workers are forks, too (``forked_workers``), and its hashes are quick ones (``quick_hashes``). Neither is so
with SLOW_HASHES in the environment.
"""

import contextlib  # a global "suppress" would be a setting of trial's
import ctypes
import gc
import json
import os
import random
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet import reactor
from twisted.plugin import getPlugins
from twisted.scripts.twistd import run as twistd

import justchat.service.daemon  # noqa: F401
from justchat import __version__
from justchat.admin.main import main as justchat_admin
from justchat.http import asyncapi, openapi
from justchat.http.declared import all_declared
from justchat.http.endpoint import Endpoint
from justchat.model import ids
from justchat.wiring import transports
from justchat.workers import passwords
from tests.support import quick_hashes
from tests.support.forked_workers import fork_workers
from tests.support.quick_hashes import SLOW_HASHES

PROGRAMS: dict[str, Callable[[], object]] = {"twistd": twistd, "justchat-admin": justchat_admin}
PR_SET_PDEATHSIG = 1
_codes: dict[int, Path] = {}
"""The files of exit codes, by process id."""


def serve() -> None:
    list(getPlugins(IServiceMaker))
    _remember_documents()
    signal.signal(signal.SIGCHLD, _on_ended)
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            _become(asked)
            sys.exit(PROGRAMS[asked["arguments"][0]]())  # type: ignore[arg-type]  # as their scripts do
        _codes[pid] = Path(asked["code"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        print(pid, flush=True)


def _remember_documents() -> None:
    """Let forks find the documents of the calls and events, which a start makes of the code alone: half of its work."""
    make = openapi.openapi_template
    made = {for_users: make(all_declared(), __version__, for_users=for_users) for for_users in (True, False)}
    declared = {endpoint.path: endpoint.session for endpoint in all_declared()}

    def template(endpoints: Sequence[Endpoint], version: str, *, for_users: bool) -> dict[str, Any]:
        known = made[for_users]
        if {endpoint.path: endpoint.session for endpoint in endpoints} != declared:  # of one port, or other settings
            return make(endpoints, version, for_users=for_users)
        paths = [*(endpoint.path for endpoint in endpoints), *known["paths"]]
        return {**known, "paths": {path: known["paths"][path] for path in paths}}

    openapi.openapi_template = template
    events = asyncapi.asyncapi(__version__)
    transports.asyncapi = lambda version: events


def _on_ended(*_: object) -> None:
    while _codes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        file = _codes.pop(pid)
        unnamed = file.with_name(f"{file.name}.new")
        with contextlib.suppress(OSError):  # the test has removed the folder
            unnamed.write_text(str(os.waitstatus_to_exitcode(status)))
            unnamed.rename(file)


def _become(asked: dict[str, Any]) -> None:
    """Make this process what it would be had it been started for the program."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for stream, name in ((0, os.devnull), (1, asked["output"]), (2, asked["error"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["environ"])
    is_real = SLOW_HASHES.keys() <= os.environ.keys()
    if not is_real:
        quick_hashes.be_quick()
        passwords.password_worker = quick_hashes
    os.chdir(asked["folder"])
    sys.argv = asked["arguments"]
    if asked["arguments"][0] == "twistd" and not is_real:
        fork_workers(_be_unique)
    _be_unique()


def _be_unique() -> None:
    """Have nothing of what another fork has."""
    random.seed()
    ids._PROCESS = secrets.token_hex(5)  # ids are unique by process
    # It has file descriptors that all forks share. The old one's number is free only when it has new ones.
    old = reactor._poller  # type: ignore[attr-defined]
    type(reactor).__init__(reactor)  # type: ignore[misc]
    del old


if __name__ == "__main__":
    serve()
