"""Runs ``justchat-admin`` in forks of one process that has imported it, since that takes longer than most commands.

Each line of its input is a JSON object: ``arguments``, ``folder`` (the working directory), ``environ``, and ``files``,
the path to which ``.out``, ``.err`` and, once the command has ended, ``.code`` are appended.
"""

import gc
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from justchat.admin.main import main
from justchat.model import ids


def serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for commands
    gc.freeze()
    for line in sys.stdin:
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked = json.loads(line)
            command = os.fork()
            if not command:
                _become(asked)
                sys.exit(main())  # type: ignore[func-returns-value]  # as the console script does
            _, status = os.waitpid(command, 0)
            unnamed = Path(f"{asked['files']}.code.new")
            unnamed.write_text(str(os.waitstatus_to_exitcode(status)))
            unnamed.rename(f"{asked['files']}.code")
            os._exit(0)


def _become(asked: dict[str, Any]) -> None:
    """Make this process what it would be had it been started for the command."""
    for stream, name in ((0, os.devnull), (1, f"{asked['files']}.out"), (2, f"{asked['files']}.err")):
        opened = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["folder"])
    sys.argv = ["justchat-admin", *asked["arguments"]]
    ids._PROCESS = secrets.token_hex(5)  # ids are unique by process
    # It has file descriptors that all forks share.
    type(reactor).__init__(reactor)  # type: ignore[misc]


if __name__ == "__main__":
    serve()
