"""A daemon of several workers: what it shares, and what happens when a process of it dies."""

import contextlib  # a global "suppress" would be a setting of trial's
import os
import signal
import time
from pathlib import Path

import treq

from justchat.realtime.websocket_base import CLOSE_TIMEOUT
from tests.support.admin import run
from tests.support.attack import connect
from tests.support.chat import a_room
from tests.support.client import listen, request
from tests.support.daemon import Daemon
from tests.support.frames import HANDSHAKE
from tests.support.mongo import drop, empty_uri
from tests.support.picture_files import quarters, saved
from tests.support.servers import an_app_server
from tests.support.socketio.by_hand import a_session
from tests.support.starting import StartCase, processes
from tests.support.waiting import PATIENCE, assert_within, eventually
from tests.support.wire import a_request
from tests.support.workers import NUMBER, SECRET, WorkersCase, a_session_of, has_ended, worker_pids

WORKERS = range(1, NUMBER + 1)


class Sharing(WorkersCase):
    async def test_spread(self) -> None:
        """Every worker accepts connections, of both ports; both ports are those that the log names."""
        for port in (self.daemon.http, self.daemon.websocket):
            for worker in WORKERS:
                self.assertIn(f"sid={worker}.", await a_session_of(port, worker))

    async def test_ready(self) -> None:
        """Every worker answers /readyz, and is joined with the others. None logs what only Twisted understands."""
        for _ in range(8):
            answer = await request(self.daemon.http, "GET", "/readyz")
            self.assertEqual((200, "up"), (answer.status, answer.json["bus"]))
        self.assertNotRegex(self.daemon.log, r"worker \d: .*starting on")

    async def test_one_daemon(self) -> None:
        """A user who signs up through one worker is the same at all of them."""
        anna = await self.a_person()

        for _ in range(8):
            self.assertEqual(anna.id, (await anna.shown())["_id"])

    async def test_events(self) -> None:
        """Sockets get every message once, in order, whichever workers they and their authors reach."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        sockets = [await self.a_listener(person) for person in (anna, boris) * 6]

        for number in range(20):
            self.assertEqual(200, (await (boris if number % 2 else anna).say(room, str(number))).status)

        for socket in sockets:
            received = [(await socket.next("message"))["data"]["text"] for _ in range(20)]
            self.assertEqual([str(number) for number in range(20)], received)
        self.assertEqual([], await sockets[0].silence())

    async def test_pictures(self) -> None:
        """A picture that one worker took is served by all, from the folder in the data directory."""
        answer = await request(self.daemon.http, "POST", "/upload", saved(quarters("RGB"), "PNG"))

        url = answer.json["url"]
        self.assertTrue((self.daemon.data / url).exists())
        for _ in range(8):
            served = await treq.get(f"http://127.0.0.1:{self.daemon.http}/{url}", persistent=False)
            self.assertEqual((self.daemon.data / url).read_bytes(), await treq.content(served))
        self.assertFalse((self.daemon.data / "uploads-copies").exists())

    async def test_history(self) -> None:
        """A room has one history, whichever workers its messages pass."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)

        for number in range(10):
            self.assertEqual(200, (await (boris if number % 2 else anna).say(room, str(number))).status)

        chat = (await anna.call("/room/chat", room=room)).data["chat"]
        texts = [message["text"] for message in chat if message["type"] is None]
        self.assertEqual([str(number) for number in range(10)], texts)
        self.assertEqual(list(range(1, len(chat) + 1)), [message["seq"] for message in chat])

    async def test_admin(self) -> None:
        """``justchat-admin`` works beside it: all sockets of a session that it ends are closed."""
        anna = await self.a_person()
        sockets = [await self.a_listener(anna) for _ in range(6)]

        done = await run("--data-dir", str(self.daemon.data), "users", "end-sessions", anna.id)

        self.assertEqual(0, done.code, done)
        self.assertEqual({4440}, {await socket.closed() for socket in sockets})

    async def test_overview(self) -> None:
        """The console is told of each worker, whichever it asks."""
        console = await an_app_server(self.daemon, "console")

        async def all_told() -> bool:
            told = (await console.call("/server/overview")).data["processes"]
            # Those of workers that other tests have killed are told for half a minute more.
            return {*worker_pids(self.daemon).values()} <= {each["pid"] for each in told}

        await eventually(all_told, "all workers to be told", 60)

    async def test_worker_dies(self) -> None:
        """A worker that is killed is started again; the connections of the others stay, and no call is refused."""
        anna = await self.a_person()
        others = worker_pids(self.daemon)
        sockets = [await listen(self.daemon.websocket) for _ in range(20)]
        self._listeners += sockets

        await self.killed(1)

        for _ in range(10):
            self.assertEqual(200, (await anna.call("/init/getUser")).status)
        left = [socket for socket in sockets if not socket.gone.called]
        self.assertTrue(0 < len(left) < len(sockets), len(left))
        for socket in left:
            await socket.bind(anna.session_key)
        self.assertEqual(others[2], worker_pids(self.daemon)[2])

    async def test_waits_for_successor(self) -> None:
        """Connections and requests that reach a worker after its death are served by its successor."""
        before = worker_pids(self.daemon)[2]
        os.kill(before, signal.SIGSTOP)
        connections = [connect(self.daemon.http) for _ in range(20)]
        for connection in connections:
            connection.sendall(a_request("GET /livez", last=True))

        os.kill(before, signal.SIGKILL)

        for connection in connections:
            with connection:
                self.assertIn(b"200 OK", connection.recv(100))

    async def test_asked_to_end(self) -> None:
        """A worker that is sent SIGTERM ends in order, and is started again."""
        pid = worker_pids(self.daemon)[1]

        os.kill(pid, signal.SIGTERM)

        await eventually(lambda: has_ended(pid), "its end")
        await eventually(lambda: worker_pids(self.daemon).get(1, pid) != pid, "its successor", 30)
        self.assertIn("worker 1 ended (exit code 0); it is started again", self.daemon.log)
        self.assertIn("sid=1.", await a_session_of(self.daemon.http, 1))

    async def test_database_killed(self) -> None:
        """The parent starts its database again, and all workers go on."""
        pids = worker_pids(self.daemon)

        os.kill(self.daemon.mongod_pid(), signal.SIGKILL)

        for _ in range(6):
            await self.ready()
        self.assertEqual(pids, worker_pids(self.daemon))

    async def test_hangup(self) -> None:
        """SIGHUP ends nothing."""
        pids = worker_pids(self.daemon)
        assert self.daemon.process is not None

        for pid in (self.daemon.process.pid, *pids.values()):
            os.kill(pid, signal.SIGHUP)

        await eventually(lambda: "SIGHUP" in self.daemon.log, "a line in the log")
        self.assertEqual(200, (await request(self.daemon.http, "GET", "/readyz")).status)
        self.assertEqual(pids, worker_pids(self.daemon))


