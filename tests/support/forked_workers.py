"""Workers of a forked daemon are forks, too: an import of what they need takes longer than most tests do.

A fork of a daemon that runs would have its threads' locks and its reactor. So a daemon has a nursery: a child from
before its start, which forks what the daemon spawns. These forks become children of the daemon, as all that it spawns.
"""

import ctypes
import fcntl
import json
import os
import runpy
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from twisted.internet.process import Process

from justchat.service.group import worker
from justchat.workers import picture_worker
from tests.support import quick_hashes

WORKER = worker.__name__
MODULES = {WORKER, quick_hashes.__name__, picture_worker.__name__}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LARGEST = 1 << 20
"""Bytes of what is asked: arguments and environment."""
MOST = 64
"""Descriptors of a worker."""
ABOVE = 200
"""A number above those of all descriptors of a worker."""
Prepare = Callable[[], None]


def fork_workers(prepare: Prepare, private: Iterable[int] = ()) -> None:
    """From now on let what this process spawns of MODULES be forks. Each calls ``prepare`` to become a process of its
    own, and has none of the ``private`` descriptors.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    daemon = os.getpid()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        ours.close()
        for descriptor in private:
            os.close(descriptor)
        _be(daemon, *_wait_for_worker(theirs), prepare)
    theirs.close()
    spawn = Process._trySpawnInsteadOfFork

    def spawn_or_ask(process: Process, *how: Any) -> bool:
        *_, arguments, environ, more = how
        words = [os.fsdecode(each) for each in arguments]
        if words[1:3] != ["-P", "-m"] or words[3] not in MODULES:
            return bool(spawn(process, *how))
        places = sorted(more["fdmap"].items())
        asked = {
            "arguments": words[3:],
            "environ": {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()},
            "places": [place for place, _ in places],
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        }
        socket.send_fds(ours, [json.dumps(asked).encode()], [descriptor for _, descriptor in places])
        process.pid, process.status = int(ours.recv(LARGEST)), -1
        return True

    Process._trySpawnInsteadOfFork = spawn_or_ask


def _wait_for_worker(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork as often as is asked. Returns in the forks: what each is asked to be, and its descriptors."""
    while True:
        said, descriptors, _, _ = socket.recv_fds(asking, LARGEST, MOST)
        if not said:
            os._exit(0)
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if not pid:
                asking.close()
                os.close(reading)
                os.close(writing)
                return json.loads(said), descriptors
            os.write(writing, b"%d" % pid)
            os._exit(0)  # so that the daemon inherits the other
        os.waitpid(between, 0)
        asking.send(os.read(reading, LARGEST))
        for descriptor in (reading, writing, *descriptors):
            os.close(descriptor)


def _be(daemon: int, asked: dict[str, Any], descriptors: list[int], prepare: Prepare) -> NoReturn:
    while os.getppid() != daemon:
        time.sleep(0.001)
    _take(dict(zip(asked["places"], descriptors, strict=True)), prepare)
    os.environ.clear()
    os.environ.update(asked["environ"])
    module, sys.argv = asked["arguments"][0], asked["arguments"]
    # (Those before may close theirs when they go.)
    sys.stdin, sys.stdout, sys.stderr = (open(n, "w" if n else "r", closefd=False) for n in range(3))  # noqa: SIM115
    if module == WORKER:
        fork_workers(prepare, [place for place in asked["places"] if place > 2])
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
    sys.modules.pop(module)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def _take(descriptors: dict[int, int], prepare: Prepare) -> None:
    """Have these, by the numbers that they are to have, while ``prepare`` makes others."""
    above = {}
    for place, descriptor in descriptors.items():
        above[place] = fcntl.fcntl(descriptor, fcntl.F_DUPFD, ABOVE)
        os.close(descriptor)
    while os.open(os.devnull, os.O_RDWR) <= max(descriptors):
        pass  # no number below is free
    prepare()
    for place, descriptor in above.items():
        os.dup2(descriptor, place)
        os.close(descriptor)
