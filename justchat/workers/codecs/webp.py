"""WebP: each frame is re-encoded separately, so that durations, positions and blending stay as they are."""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from attrs import define, field
from PIL import WebPImagePlugin

from justchat.errors import NotAnImage
from justchat.workers.codecs.still import MEMORY, Metadata, check_memory, check_pixels, decoded, shown

_BYTES: Final = 6
"""Bytes per pixel: libwebp's decoder holds two copies of four bytes beside Pillow's two."""
_LOSSLESS_BYTES: Final = 12
"""Bytes per pixel of the lossless encoder. A larger picture is encoded with invisible losses."""
_ANIMATED, _EXIF, _ALPHA, _PROFILE = 0x02, 0x08, 0x10, 0x20
"""Flags of VP8X. Browsers pay no attention to a profile or EXIF data that it does not announce."""
_MISSING: Final = 64
"""Bytes that may be missing at the end of a file."""


@define
class _Frame:
    size: tuple[int, int] = (0, 0)
    header: bytes = b""
    """The start of ANMF: position, size, duration, blending and disposal."""
    chunks: dict[bytes, bytes] = field(factory=dict)

    @property
    def is_lossless(self) -> bool:
        return b"VP8L" in self.chunks


def reencode_webp(data: bytes) -> bytes:
    """Re-encode a picture. Raises NotAnImage, TooLarge."""
    others: dict[bytes, bytes] = {}
    still = _Frame()
    frames: list[_Frame] = []
    for name, content in _chunks(data[12:]):
        if name in (b"VP8 ", b"VP8L", b"ALPH"):
            still.chunks.setdefault(name, content)
        elif name == b"ANMF" and len(content) > 16:
            frames.append(_Frame(_canvas(content[6:]), content[:16], dict(_chunks(content[16:]))))
        else:
            others.setdefault(name, content)
    head = others.get(b"VP8X", b"")
    flags = head[0] if head else 0
    metadata = Metadata(
        others.get(b"ICCP") if flags & _PROFILE else None, others.get(b"EXIF") if flags & _EXIF else None
    )
    if len(head) >= 10 and flags & _ANIMATED and frames:
        return _animation(head, others.get(b"ANIM", bytes(6)), frames, metadata)
    still.size = _size(still.chunks)
    return _encoded(still, metadata, orient=True)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks. A few bytes that the last one lacks are filled with zeros."""
    at = 0
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length]
        if len(content) < length:
            if length - len(content) > _MISSING:
                return
            content = content.ljust(length, b"\0")
        yield name, content
        at += 8 + length + length % 2


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _canvas(six: bytes) -> tuple[int, int]:
    return int.from_bytes(six[:3], "little") + 1, int.from_bytes(six[3:6], "little") + 1


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    if len(lossless := chunks.get(b"VP8L", b"")) > 5:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(lossy := chunks.get(b"VP8 ", b"")) > 10:
        width, height = struct.unpack_from("<HH", lossy, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise NotAnImage


def _file(frame: _Frame) -> bytes:
    if b"VP8L" in frame.chunks:
        return _riff(_chunk(b"VP8L", frame.chunks[b"VP8L"]))
    made = _chunk(b"VP8 ", frame.chunks.get(b"VP8 ", b""))
    if b"ALPH" not in frame.chunks:
        return _riff(made)
    width, height = (side - 1 for side in frame.size)
    head = bytes((_ALPHA, 0, 0, 0)) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return _riff(_chunk(b"VP8X", head), _chunk(b"ALPH", frame.chunks[b"ALPH"]), made)


def _encoded(frame: _Frame, metadata: Metadata, *, orient: bool) -> bytes:
    """Re-encode a frame as a picture of its own."""
    check_memory(*frame.size, _BYTES)
    if _size(frame.chunks) != frame.size:
        raise NotAnImage
    image = shown(_decoded(frame), metadata, orient=orient)
    options: dict[str, Any] = {"quality": 90}
    if frame.is_lossless and image.width * image.height * _LOSSLESS_BYTES <= MEMORY:
        options = {"lossless": True, "quality": 40}
    output = BytesIO()
    image.save(output, "WEBP", exif=b"", icc_profile=b"", xmp=b"", **options)
    return output.getvalue()


def _decoded(frame: _Frame) -> Any:
    image = decoded(WebPImagePlugin.WebPImageFile, _file(frame))
    image._decoder = None  # type: ignore[attr-defined]  # it holds two more copies
    return image


def _animation(head: bytes, loops: bytes, frames: list[_Frame], metadata: Metadata) -> bytes:
    width, height = _canvas(head[4:])
    check_pixels(width * height)
    check_pixels(sum(frame.size[0] * frame.size[1] for frame in frames), len(frames))
    made: list[bytes] = []
    for frame in frames:
        try:
            written = dict(_chunks(_encoded(frame, metadata, orient=False)[12:]))
        except (OSError, SyntaxError, EOFError, NotAnImage):
            if not made:
                raise
            break  # keep the frames before
        picture = [_chunk(name, written[name]) for name in (b"ALPH", b"VP8 ", b"VP8L") if name in written]
        made.append(_chunk(b"ANMF", frame.header + b"".join(picture)))
    head = bytes((_ANIMATED | head[0] & _ALPHA, 0, 0, 0)) + head[4:10]
    return _riff(_chunk(b"VP8X", head), _chunk(b"ANIM", loops[:6].ljust(6, b"\0")), *made)
