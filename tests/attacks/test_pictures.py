"""Hostile pictures neither delay others nor keep memory."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from tests.support.chat import ChatTestCase
from tests.support.client import Answer, request
from tests.support.crowd import memory
from tests.support.picture_files import SIGNATURE, chunk, ihdr, quarters, saved

LARGE = os.environ.get("JUSTCHAT_ATTACK") == "1"
MIB = 1024 * 1024
CONNECTIONS = 22


def hostile() -> list[bytes]:
    """Little bytes that unfold to many."""
    side = 4000 if LARGE else 2500
    webp = BytesIO()
    Image.new("RGB", (side, side)).save(webp, "WEBP", quality=1, method=0)
    beyond = BytesIO()
    Image.new("L", (7000, 7000)).save(beyond, "JPEG", quality=1)
    rows = zlib.compress(bytes((1 + 3 * side) * side), 9)
    png = SIGNATURE + ihdr((side, side), 8, 2) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    huge = SIGNATURE + struct.pack(">I", 13) + ihdr((60_000, 60_000), 8, 2)[4:] + chunk(b"IDAT", rows)
    return [webp.getvalue(), beyond.getvalue(), png, huge]


class UploadedFiles(ChatTestCase):
    def upload(self, data: bytes, headers: dict[str, str] | None = None) -> "Deferred[Answer]":
        return ensureDeferred(request(self.daemon.http, "POST", "/upload", data, headers))

    def tree(self) -> int:
        """Bytes that the daemon and the processes it works with hold, without the database."""
        assert self.daemon.process is not None
        pid = self.daemon.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        python = [child for child in children if b"justchat" in Path(f"/proc/{child}/cmdline").read_bytes()]
        return sum(memory(int(one)) for one in (pid, *python))

    async def test_many(self) -> None:
        """While a client uploads 22 decompression bombs, another one's picture is stored; memory is released."""
        anna = await self.a_person()
        other = saved(quarters("RGB"), "PNG")
        headers = {"Authorization": f"Bearer {anna.session_key}"}
        await self.upload(other, headers)
        before = self.tree()
        bombs = hostile()

        attack = [self.upload(bombs[number % len(bombs)]) for number in range(CONNECTIONS)]
        kept = [(await self.upload(other, headers)).status for _ in range(3)]
        answers = [answer.status for answer in await gatherResults(attack)]

        self.assertEqual([201] * 3, kept)
        self.assertLessEqual(set(answers), {201, 413, 503})
        self.assertLess(self.tree() - before, 24 * MIB)
