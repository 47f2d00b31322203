"""The real daemon, pinned to one core; its database is moved to the other."""

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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from justchat.mongod import find_binary, library_environment

SERVER_CORE, LOAD_CORE = 0, min(1, (os.cpu_count() or 1) - 1)
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
COMPLAINT = re.compile(r"Traceback|#(?:critical|error)\]|\b(?:critical|error)\]")


class Daemon:
    """``twistd justchat`` in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
        self.http = self.websocket = 0
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Daemon":
        try:
            self.start()
        except BaseException:
            # Nobody calls __exit__ for one that did not come so far.
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        """Returns once it listens."""
        command = [str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=", "justchat"]
        command += ["--data-dir", str(self.folder / "data")]
        command += [f"--{name}=tcp:0:interface=127.0.0.1" for name in ("http", "websocket")]
        self._log.write_bytes(b"")
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        found: dict[str, str] = {}
        patience = time.monotonic() + START_TIMEOUT
        while len(found) < 2:
            if self._process.poll() is not None or time.monotonic() > patience:
                raise SystemExit(f"the daemon did not start:\n{self._log.read_text()}")
            time.sleep(0.05)
            found = dict(re.findall(r"(http|websocket) listens on 127\.0\.0\.1:(\d+)", self._log.read_text()))
        self.http, self.websocket = int(found["http"]), int(found["websocket"])
        mongod = int((self.folder / "data/mongo/mongod.lock").read_text())
        for task in os.listdir(f"/proc/{mongod}/task"):
            with suppress(ProcessLookupError):  # mongod's threads come and go
                os.sched_setaffinity(int(task), {LOAD_CORE})

    def stop(self) -> None:
        """End it, with its database; one that does not end when asked is killed, which ends its mongod, too."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            print("the daemon did not stop when asked", file=sys.stderr)
        self._process = None
        complaints = [line for line in self._log.read_text(errors="replace").splitlines() if COMPLAINT.search(line)]
        if complaints:
            print(f"the daemon logged {len(complaints)} complaints; the first: {complaints[0]}", file=sys.stderr)

    @contextmanager
    def mongod(self) -> Iterator[str]:
        """The database of the stopped daemon, to be filled: its URI."""
        folder = self.folder / "data/mongo"
        socket = folder / "bench.sock"
        command = [find_binary(), "--dbpath", str(folder), "--bind_ip", str(socket), "--nounixsocket", "--quiet"]
        command += ["--logpath", str(self.folder / "mongod.log"), "--wiredTigerCacheSizeGB", "0.5"]
        command += ["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]
        process = subprocess.Popen(command, env=library_environment(folder), stdout=subprocess.DEVNULL)
        try:
            yield f"mongodb://{quote(str(socket), safe='')}"
        finally:
            process.terminate()
            process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_seconds(self) -> float:
        """What the daemon has used of its core."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def a_speaker(self) -> tuple[str, str]:
        """Somebody in a room of their own: the session key and the room."""
        (key,), room = self.a_room(1)
        return key, room

    def a_room(self, users: int) -> tuple[list[str], str]:
        """A new room with so many in it: their session keys and the room.

        Several sockets may be bound to one session, so a handful of people are enough to listen a thousand times.
        (Registering hashes a key, which takes some 25 ms each.)
        """
        keys = [self._sign_in() for _ in range(users)]
        room: str = self.call("/room/create", session_key=keys[0], room={"name": "bench"})["data"]["room"]["_id"]
        for key in keys:
            self.call("/room/enter", session_key=key, room={"id": room})
        return keys, room

    def _sign_in(self) -> str:
        phone = f"79{time.monotonic_ns() % 10**9:09d}"
        self.call("/init/reg", phone=phone)
        line = json.loads((self.folder / "data/sms-outbox.jsonl").read_text().splitlines()[-1])
        answer = self.call("/init/auth", phone=phone, key=re.findall(r"\d+", line["text"])[0])
        key: str = answer["data"]["session_key"]
        return key
