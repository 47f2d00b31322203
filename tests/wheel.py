"""The wheel, as a new user tries it: built, installed alone, run outside the repository.

``make wheel`` runs this, ``make upgrade`` with ``--early``. One line per step; the exit code is not 0 when one of them
fails.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree

from justchat import __version__

REPOSITORY = Path(__file__).parents[1]
ENDPOINTS = [
    *("--http", "tcp:0:interface=127.0.0.1"),
    *("--websocket", "tcp:0:interface=127.0.0.1"),
]
PATIENCE = 60.0
"""Seconds that the daemon may take for one thing."""
EARLY = "8ef5a77"
"""An early commit, from which people upgrade."""
PHONE = "79161234567"


class StepFailed(Exception):
    """A failed step. Its argument is the line to print."""


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"{name} … ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("FAILED", flush=True)
        raise
    print(f"ok ({time.monotonic() - started:.1f} s)", flush=True)


def run(*command: str | Path, folder: Path) -> str:
    """A command's output; StepFailed with it when the command fails."""
    # Without what the repository's environment would lend.
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=900,
    )
    if done.returncode:
        raise StepFailed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(f"no {what} within {PATIENCE:.0f} s")
        time.sleep(0.05)


def copy_tree(to: Path) -> None:
    """The repository's own files. An old build/ or egg-info would put deleted files into the wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to / name)


def build_wheel(folder: Path) -> Path:
    copy_tree(folder / "tree")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", folder / "tree", folder=folder)
    wheels = list((folder / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise StepFailed(f"one wheel was expected, not {[wheel.name for wheel in wheels]}")
    return wheels[0]


def install(wheel: Path, folder: Path) -> Path:
    """A new environment with the wheel; its twistd."""
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"{wheel}[embedded]", folder=folder)
    return folder / "bin" / "twistd"


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that has ended and waits for its parent is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mongod_pid(folder: Path) -> int:
    return int((folder / "justchat-data" / "mongo" / "mongod.lock").read_text())


def port_of(log: Path, what: str, is_up: Callable[[], bool]) -> int:
    """The port that the daemon says it listens on."""

    def said() -> re.Match[str] | None:
        text = log.read_text(errors="replace") if log.exists() else ""
        found = re.search(r"http listens on 127\.0\.0\.1:(\d+)", text)
        if found is None and not is_up():
            raise StepFailed(f"the daemon ended:\n{text}")
        return found

    wait_for(said, what)
    found = said()
    assert found is not None
    return int(found[1])


def call(port: int, path: str, expected: int, **fields: object) -> dict[str, Any]:
    """The body of an answer that has the expected status."""
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    # Not by urllib: this script's own folder is on the path, and tests/http hides Python's http.
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        head_of_answer, _, said = connection.makefile("rb").read().partition(b"\r\n\r\n")
    if head_of_answer.split()[1:2] != [b"%d" % expected]:
        raise StepFailed(f"{path} answered {head_of_answer.decode().splitlines()[:1]} {said.decode()}")
    answer: dict[str, Any] = json.loads(said)
    return answer


def register(port: int, folder: Path, expected: int = 201) -> str:
    """Sign up; the key, which must come into the outbox."""
    call(port, "/init/reg", expected, phone=PHONE)
    lines = (folder / "justchat-data" / "sms-outbox.jsonl").read_text("utf-8").splitlines()
    sms = json.loads(lines[-1])
    if sms["phone"] != PHONE or not re.search(r"\d{4,}", sms["text"]):
        raise StepFailed(f"no key in the outbox: {sms}")
    return "".join(filter(str.isdigit, sms["text"]))


def try_foreground(twistd: Path, folder: Path) -> None:
    log = folder / "output"
    with open(log, "wb") as output:
        daemon = subprocess.Popen(
            # If this script is killed, the daemon is killed too.
            ["setpriv", "--pdeathsig", "TERM", "--", twistd, "--nodaemon", "--pidfile=", "justchat", *ENDPOINTS],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with step("in the foreground: it listens"):
            port = port_of(log, "line of the port", lambda: daemon.poll() is None)
        with step("in the foreground: the web client is served"):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                page = connection.makefile("rb").read()
            if b"<title>JustChat</title>" not in page:
                raise StepFailed(f"/ is no web client, but {page[:200]!r}: was npm away when the wheel was built?")
        with step("in the foreground: a phone is registered, and its key is in the outbox"):
            register(port, folder)
        with step("in the foreground: SIGTERM ends it in order, its mongod too"):
            mongod = mongod_pid(folder)
            daemon.terminate()
            code = daemon.wait(PATIENCE)
            # twistd, when all has been stopped, ends itself by the signal that it was sent.
            if code not in (0, -signal.SIGTERM) or "JustChat has stopped" not in log.read_text():
                raise StepFailed(f"it ended with {code}:\n{log.read_text()}")
            if is_alive(mongod):
                raise StepFailed(f"its mongod (pid {mongod}) still runs")
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()


def try_background(twistd: Path, folder: Path) -> None:
    pid_file = folder / "justchat.pid"
    try:
        with step("in the background: it listens"):
            run(twistd, f"--pidfile={pid_file}", "--logfile=justchat.log", "justchat", *ENDPOINTS, folder=folder)
            pid = int(pid_file.read_text())
            port = port_of(folder / "justchat.log", "line of the port", lambda: is_alive(pid))
        with step("in the background: a phone is registered, and its key is in the outbox"):
            register(port, folder)
        with step("in the background: stopped by its pid file, it is gone, its mongod and the file too"):
            mongod = mongod_pid(folder)
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not is_alive(pid), "end of the daemon")
            if is_alive(mongod):
                raise StepFailed(f"its mongod (pid {mongod}) still runs")
            if pid_file.exists():
                raise StepFailed("its pid file is still there")
    finally:
        if pid_file.exists():
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(pid_file.read_text()), signal.SIGKILL)


@contextmanager
def running(twistd: Path, home: Path, log: Path) -> Iterator[int]:
    """A daemon in the foreground; its port."""
    with open(log, "wb") as output:
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", twistd, "--nodaemon", "--pidfile=", "justchat", *ENDPOINTS],
            cwd=home,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield port_of(log, "line of the port", lambda: daemon.poll() is None)
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)


def build_old_number(folder: Path, tree: Path) -> Path:
    """A wheel of today's code with an older version, from a time when there were no dependencies."""
    old = folder / "old"
    shutil.copytree(tree, old)
    for name, pattern, written in (
        ("justchat/__init__.py", r'__version__ = "[^"]+"', '__version__ = "0.0.1"'),
        ("setup.py", r"(?s)install_requires=\[.*?\n    \]", "install_requires=[]"),
    ):
        source = old / name
        changed, times = re.subn(pattern, written, source.read_text("utf-8"))
        if times != 1:
            raise StepFailed(f"{name} has changed")
        source.write_text(changed, "utf-8")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", old / "dist", old, folder=old)
    (wheel,) = (old / "dist").glob("justchat-0.0.1-*.whl")
    return wheel


