# ruff: noqa: E501
"""Forms with a picture, as clients write them (RFC 7578, RFC 2046)."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from justchat.config.limits import Limits
from justchat.errors import BadRequest, InvalidFields
from justchat.http.multipart import read_upload
from justchat.http.spool import Spool

PICTURE = b"\x89PNG\r\n\x1a\n\r\n--BOUN\r\n\0\xff"
NAMED = b'Content-Disposition: form-data; name="photo"'
TYPE = "multipart/form-data; boundary=BOUND"


def form(*parts: bytes, boundary: bytes = b"BOUND", before: bytes = b"", after: bytes = b"\r\n") -> bytes:
    """A form; a part is its head, or its head and body."""
    written = [part if b"\r\n\r\n" in part else part + b"\r\n\r\n" + PICTURE for part in parts]
    return before + b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in written) + b"--%b--" % boundary + after


FILENAMES = (
    *(b'filename="\xff\xfe.png"', 'filename="фото.png"'.encode("cp1251"), 'filename="фото.png"'.encode()),
    *(b"filename*=UTF-8''%e2%82%ac.png", b"filename*=UTF-9''%e2%zz.png", b"filename*=x", b'filename=""'),
    *(b'filename="a\\"b.png"', b'filename="a%22b.png"', b'filename="C:\\photos\\a.png"', b'filename="a;name=x;.png"'),
    *(b'filename="../../etc/passwd"', b'filename="a\0b.png"'),
)
GOOD = {
    **{repr(name): (form(NAMED + b"; " + name), TYPE) for name in FILENAMES},
    "a filename before the name": (form(b"Content-Disposition: form-data; filename*=UTF-8''%ff.png; name=photo"), TYPE),
    "a quoted boundary": (form(NAMED, boundary=b"a b:c"), 'multipart/form-data; boundary="a b:c"'),
    **{
        f"a bare boundary {bare!r}": (form(NAMED, boundary=bare.encode()), f"multipart/form-data; charset=x;boundary={bare}; y=z")
        for bare in ("----=_Part_1_2.3", "=a=b", "a/b:c?d(e),f", "***", "'a'", "x" * 200)
    },
    "other cases": (form(b'content-disposition: FORM-DATA; NAME="photo"'), "Multipart/Form-Data; Boundary=BOUND"),
    "parameters after the boundary": (form(NAMED), TYPE + "; charset=utf-8"),
    "a preamble": (form(NAMED, before=b"This is a form.\r\n\r\n"), TYPE),
    "an epilogue": (form(NAMED, after=b"\r\nbye\r\n--BOUND\r\n"), TYPE),
    "no line end at the end": (form(NAMED, after=b""), TYPE),
    "other fields of a part": (form(NAMED + b"\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\nX: \xff"), TYPE),
    "other parts": (form(b'Content-Disposition: form-data; name="\xff"\r\n\r\n1', NAMED), TYPE),
    "two pictures: the last": (form(NAMED + b"\r\n\r\nfirst", NAMED), TYPE),
    "a folded field": (form(b'Content-Disposition: form-data;\r\n name="photo"'), TYPE),
}  # fmt: skip
CUT = form(NAMED)
BAD = {
    "no boundary": (form(NAMED), "multipart/form-data"),
    "no last boundary": (CUT.removesuffix(b"--BOUND--\r\n"), TYPE),
    "cut in its middle": (CUT[:-30], TYPE),
    "nothing": (b"", TYPE),
    "another boundary": (form(NAMED, boundary=b"x"), TYPE),
    "too many parts": (form(*[b'Content-Disposition: form-data; name="a"\r\n\r\n1'] * 500, NAMED), TYPE),
}


class Forms(TestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.spool = Spool(folder, free=0, files=9, bytes=10**9, all_files=9, all_bytes=10**9)

    async def read(self, raw: bytes, content_type: str) -> tuple[bytes, str | None]:
        """The picture's bytes and the session's key."""
        file = self.spool.open(None)
        file.write(raw)
        try:
            body, key = await read_upload(file, content_type, Limits(), self.spool)
            picture = body.file.piece(0, body.file.size)
            body.file.close()
        finally:
            file.close()
        return picture, key

    async def test_taken(self) -> None:
        """The picture of every valid form is found, whatever the name of its file."""
        for name, (raw, content_type) in GOOD.items():
            self.assertEqual(PICTURE, (await self.read(raw, content_type))[0], name)

    async def test_key(self) -> None:
        """The session's key may stand beside it."""
        key = b'Content-Disposition: form-data; name="session_key"\r\n\r\nKEY'

        self.assertEqual("KEY", (await self.read(form(NAMED, key), TYPE))[1])

    async def test_two_keys(self) -> None:
        """Two keys name no session, not even where they are pieces of one."""
        keys = [b'Content-Disposition: form-data; name="session_key"\r\n\r\n' + key for key in (b"K", b"EY")]

        with self.assertRaises(InvalidFields) as caught:
            await self.read(form(NAMED, *keys), TYPE)

        self.assertEqual([("session_key", "given more than once")], [*caught.exception.fields])

    async def test_refused(self) -> None:
        """An incomplete or malformed form is refused."""
        for name, (raw, content_type) in BAD.items():
            with self.assertRaises(BadRequest, msg=name):
                await self.read(raw, content_type)

    async def test_missing(self) -> None:
        """A form without the picture gets an error that names the missing part."""
        with self.assertRaises(InvalidFields):
            await self.read(form(b'Content-Disposition: form-data; name="foto"'), TYPE)
