"""The real daemon, pinned to one core, with its database on the other; or not pinned."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.cores import LOAD_CORE, SERVER_CORE, cores, move
from bench.mongo import mongod
from bench.server import Failed, Server, children, cpu_seconds

_numbers = itertools.count()
"""Of phones that register. Each daemon of the benchmark has a database of its own."""
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
COMPLAINT = re.compile(r"(?i)traceback|#(?:critical|error)\]|\b(?:critical|error)\]")
# All load comes from one address and a few users, so the limits on single users would be measured.
SETTINGS = '[limits]\nenabled = false\n[payments]\nsecret_key = "that of all daemons of the benchmark"\n'

METRICS = '[metrics]\nendpoint = "tcp:0:interface=127.0.0.1"\n'


class Daemon(Server):
    """``twistd justchat`` in a folder of its own; ``seed`` fills its database before the first start.

    ``mongo`` is the URI of a database that runs already. Without it the daemon has its own. ``bus`` joins it with
    others. ``workers`` are processes of it, ``settings`` more lines of its
    settings.
    """

    def __init__(
        self,
        seed: Callable[[str], None] | None = None,
        *,
        watched: bool = False,
        mongo: str | None = None,
        bus: str | None = None,
        workers: int = 1,
        pinned: bool = True,
        settings: str = "",
    ) -> None:
        self.pinned = pinned
        self.folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
        self.ready_s = 0.0
        self._watched = watched
        self.stalls: list[str] = []
        """Where turns of its reactor took more than 20 ms of processor time, if it is watched; of runs that ended."""
        self._log = self.folder / "log"
        (self.folder / "justchat.toml").write_text(SETTINGS + settings)
        self._seed = seed
        self._mongo = mongo
        self._options = [] if mongo is None else ["--mongo", mongo]
        self._options += [] if bus is None else ["--bus", bus]
        self._options += [] if workers == 1 else ["--workers", str(workers)]

    def __enter__(self) -> "Daemon":
        try:
            if self._seed is not None and self._mongo is not None:
                self._seed(self._mongo)
            elif self._seed is not None:
                with mongod(self.folder / "data/mongo") as uri:
                    self._seed(uri)
            self.start()
        except BaseException:
            # __exit__ is not called where __enter__ fails.
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        """Returns once it listens; ``ready_s`` says how long that took."""
        command = [str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=", "justchat"]
        command += ["--data-dir", str(self.folder / "data"), "--config", str(self.folder / "justchat.toml")]
        command += [f"--{name}=tcp:0:interface=127.0.0.1" for name in ("http", "websocket")]
        command += self._options
        self._log.write_bytes(b"")
        began = time.monotonic()
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, "JUSTCHAT_STALLS": "1" if self._watched else ""},
                preexec_fn=lambda: os.sched_setaffinity(0, cores(SERVER_CORE if self.pinned else None)),
            )
        found: dict[str, str] = {}
        while len(found) < 2:
            if self.process.poll() is not None or time.monotonic() > began + START_TIMEOUT:
                raise Failed(f"the daemon did not start:\n{self._log.read_text()}")
            time.sleep(0.01)
            found = dict(re.findall(r"(http|websocket) listens on 127\.0\.0\.1:(\d+)", self._log.read_text()))
        self.ready_s = time.monotonic() - began
        self.http, self.websocket = int(found["http"]), int(found["websocket"])
        if self._mongo is None and self.pinned:
            move(int((self.folder / "data/mongo/mongod.lock").read_text()), LOAD_CORE)

    def stop(self) -> None:
        """End it, with its database; one that does not end when asked is killed, which ends its mongod, too."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            print("the daemon did not stop when asked", file=sys.stderr)
        self.process = None
        lines = self._log.read_text(errors="replace").splitlines()
        self.stalls += [line for line in lines if "the reactor was blocked for" in line]
        complaints = [line for line in self._log.read_text(errors="replace").splitlines() if COMPLAINT.search(line)]
        if complaints:
            print(f"the daemon logged {len(complaints)} complaints; the first: {complaints[0]}", file=sys.stderr)

    def serving(self) -> list[int]:
        """The processes that serve: its workers, or itself where it has none."""
        workers = [pid for pid, name in children(self.pid).items() if name.startswith("worker ")]
        return workers or [self.pid]

    def cpu_seconds(self) -> float:
        """With that of its workers."""
        return sum(map(cpu_seconds, {self.pid, *self.serving()}))

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def scrape(self) -> None:
        """Read its metrics."""
        found = re.search(r"metrics listens on (127\.0\.0\.1:\d+)", self._log.read_text())
        assert found is not None
        urllib.request.urlopen(f"http://{found[1]}/metrics").read()

    def database(self) -> str:
        """The URI of its running database, for a peer that reads the same."""
        (socket,) = (path for path in (self.folder / "data/mongo").iterdir() if path.is_socket())
        return f"mongodb://{quote(str(socket), safe='')}"

    def call(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def sign_up(self) -> tuple[str, str]:
        """Register a new phone: the phone, and the key from the SMS. (A key is hashed, which takes some 25 ms.)"""
        phone = f"7921{next(_numbers):07d}"
        self.call("/init/reg", phone=phone)
        line = json.loads((self.folder / "data/sms-outbox.jsonl").read_text().splitlines()[-1])
        return phone, re.findall(r"\d+", line["text"])[0]