def descendants(pid: int) -> list[int]:
    """A process and all that it has begotten."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in descendants(int(child)))]


def command_of(pid: int) -> bytes:
    """The command line of a process; empty for one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def is_refused(port: int) -> bool:
    """Whether new connections are refused, whichever socket of the group the kernel picks."""
    for _ in range(8):
        try:
            connect(port).close()
        except ConnectionRefusedError:
            continue
        return False
    return True


class Ending(StartCase):
    """Each ends a daemon of its own, and looks at all its processes."""

    is_forked = False

    async def a_group(self, *options: str) -> Daemon:
        uri = empty_uri()
        self.addCleanup(drop, uri)
        config = self.a_config(f'[payments]\nsecret_key = "{SECRET}"\n[limits]\nexempt = ["127.0.0.0/8"]\n')
        daemon = self.a_daemon("--workers", str(NUMBER), "--mongo", uri, "--config", config, *options)
        await daemon.start()
        self.assert_secret_kept(daemon)
        return daemon

    def assert_secret_kept(self, daemon: Daemon) -> None:
        """No secret of the settings file is in a worker's arguments or environment."""
        pids = worker_pids(daemon)
        self.assertEqual([*WORKERS], sorted(pids))
        for pid in pids.values():
            self.assertIn(b"group.worker", command_of(pid))
            for place in ("cmdline", "environ"):
                self.assertNotIn(SECRET.encode(), Path(f"/proc/{pid}/{place}").read_bytes())

    async def assert_gone(self, daemon: Daemon, *pids: int) -> None:
        await eventually(
            lambda: not processes(daemon.folder) and all(map(has_ended, pids)),
            lambda: f"the end of {processes(daemon.folder)}; {daemon.log}",
        )

    async def test_parent_killed(self) -> None:
        """If the parent is killed, all its processes end, and the next start finds the ports free."""
        daemon = await self.a_daemon("--workers", str(NUMBER)).start()
        pids = worker_pids(daemon)
        self.assertEqual(set(WORKERS), set(pids))
        os.kill(pids[1], signal.SIGSTOP)  # one hangs

        await daemon.kill()

        await self.assert_gone(daemon, *pids.values())
        again = await self.a_daemon(
            "--workers", str(NUMBER), "--http", f"tcp:{daemon.http}:interface=127.0.0.1"
        ).start()
        self.assertEqual(daemon.http, again.http)

    async def test_interrupted(self) -> None:
        """Ctrl-C, which all processes of a terminal receive, ends all in order; sockets are closed with 1001."""
        daemon = await self.a_group()
        pids = worker_pids(daemon)
        sockets = [await listen(daemon.websocket) for _ in range(6)]
        for _ in range(4):
            await a_session(daemon.http)  # of a client that is gone, and does not poll
        assert daemon.process is not None

        since = time.monotonic()
        for pid in (daemon.process.pid, *pids.values()):
            os.kill(pid, signal.SIGINT)

        self.assertIn(await daemon.ended(), (0, -signal.SIGINT))
        assert_within(3, time.monotonic() - since)
        self.assertEqual({1001}, {await socket.closed() for socket in sockets})
        await self.assert_gone(daemon, *pids.values())
        self.assertNotRegex(daemon.log, "(?i)traceback|started again")

    async def test_group_signalled(self) -> None:
        """SIGTERM to all processes at once is a stop like any other. Meanwhile connections are refused at once, so that
        a proxy takes another daemon; they do not wait in a socket that nobody accepts from any more.
        """
        daemon = await self.a_group()
        assert daemon.process is not None
        silent = [connect(daemon.websocket) for _ in range(8)]
        for each in silent:
            self.addCleanup(each.close)
            each.settimeout(PATIENCE)
            each.sendall(HANDSHAKE % b"/")
            self.assertIn(b" 101 ", each.recv(4096))

        since = time.monotonic()
        for pid in descendants(daemon.process.pid):
            with contextlib.suppress(ProcessLookupError):  # ended by the parent meanwhile
                os.kill(pid, signal.SIGTERM)

        await eventually(lambda: is_refused(daemon.http) and is_refused(daemon.websocket), "connections to be refused")
        is_over = daemon.process.poll() is not None
        took = time.monotonic() - since
        # It waits for the sockets' answers so long. Were connections refused only by its end, that would be later.
        self.assertTrue(not is_over or took >= CLOSE_TIMEOUT)
        assert_within(CLOSE_TIMEOUT / 2, took)
        for each in silent:
            each.close()
        self.assertIn(await daemon.ended(), (0, -signal.SIGTERM))
        self.assertNotRegex(daemon.log, "(?i)traceback|critical|#error|started again|restarted")

    async def test_spare_signalled(self) -> None:
        """SIGTERM does not end a process that waits to be a worker; the parent does. It stops one that is a worker."""
        daemon = await self.a_group()
        assert daemon.process is not None

        def spares() -> list[int]:
            assert daemon.process is not None
            workers, children = worker_pids(daemon).values(), descendants(daemon.process.pid)
            return [pid for pid in children if pid not in workers and b"group.worker" in command_of(pid)]

        await eventually(lambda: len(spares()) == 1, "a spare")
        (spare,) = spares()
        os.kill(spare, signal.SIGTERM)

        os.kill(worker_pids(daemon)[1], signal.SIGKILL)
        await eventually(lambda: spare in worker_pids(daemon).values() or has_ended(spare), "the spare to be a worker")

        await daemon.stop()
        await self.assert_gone(daemon, spare)
        self.assertNotIn("a spare worker ended", daemon.log)

    async def test_second_signal(self) -> None:
        """A second SIGTERM does not wait for a worker that hangs."""
        daemon = await self.a_group()
        pids = worker_pids(daemon)
        os.kill(pids[2], signal.SIGSTOP)
        assert daemon.process is not None
        daemon.process.terminate()
        await eventually(lambda: has_ended(pids[1]), "the end of the other worker")
        self.assertIs(None, daemon.process.poll())

        since = time.monotonic()
        daemon.process.terminate()

        await daemon.ended()
        assert_within(5, time.monotonic() - since)
        await self.assert_gone(daemon, *pids.values())


