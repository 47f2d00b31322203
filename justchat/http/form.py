"""The body of an upload: a picture by itself, or a form's field ``photo`` (RFC 7578)."""

from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header

from justchat.config import Limits
from justchat.errors import BadField, BadRequest, InvalidFields, NotAnImage, TooLarge
from justchat.http.fields import ImageBody

FORM_OVERHEAD = 64 * 1024
"""Bytes of a form beside its picture."""


def read_upload(raw: bytes, content_type: str, limits: Limits) -> tuple[ImageBody, str | None]:
    """The picture, and the session key that may stand beside it in a form.

    Raises BadRequest, InvalidFields, TooLarge, NotAnImage.
    """
    kind, options = parse_options_header(content_type)
    key: str | None = None
    data = raw
    if kind == "multipart/form-data":
        form = _parts(raw, options.get("boundary", ""), limits)
        key = form.get("session_key", b"").decode("utf-8", "replace") or None
        if "photo" not in form:
            raise InvalidFields([BadField("photo", "missing")])
        data = form["photo"]
    if len(data) > limits.image:
        raise TooLarge(f"an image may have {limits.image} bytes")
    if not data:
        raise NotAnImage
    return ImageBody(data), key


def _parts(raw: bytes, boundary: str, limits: Limits) -> dict[str, bytes]:
    if not boundary:
        raise BadRequest("the form names no boundary")
    try:
        parser = MultipartParser(
            BytesIO(raw),
            boundary,
            content_length=len(raw),
            disk_limit=len(raw) + 1,
            mem_limit=limits.image + FORM_OVERHEAD,
            memfile_limit=limits.image + FORM_OVERHEAD,
        )
        parts = parser.parts()
        try:
            return {part.name: part.raw for part in parts}
        finally:
            for part in parts:
                part.close()
    except MultipartError as error:
        raise BadRequest(f"the form cannot be read: {error}") from error
