"""Uploads that never end or are refused: they hold little memory, and are checked before their bodies."""

import contextlib
import socket
from collections.abc import Sequence

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.support.bystanders import LARGE
from tests.support.client import request
from tests.support.crowd import memory
from tests.support.picture_files import quarters, saved
from tests.support.waiting import eventually
from tests.support.wire import OwnDaemonCase, exchange

MIB = 1024 * 1024
UNFINISHED = 100
EACH = (5 if LARGE else 2) * MIB
CHUNKED = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
BEGUN = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (5 * MIB)
LIMITED = "[limits]\nexempt = []\n"
PICTURE = saved(quarters("RGB"), "PNG")


class Unfinished(OwnDaemonCase):
    async def hold(self, starts: Sequence[bytes], port: int) -> list[socket.socket]:
        """Connections that have sent this, and nothing else."""

        def one(start: bytes) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", port))
            self.addCleanup(connection.close)
            connection.sendall(start)
            return connection

        return await gatherResults([deferToThread(one, start) for start in starts])

    def spooled(self) -> list[int]:
        """Bytes of each upload that is under way."""
        sizes = []
        for file in (self.daemon.data / "spool").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it is over
                sizes.append(file.stat().st_size)
        return sizes

    async def test_memory(self) -> None:
        """A hundred of them hold little memory, and all that they hold is free when they are gone."""
        await self.start("")
        assert self.daemon.process is not None
        pid = self.daemon.process.pid
        await request(self.daemon.http, "POST", "/upload", PICTURE)
        before = memory(pid)
        body = b"\x89PNG" * (EACH // 4)
        chunked = CHUNKED + b"%x\r\n" % len(body) + body
        begun = BEGUN + body[: EACH // 2]

        held = await self.hold([chunked if number % 2 else begun for number in range(UNFINISHED)], self.daemon.http)

        self.assertEqual(UNFINISHED, len(held))
        await eventually(lambda: sum(self.spooled()) > UNFINISHED * EACH // 2, "the bodies to come")
        self.assertLess(memory(pid) - before, UNFINISHED * 128 * 1024)
        self.assertEqual(201, (await request(self.daemon.http, "POST", "/upload", PICTURE)).status)
        for connection in held:
            connection.close()
        await eventually(lambda: not self.spooled(), "their bytes to be free")

    async def test_share(self) -> None:
        """A client with more uploads under way than allowed is refused; no other client is."""
        await self.start(
            f"{LIMITED}uploads_per_address = 5\n[http]\nproxies = ['127.0.0.1/32']\n",
        )
        for number in range(5):
            start = BEGUN.replace(b"Host", b"X-Forwarded-For: 192.0.2.1\r\nHost") + b"%d" % number
            await self.hold([start], self.daemon.http)
        await eventually(lambda: len(self.spooled()) == 5, "them to be under way")

        refused = await request(self.daemon.http, "POST", "/upload", PICTURE, {"X-Forwarded-For": "192.0.2.1"})
        other = await request(self.daemon.http, "POST", "/upload", PICTURE, {"X-Forwarded-For": "192.0.2.2"})

        self.assertEqual((503, "busy", 201), (refused.status, refused.code, other.status))

    async def test_bytes(self) -> None:
        """Bytes are bounded, too, while they come."""
        await self.start(f"{LIMITED}uploads_per_address = 2\nimage = {MIB}\n")
        body = b"\x89PNG" * (MIB // 4 - 1)
        await self.hold([CHUNKED + b"%x\r\n" % len(body) + body], self.daemon.http)
        await eventually(lambda: self.spooled() == [len(body)], "it to come")

        refused = await request(self.daemon.http, "POST", "/upload", body)

        self.assertEqual((503, "busy"), (refused.status, refused.code))
        self.assertEqual([len(body)], self.spooled())


class Judged(OwnDaemonCase):
    async def refusal(self, *fields: bytes) -> tuple[int, bool]:
        """The status of an upload whose body is only sent after ``100 Continue``, and whether that was said."""
        head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\nExpect: 100-continue\r\n"
        answers = await exchange(self.daemon.http, head + b"".join(field + b"\r\n" for field in fields) + b"\r\n")
        return answers[-1].status, answers[0].status == 100

    async def test_session(self) -> None:
        """A missing or ended session is refused before the body is sent."""
        await self.start("[uploads]\nrequire_session = true\n")

        self.assertEqual((440, False), await self.refusal())
        self.assertEqual((440, False), await self.refusal(b"Authorization: Bearer nobodys"))

    async def test_wrong_session(self) -> None:
        """Where no session is needed, a wrong one is refused before the body, too."""
        await self.start("")

        self.assertEqual((440, False), await self.refusal(b"Authorization: Bearer nobodys"))

    async def test_rate(self) -> None:
        """So is a rate that is used up; each upload is counted once."""
        await self.start(f'{LIMITED}upload = "1/minute"\nshare = 2\n')
        for _ in range(2):
            self.assertEqual(201, (await request(self.daemon.http, "POST", "/upload", PICTURE)).status)

        self.assertEqual((429, False), await self.refusal())

    async def test_disk(self) -> None:
        """So is a disk with less room than is to be left."""
        await self.start(f"[uploads]\nfree_space = {2**60}\n")

        self.assertEqual((503, False), await self.refusal())
        answer = await request(self.daemon.http, "POST", "/upload", PICTURE)
        self.assertEqual((503, "disk-full"), (answer.status, answer.code))

    async def test_other_method(self) -> None:
        """Another method than POST leaves nothing on the disk."""
        await self.start("")

        self.assertEqual(405, (await request(self.daemon.http, "PUT", "/upload", PICTURE)).status)
        self.assertEqual([], list((self.daemon.data / "spool").iterdir()))

    async def test_file_name(self) -> None:
        """A form's file name need not be UTF-8; of two photos the last one counts."""
        await self.start("")
        form = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="photo"; filename="\xf4\xee\xf2\xee.png"\r\n\r\n'
            + content
            + b"\r\n"
            for content in (b"none", PICTURE)
        )

        answer = await request(
            self.daemon.http,
            "POST",
            "/upload",
            form + b"--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"},
        )

        self.assertEqual(201, answer.status, answer.json)
        self.assertEqual([], list((self.daemon.data / "spool").iterdir()))
