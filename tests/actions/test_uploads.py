"""Uploads: pictures and nothing else."""

import io
import json
import os
import secrets
import subprocess
from typing import Any

import treq
from PIL import Image
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SkipTest
from twisted.web.client import Agent

from justchat.errors import DiskFull
from justchat.workers.images import Images
from justchat.workers.picture_folder import PictureFolder
from tests.support.chat import ChatTestCase
from tests.support.client import Answer, request
from tests.support.picture_files import picture
from tests.support.wire import OwnDaemonCase


class UploadCase(ChatTestCase):
    async def upload(self, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return await request(self.daemon.http, "POST", "/upload", body, headers)

    async def fetch(self, path: str, headers: dict[str, str] | None = None) -> tuple[Any, bytes]:
        response = await treq.get(
            f"http://127.0.0.1:{self.daemon.http}/{path}", headers=headers or {}, agent=Agent(reactor)
        )
        return response, await treq.content(response)

    async def served(self, body: bytes) -> Image.Image:
        """The picture as it is served after an upload."""
        answer = await self.upload(body)
        self.assertEqual(201, answer.status, answer.json)
        _, content = await self.fetch(answer.json["url"])
        return Image.open(io.BytesIO(content))

    def on_disk(self) -> set[str]:
        return set(os.listdir(self.daemon.data / "uploads"))


class Uploading(UploadCase):
    async def test_kinds(self) -> None:
        """PNG, JPEG, GIF and WebP are kept under 32 random digits, served as what they are."""
        for kind, ending, type in (
            ("PNG", "png", b"image/png"),
            ("JPEG", "jpg", b"image/jpeg"),
            ("GIF", "gif", b"image/gif"),
            ("WEBP", "webp", b"image/webp"),
        ):
            answer = await self.upload(picture(kind))

            self.assertEqual(201, answer.status)
            self.assertRegex(answer.json["url"], rf"\Auploads/[0-9a-f]{{32}}\.{ending}\Z")
            response, content = await self.fetch(answer.json["url"])
            self.assertEqual(200, response.code)
            self.assertEqual([type], response.headers.getRawHeaders(b"content-type"))
            self.assertEqual([b"nosniff"], response.headers.getRawHeaders(b"x-content-type-options"))
            self.assertIn(b"immutable", response.headers.getRawHeaders(b"cache-control")[0])
            self.assertEqual((40, 30), Image.open(io.BytesIO(content)).size)

    async def test_escaped_path(self) -> None:
        """An escaped path is the same path (RFC 9110, section 4.2.3), with a body and without."""
        for body, status in ((picture("PNG"), 201), (b"", 415)):
            self.assertEqual(status, (await request(self.daemon.http, "POST", "/%75pload", body)).status)

    async def test_form(self) -> None:
        """A picture may come as the form field ``photo``; its name and type say nothing."""
        boundary = secrets.token_hex(8)
        form = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="../../x.exe"\r\n'
            "Content-Type: text/html\r\n\r\n"
        ).encode() + picture("PNG")
        form += f"\r\n--{boundary}--\r\n".encode()

        answer = await self.upload(form, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

        self.assertEqual(201, answer.status, answer.json)
        self.assertTrue(answer.json["url"].endswith(".png"))

    async def test_form_without_photo(self) -> None:
        """A form without ``photo``, or a malformed one, is 400."""
        for body, boundary in ((b"--b--\r\n", "b"), (b"nonsense", "b"), (b"", "b")):
            answer = await self.upload(body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

            self.assertEqual(400, answer.status)

    async def test_range(self) -> None:
        """A range of a picture can be requested."""
        answer = await self.upload(picture("PNG"))

        response, content = await self.fetch(answer.json["url"], {"Range": "bytes=1-3"})

        self.assertEqual((206, b"PNG"), (response.code, content))

    async def test_conditions(self) -> None:
        """A tag is found in a list, and as a weak one; it counts before a date, and a range of another tag is none.

        RFC 9110, sections 13.1.2, 13.1.3, 13.1.5 and 14.2.
        """
        url = (await self.upload(picture("PNG"))).json["url"]
        picked, whole = await self.fetch(url)
        (tag,), (date,) = (picked.headers.getRawHeaders(name) for name in ("etag", "last-modified"))
        part = {"Range": "bytes=1-3"}

        for headers, expected in (
            ({"If-None-Match": f'"x", {tag}'}, (304, b"")),
            ({"If-None-Match": f"{tag},W/{tag}"}, (304, b"")),
            ({"If-None-Match": f"W/{tag}"}, (304, b"")),
            ({"If-None-Match": '"x"'}, (200, whole)),
            ({"If-Modified-Since": date}, (304, b"")),
            ({"If-None-Match": '"x"', "If-Modified-Since": date}, (200, whole)),
            ({"If-Range": tag, **part}, (206, b"PNG")),
            ({"If-Range": '"x"', **part}, (200, whole)),
            ({"If-Range": f"W/{tag}", **part}, (200, whole)),
        ):
            response, content = await self.fetch(url, headers)
            self.assertEqual(expected, (response.code, content), headers)
        headed = await treq.head(f"http://127.0.0.1:{self.daemon.http}/{url}", headers=part, agent=Agent(reactor))
        self.assertEqual(200, headed.code)

    async def test_odd_ranges(self) -> None:
        """A thousand ranges get the picture once; a range beyond its end is 416 with an error's body."""
        url = (await self.upload(picture("PNG"))).json["url"]
        _, whole = await self.fetch(url)

        many, once = await self.fetch(url, {"Range": "bytes=" + ",".join(["0-"] * 1000)})
        beyond, body = await self.fetch(url, {"Range": "bytes=999999-"})

        self.assertEqual((200, whole), (many.code, once))
        self.assertEqual((416, "range-not-satisfiable"), (beyond.code, json.loads(body)["code"]))
        self.assertEqual([b"bytes */%d" % len(whole)], beyond.headers.getRawHeaders(b"Content-Range"))

    async def test_metadata_goes(self) -> None:
        """A camera's metadata is removed, and its orientation is applied."""
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 6, "where I live"

        image = await self.served(picture("JPEG", exif=exif))

        self.assertEqual({}, dict(image.getexif()))
        self.assertEqual((30, 40), image.size)
        red, _, blue = image.convert("RGB").getpixel((15, 2))
        self.assertGreater(red, blue)

    async def test_animation_survives(self) -> None:
        """An animation keeps its frames."""
        frames = [Image.new("RGB", (20, 20), (n * 40, 0, 0)) for n in range(5)]
        for kind in ("GIF", "WEBP"):
            written = io.BytesIO()
            frames[0].save(written, kind, save_all=True, append_images=frames[1:], duration=50, loop=0)

            image = await self.served(written.getvalue())

            self.assertEqual(5, image.n_frames)


class Refusing(UploadCase):
    async def test_no_picture(self) -> None:
        """A file that is not a picture, or broken, is 415 and leaves nothing on the disk."""
        before = self.on_disk()
        for body in (
            b"hello",
            b"",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            picture("PNG")[:60],
            picture("JPEG")[: len(picture("JPEG")) // 2],
            b"GIF89a" + b"\0" * 50,
            picture("BMP"),
            b"\x89PNG\r\n\x1a\n<script>",
        ):
            answer = await self.upload(body, {"Content-Type": "image/png"})

            self.assertEqual((415, "not-an-image"), (answer.status, answer.code), body[:20])
        self.assertEqual(before, self.on_disk())

    async def test_too_large(self) -> None:
        """More than 5 MiB is 413."""
        answer = await self.upload(picture("PNG") + b"\0" * (5 * 1024 * 1024))

        self.assertEqual(413, answer.status)

    async def test_too_many_pixels(self) -> None:
        """A small file that unfolds to a huge picture is 413."""
        bomb = io.BytesIO()
        Image.new("1", (12_000, 12_000)).save(bomb, "PNG")

        answer = await self.upload(bomb.getvalue())

        self.assertEqual(413, answer.status)

    async def test_other_paths(self) -> None:
        """Only pictures are served, in whatever form the path is written."""
        secret = self.daemon.data / "uploads" / "secret.txt"
        secret.write_text("secret")
        self.addCleanup(secret.unlink)
        for path in ("secret.txt", "", "../sms-outbox.jsonl", "%2e%2e/sms-outbox.jsonl", "0" * 32 + ".png", "a/b"):
            response, content = await self.fetch(f"uploads/{path}")

            self.assertEqual(404, response.code, path)
            self.assertNotIn(b"secret", content)

    async def test_ended_session(self) -> None:
        """A session is not needed; one that is given must be valid."""
        anna = await self.a_person()
        headers = {"Authorization": f"Bearer {anna.session_key}"}

        self.assertEqual(201, (await self.upload(picture("PNG"), headers)).status)
        await anna.call("/init/exit")
        self.assertEqual(440, (await self.upload(picture("PNG"), headers)).status)


class FullDisk(UploadCase):
    """Pictures go to a file system of 64 KiB."""

    async def setUp(self) -> None:
        await super().setUp()
        folder = self.daemon.data / "uploads"
        self.small = folder.with_name("small")
        self.small.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(self.small)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("no file system may be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(self.small)], check=True)

    async def test_full(self) -> None:
        """A picture that does not fit on the disk is 503, and nothing of it is left."""
        spool = self.small.with_name("spool")
        images = Images(PictureFolder(self.small), spool, reactor)
        images.start()
        self.addCleanup(lambda: ensureDeferred(images.stop()))
        noise = Image.frombytes("RGB", (300, 300), os.urandom(300 * 300 * 3))
        written = io.BytesIO()
        noise.save(written, "PNG")

        with self.assertRaises(DiskFull) as refused:
            await images.keep(written.getvalue(), "0" * 32)

        self.assertEqual(503, refused.exception.status)
        self.assertEqual([], os.listdir(self.small))


class SessionRequired(OwnDaemonCase, UploadCase):
    async def test_required(self) -> None:
        """An operator can require a session."""
        await self.start("[uploads]\nrequire_session = true")
        anna = await self.a_person()

        self.assertEqual(440, (await self.upload(picture("PNG"))).status)
        headers = {"Authorization": f"Bearer {anna.session_key}"}
        self.assertEqual(201, (await self.upload(picture("PNG"), headers)).status)