def try_older_number(folder: Path, tree: Path) -> None:
    """The README's lines replace an older version, install what it did not need, and the daemon starts."""
    home, environment = folder / "older", folder / "older-venv"
    home.mkdir()
    with step("the upgrade: a wheel of an older version without dependencies is installed"):
        wheel = build_old_number(folder, tree)
        venv.create(environment, with_pip=True)
        run(environment / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, folder=home)
    with step("the upgrade: the README's lines are carried out"):
        carry_out_upgrade(environment, tree, home)
    with step("the upgrade: it starts"), running(environment / "bin" / "twistd", home, folder / "older.log") as port:
        register(port, home)


def carry_out_upgrade(environment: Path, tree: Path, home: Path) -> None:
    lines = upgrade_lines()
    if "/opt/justchat/bin/pip install" not in lines or "systemctl restart justchat" not in lines:
        raise StepFailed(f"the README's upgrade has changed:\n{lines}")
    script = lines.replace("/opt/justchat", shlex.quote(str(environment))).replace("systemctl", ": systemctl")
    run("sh", "-eu", "-c", script, folder=tree)
    if f"JustChat {__version__}" not in run(environment / "bin" / "twistd", "justchat", "--version", folder=home):
        raise StepFailed("the version is not today's")
    run(environment / "bin" / "python", "-m", "pip", "check", folder=home)


def upgrade_lines() -> str:
    """What the README says under "Upgrading"."""
    settings = {"syntax_highlight": "none", "_disable_config": True}
    document = publish_doctree((REPOSITORY / "README.rst").read_text("utf-8"), settings_overrides=settings)
    (section,) = (
        part for part in document.findall(nodes.section) if part.next_node(nodes.title).astext() == "Upgrading"
    )
    return str(section.next_node(nodes.literal_block).astext())


def try_upgrade(folder: Path, tree: Path) -> None:
    """An early release, with data, becomes today's by the README's lines, and the data are served."""
    if subprocess.run(["git", "cat-file", "-e", f"{EARLY}^{{commit}}"], cwd=REPOSITORY, capture_output=True).returncode:
        raise StepFailed(f"this clone is shallow and does not have {EARLY}")
    early, home, environment = folder / "early", folder / "upgrade", folder / "upgraded"
    for made in (early, home):
        made.mkdir()
    with step(f"the upgrade: {EARLY} is built and installed"):
        archive = subprocess.run(["git", "archive", EARLY], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x"], cwd=early, input=archive.stdout, check=True)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", early / "dist", early, folder=early)
        (wheel,) = (early / "dist").glob("*.whl")
        twistd = install(wheel, environment)
    with step("the upgrade: a person and a room are made"), running(twistd, home, folder / "early.log") as port:
        key = register(port, home)
        session = call(port, "/init/auth", 200, phone=PHONE, key=key)["data"]["session_key"]
        room = call(port, "/room/create", 201, session_key=session, room={"name": "Kitchen"})["data"]["room"]["_id"]
        call(port, "/room/enter", 200, session_key=session, room={"id": room})
        said = {"room_id": room, "text": "Tea is ready."}
        call(port, "/room/sendMessage", 200, session_key=session, message=said)
    with step("the upgrade: the README's lines are carried out"):
        carry_out_upgrade(environment, tree, home)
    with step("the upgrade: the data are served"), running(twistd, home, folder / "today.log") as port:
        history = call(port, "/room/chat", 200, session_key=session, room=room)["data"]["chat"]
        if "Tea is ready." not in [message["text"] for message in history]:
            raise StepFailed(f"the message is gone: {history}")
        call(port, "/room/sendMessage", 200, session_key=session, message={"room_id": room, "text": "Still?"})
        call(port, "/init/auth", 200, phone=PHONE, key=register(port, home, expected=200))


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="justchat-wheel-"))
    try:
        if "--early" in sys.argv:
            (folder / "tree").mkdir()
            copy_tree(folder / "tree")
            return try_upgrade(folder, folder / "tree")
        with step("the wheel is built"):
            wheel = build_wheel(folder)
        with step(f"{wheel.name}[embedded] is installed in an empty environment"):
            twistd = install(wheel, folder / "venv")
        for attempt in (try_foreground, try_background):
            home = folder / attempt.__name__
            home.mkdir()
            attempt(twistd, home)
        try_older_number(folder, folder / "tree")
    except (StepFailed, OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"wheel: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("the wheel works")


if __name__ == "__main__":
    main()
