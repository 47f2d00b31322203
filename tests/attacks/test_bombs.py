"""Decompression bombs are refused, not decompressed."""

import gzip
import json
import zlib
from io import BytesIO

from PIL import Image

from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.crowd import memory

MIB = 1024 * 1024


class Bombs(ChatTestCase):
    async def test_bodies(self) -> None:
        """A compressed body is refused without being decompressed."""
        unfolded = json.dumps({"phone": "7" * 50 * MIB}).encode()
        assert self.daemon.process is not None
        before = memory(self.daemon.process.pid)
        for encoding, body in (("gzip", gzip.compress(unfolded)), ("deflate", zlib.compress(unfolded))):
            for _ in range(5):
                answer = await request(
                    self.daemon.http, "POST", "/init/reg", body[:60_000], {"Content-Encoding": encoding}
                )
                self.assertEqual((415, "encoding-not-supported"), (answer.status, answer.code), encoding)

        self.assertLess(memory(self.daemon.process.pid) - before, 16 * MIB)

    async def test_animation(self) -> None:
        """A picture of very many frames is refused before they are drawn."""
        frames = [Image.new("1", (2, 2), number % 2) for number in range(2000)]
        bomb = BytesIO()
        frames[0].save(bomb, "GIF", save_all=True, append_images=frames[1:], duration=20)

        answer = await request(self.daemon.http, "POST", "/upload", bomb.getvalue())

        self.assertEqual(413, answer.status)
