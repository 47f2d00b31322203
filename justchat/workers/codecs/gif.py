"""GIF: each frame is re-encoded separately, so that palettes, durations and disposal stay as they are."""

import struct
from io import BytesIO
from typing import Final

from attrs import define, frozen
from PIL import GifImagePlugin, Image, ImageFile

from justchat.errors import NotAnImage
from justchat.workers.codecs.still import WHOLE_ENOUGH, check_memory, check_pixels, decoded

_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_HAS_PALETTE, _INTERLACED = 0x80, 0x40


@frozen
class _Frame:
    control: bytes
    """Flags, delay and transparent index; empty for none."""
    place: bytes
    flags: int
    palette: bytes
    data: bytes
    """The minimum code size and the blocks of compressed data."""

    @property
    def size(self) -> tuple[int, int]:
        _, _, width, height = struct.unpack("<4H", self.place)
        return width, height


@define
class _Reader:
    data: bytes
    at: int

    def take(self, count: int) -> bytes:
        """Read bytes. Raises EOFError where there are fewer."""
        taken = self.data[self.at : self.at + count]
        self.at += count
        if len(taken) < count:
            raise EOFError
        return taken

    def palette(self, flags: int) -> bytes:
        return self.take(3 << (flags & 7) + 1) if flags & _HAS_PALETTE else b""

    def blocks(self) -> list[bytes]:
        """Read blocks up to the empty one, or the end of the file."""
        blocks = []
        while self.at < len(self.data) and (length := self.data[self.at]):
            blocks.append(self.data[self.at + 1 : self.at + 1 + length])
            self.at += 1 + length
        self.at += 1
        return blocks


def reencode_gif(data: bytes) -> bytes:
    """Re-encode a picture. Raises NotAnImage, TooLarge."""
    reader = _Reader(data, 6)
    try:
        screen = reader.take(7)
        palette = reader.palette(screen[4])
    except EOFError as error:
        raise NotAnImage from error
    width, height = struct.unpack_from("<HH", screen)
    check_pixels(width * height)
    frames, loop = _frames(reader)
    check_pixels(sum(frame.size[0] * frame.size[1] for frame in frames), len(frames))
    made = [b"GIF89a", screen[:6], b"\0", palette]
    if loop is not None:
        made.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0")
    written = 0
    for frame in frames:
        try:
            made.append(_encoded(frame, palette, is_first=not written))
        except (OSError, SyntaxError, NotAnImage):
            if not written:
                raise
            break  # keep the frames before
        written += 1
    if not written:
        raise NotAnImage
    return b"".join([*made, bytes((_TRAILER,))])


def _frames(reader: _Reader) -> tuple[list[_Frame], int | None]:
    """The frames, and how often the animation repeats: 0 for endlessly, None for never."""
    frames: list[_Frame] = []
    control, loop = b"", None
    try:
        while (kind := reader.take(1)[0]) != _TRAILER:
            if kind == _EXTENSION:
                label = reader.take(1)[0]
                blocks = reader.blocks()
                if label == _CONTROL and blocks and len(blocks[0]) == 4:
                    control = blocks[0]
                elif label == _APPLICATION and loop is None and blocks and blocks[0] in _LOOPS:
                    loop = next((struct.unpack("<xH", b)[0] for b in blocks[1:] if len(b) == 3 and b[0] == 1), None)
            elif kind == _IMAGE:
                place, flags = reader.take(8), reader.take(1)[0]
                palette, size = reader.palette(flags), reader.take(1)
                start = reader.at
                reader.blocks()
                frames.append(_Frame(control, place, flags, palette, size + reader.data[start : reader.at]))
                control = b""
            elif kind:
                break
    except EOFError:
        pass
    return frames, loop


def _encoded(frame: _Frame, common: bytes, *, is_first: bool) -> bytes:
    width, height = frame.size
    check_memory(width, height, 1)
    palette = frame.palette or common or bytes(6)
    bits = (len(palette) // 3).bit_length() - 2
    single = b"".join(
        [
            b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0),
            b"\x2c" + struct.pack("<4HB", 0, 0, width, height, _HAS_PALETTE | frame.flags & _INTERLACED | bits),
            palette + frame.data + b"\0\x3b",
        ]
    )
    place = frame.place
    try:
        indexes = decoded(GifImagePlugin.GifImageFile, single).tobytes()
    except OSError:
        if not is_first or frame.flags & _INTERLACED:
            raise
        indexes = _whole_rows(single, width, height)
        height = len(indexes) // width
        place = place[:6] + struct.pack("<H", height)
    # The palette indexes, whatever their colours.
    numbers = Image.frombytes("P", (width, height), indexes)
    numbers.encoderinfo = {}
    output = BytesIO()
    ImageFile._save(numbers, output, [ImageFile._Tile("gif", (0, 0, width, height), 0, "P")])
    own = _HAS_PALETTE | bits if frame.palette else 0
    return b"".join(
        [
            b"\x21\xf9\x04" + frame.control + b"\0" if frame.control else b"",
            b"\x2c" + place + bytes((own,)) + frame.palette,
            b"\x08" + output.getvalue() + b"\0",
        ]
    )


def _whole_rows(single: bytes, width: int, height: int) -> bytes:
    """The rows before the end of truncated data. Where they are, the browser shows nothing below them.

    Raises NotAnImage where there are not nearly all.
    """
    fillings = []
    for filling in (0, 1):
        image = GifImagePlugin.GifImageFile(BytesIO(single))
        image.load_prepare()
        image.im.paste(filling, (0, 0, width, height))
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        fillings.append(image.tobytes())
    # Where no pixel was decoded, each has its own filling.
    at = next((n for n, (one, other) in enumerate(zip(*fillings, strict=True)) if one != other), width * height)
    if at < width * height * WHOLE_ENOUGH or at < width:
        raise NotAnImage
    return fillings[0][: at - at % width]
