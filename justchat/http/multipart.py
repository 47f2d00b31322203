"""The body of an upload: a picture alone, or a form's field ``photo`` (RFC 7578)."""

import re
from collections.abc import AsyncIterator

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.config.limits import Limits
from justchat.errors import BadField, BadRequest, InvalidFields, NotAnImage, TooLarge
from justchat.http.fields import ImageBody
from justchat.http.spool import Spool, SpoolFile

FORM_OVERHEAD = 64 * 1024
"""Bytes of a form beside its picture."""
_PIECE = 256 * 1024
"""Bytes of a form that are read in one reactor iteration."""
_PARTS = 128
"""Parts of a form at most. Thousands of small parts in one piece would block the reactor."""
_KEY = 1024
"""Bytes of a session key at most."""
_BARE_BOUNDARY = re.compile(r';[ \t]*boundary=([^ \t;"]+)', re.IGNORECASE)


def is_form(content_type: str) -> bool:
    """Whether a body is a form, which may contain a session key."""
    return bool(parse_options_header(content_type)[0] == "multipart/form-data")


def _boundary_of(content_type: str) -> str:
    """The boundary of a form, empty without one. Clients write those without quotes, too, that need them, such as
    ``----=_Part_1`` (RFC 2046, section 5.1.1).
    """
    bare = _BARE_BOUNDARY.search(content_type)
    return bare[1] if bare else parse_options_header(content_type)[1].get("boundary", "")


async def read_upload(raw: SpoolFile, content_type: str, limits: Limits, spool: Spool) -> tuple[ImageBody, str | None]:
    """The picture, whose file the caller closes, and the session key of the form, if there is one.

    Raises BadRequest, InvalidFields, TooLarge, NotAnImage, Busy, DiskFull.
    """
    key: str | None = None
    file = raw
    if is_form(content_type):
        file, key = await _read_form(raw, _boundary_of(content_type), spool)
    try:
        if file.size > limits.image:
            raise TooLarge(f"an image may have {limits.image} bytes")
        if not file.size:
            raise NotAnImage
    except BaseException:
        file.close()
        raise
    return ImageBody(file), key


async def _read_form(raw: SpoolFile, boundary: str, spool: Spool) -> tuple[SpoolFile, str | None]:
    """The field ``photo``, the last one if there are several, and ``session_key``."""
    if not boundary:
        raise BadRequest("the form names no boundary")
    form = _Form(spool)
    try:
        # File names need not be UTF-8, and are not used.
        parser = PushMultipartParser(
            boundary, content_length=raw.size, header_charset="latin-1", max_segment_count=_PARTS
        )
        with parser:
            async for piece in _pieces(raw):
                for event in parser.parse(piece):
                    form.add(event)
        if not form.has_photo:
            raise InvalidFields([BadField("photo", "missing")])
        if form.keys > 1:
            raise InvalidFields([BadField("session_key", "given more than once")])
    except MultipartError as error:
        form.photo.close()
        raise BadRequest(f"the form cannot be read: {error}") from error
    except BaseException:
        form.photo.close()
        raise
    return form.photo, form.key.decode("utf-8", "replace") or None


class _Form:
    """Collects the two fields from the parser's events: a segment, then its bytes in parts, then None."""

    def __init__(self, spool: Spool) -> None:
        self.photo = spool.open(None)
        self.has_photo = False
        self.key = b""
        self.keys = 0
        self._spool = spool
        self._name = ""

    def add(self, event: "MultipartSegment | bytearray | None") -> None:
        if isinstance(event, MultipartSegment):
            self._name = event.name
            if self._name == "photo":
                if self.has_photo:
                    self.photo.close()
                    self.photo = self._spool.open(None)
                self.has_photo = True
            self.keys += self._name == "session_key"
        elif event and self._name == "photo":
            self.photo.write(bytes(event))
        elif event and self._name == "session_key":
            self.key = (self.key + bytes(event))[:_KEY]


async def _pieces(raw: SpoolFile) -> AsyncIterator[bytes]:
    for at in range(0, raw.size, _PIECE):
        if at:
            await deferLater(reactor, 0)
        yield raw.piece(at, _PIECE)