class Places(WorkersCase, StartCase):
    async def setUp(self) -> None:
        StartCase.setUp(self)
        await WorkersCase.setUp(self)

    async def test_taken(self) -> None:
        """A port or a data directory of another daemon is one line, although its workers share their ports."""
        port = ("--data-dir", str(self.folder / "other"), "--http", f"tcp:{self.daemon.http}:interface=127.0.0.1")
        data = ("--data-dir", str(self.daemon.data))

        lines = await self.refusals(("--workers", "2", *port), port, ("--workers", "2", *data))

        self.assertIn("[http] endpoint: cannot listen on", lines[0])
        self.assertIn("[http] endpoint: cannot listen on", lines[1])
        self.assertIn("another JustChat runs on", lines[2])


class Starting(StartCase):
    is_forked = False

    async def test_cannot_start(self) -> None:
        """What keeps a worker from starting ends all processes, and is the last that is said, after the warnings of any
        start.
        """
        (self.data / "uploads").mkdir(parents=True)
        self.data.chmod(0o700)
        (self.data / "spool").write_text("no folder")
        config = self.a_config(
            '[uploads]\nstore = "s3"\n[uploads.s3]\nendpoint = "http://127.0.0.1:1"\nbucket = "chat"\n'
            'access_key = "key"\nsecret_key = "secret"\n'
        )
        daemon = self.a_daemon("--config", config, "--workers", "2")

        daemon.spawn()

        self.assertEqual(1, await daemon.ended())
        self.assertIn("[uploads.s3] endpoint: http://127.0.0.1:1 cannot be reached", daemon.log)
        self.assertIn("#critical] justchat: [Errno 17] File exists:", daemon.log)
        self.assertEqual([], processes(self.folder))
