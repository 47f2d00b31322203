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
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from justchat.mongod import find_binary, library_environment

SERVER_CORE, LOAD_CORE = 0, (os.cpu_count() or 1) - 1


class Daemon:
    """``twistd justchat`` in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
        self.http = self.websocket = 0

    def __enter__(self) -> "Daemon":
        self.start()
        return self

    def start(self) -> None:
        """Returns once it listens."""
        command = [str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=", "justchat"]
        command += ["--data-dir", str(self.folder / "data")]
        command += [f"--{name}=tcp:0:interface=127.0.0.1" for name in ("http", "websocket")]
        self._log = self.folder / "log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        found: dict[str, str] = {}
        while len(found) < 2:
            if self._process.poll() is not None:
                raise SystemExit(self._log.read_text())
            time.sleep(0.05)
            found = dict(re.findall(r"(http|websocket) listens on 127\.0\.0\.1:(\d+)", self._log.read_text()))
        self.http, self.websocket = int(found["http"]), int(found["websocket"])
        mongod = int((self.folder / "data/mongo/mongod.lock").read_text())
        for task in os.listdir(f"/proc/{mongod}/task"):
            os.sched_setaffinity(int(task), {LOAD_CORE})

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()

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
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def a_speaker(self) -> tuple[str, str]:
        """Somebody in a room of their own: the session key and the room.

        Several sockets may be bound to one session, so one person is enough to listen a thousand times.
        """
        phone = f"79{time.monotonic_ns() % 10**9:09d}"
        self.call("/init/reg", phone=phone)
        line = json.loads((self.folder / "data/sms-outbox.jsonl").read_text().splitlines()[-1])
        key = self.call("/init/auth", phone=phone, key=re.findall(r"\d+", line["text"])[0])["data"]["session_key"]
        room = self.call("/room/create", session_key=key, room={"name": "bench"})["data"]["room"]["_id"]
        self.call("/room/enter", session_key=key, room={"id": room})
        return key, room
