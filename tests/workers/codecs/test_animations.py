"""Animations keep their frames, delays, loops, offsets, disposal and blending."""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from attrs import frozen
from PIL import Image, ImageSequence
from twisted.trial.unittest import SynchronousTestCase

from justchat.workers.codecs import reencode_picture
from tests.support.picture_corpus import SAYS
from tests.support.picture_files import (
    DISPLAY_P3,
    HEIGHT,
    SIGNATURE,
    WIDTH,
    animated_webp,
    apng,
    chunk,
    exif,
    gif,
    palette,
    riff,
    webp,
)

ALL = (0, 0, WIDTH, HEIGHT)
PART = (8, 4, 20, 10)
CORNER = (40, 28, 8, 4)
RED, GREEN, BLUE, HALF, CLEAR = (200, 30, 30, 255), (30, 160, 60, 255), (40, 60, 200, 255), (9, 9, 9, 128), (0,) * 4


@frozen
class Animation:
    """``times`` are milliseconds. ``loop`` is as the format has it: 0 for ever; None is once, without saying so."""

    name: str
    file: bytes
    times: Sequence[int]
    loop: int | None
    hidden: bool = False
    same: bytes = b""
    """A file that shows the same, for what Pillow by itself does not read."""


def animations() -> Iterator[Animation]:
    yield from _gifs()
    yield from _apngs()
    yield from _webps()


def _gifs() -> Iterator[Animation]:
    for loop in (None, 0, 1, 3, 65535):
        frames = [(0, ALL, 5, 0, None, b""), (1, ALL, 20, 0, None, b""), (2, ALL, 100, 0, None, b"")]
        yield Animation(f"GIF, loop {loop}", gif(frames, loop=loop), (50, 200, 1000), loop)
    yield Animation("GIF, other loop", gif(frames, loop=2, application=b"ANIMEXTS1.0"), (50, 200, 1000), 2)
    for disposal in range(4):
        frames = [
            (0, ALL, 10, disposal, None, b""),
            (1, PART, 10, disposal, None, b""),
            (2, CORNER, 10, disposal, None, b""),
            (3, PART, 10, 0, None, b""),
        ]
        yield Animation(f"GIF, disposal {disposal}", gif(frames, loop=0), (100,) * 4, 0)
        frames = [(a, b, c, d, 0 if number else None, e) for number, (a, b, c, d, _, e) in enumerate(frames)]
        yield Animation(f"GIF, disposal {disposal}, transparent", gif(frames, loop=0), (100,) * 4, 0)
    own = palette((1, 2, 3), (250, 140, 10), (9, 99, 199))
    frames = [(0, ALL, 0, 0, None, b""), (1, PART, 1, 0, None, own), (1, CORNER, 2, 0, None, b"")]
    yield Animation("GIF, palettes of its own, short times", gif(frames, loop=0), (0, 10, 20), 0)
    same = [(0, ALL, 10, 0, None, b"")] * 3
    yield Animation("GIF, same frames", gif(same, loop=0), (100,) * 3, 0)
    whole = gif(frames, loop=0)
    yield Animation("GIF without trailer", whole[:-1], (0, 10, 20), 0)
    yield Animation("GIF, trailing bytes", whole + SAYS * 9, (0, 10, 20), 0)
    yield Animation("GIF, cut in its last frame", whole[:-20], (0, 10), 0)
    comment = b"\x21\xfe" + (bytes((len(SAYS),)) + SAYS) * 2000 + b"\0"
    at = 6 + 7 + 768
    yield Animation("GIF, long comment", whole[:at] + comment + whole[at:], (0, 10, 20), 0)
    xmp = b"\x21\xff\x0bXMP DataXMP" + b"<x>" + SAYS * 20 + bytes(range(255, -1, -1)) + b"\0"
    broken = b"\x21\xff\x00" + b"\x21\x01\x0c" + b"x" * 12 + b"\0" + b"\x21\xfe\0"
    yield Animation("GIF, odd extensions", whole[:at] + broken + whole[at:], (0, 10, 20), 0, same=whole)
    yield Animation("GIF, XMP behind", whole[:-1] + xmp + b";", (0, 10, 20), 0)


def _apngs() -> Iterator[Animation]:
    plain = [(RED, ALL, (1, 20), 0, 0), (GREEN, ALL, (3, 10), 0, 0), (BLUE, ALL, (2, 1), 0, 0)]
    for plays in (0, 1, 5):
        yield Animation(f"APNG, {plays} plays", apng(plain, plays), (50, 300, 2000), plays)
        file = apng(plain, plays, hidden=(1, 1, 1, 255))
        yield Animation(f"APNG, {plays} plays, first picture hidden", file, (50, 300, 2000), plays, hidden=True)
    for disposal in range(3):
        for blending in range(2):
            frames = [
                (RED, ALL, (10, 100), disposal, 0),
                (HALF, PART, (10, 100), disposal, blending),
                (BLUE, CORNER, (10, 100), disposal, blending),
                (CLEAR, PART, (10, 100), 0, blending),
            ]
            name = f"APNG, disposal {disposal}, blending {blending}"
            yield Animation(name, apng(frames, 0), (100,) * 4, 0)
            yield Animation(f"{name}, hidden", apng(frames, 0, hidden=GREEN), (100,) * 4, 0, hidden=True)
    # A denominator of 0 is one of 100.
    odd = [(RED, ALL, (0, 1), 0, 0), (GREEN, ALL, (7, 0), 0, 0), (RED, ALL, (1, 1000), 0, 0)]
    yield Animation("APNG, odd times", apng(odd, 0), (0, 70, 1), 0)
    yield Animation("APNG, same frames", apng([plain[0]] * 3, 0), (50,) * 3, 0)
    whole = apng(plain, 0)
    yield Animation("APNG without IEND", whole[:-12], (50, 300, 2000), 0)
    yield Animation("APNG, trailing bytes", whole + SAYS * 9, (50, 300, 2000), 0)
    more = whole.replace(struct.pack(">II", 3, 0), struct.pack(">II", 9, 0))
    yield Animation("APNG that promises more frames", more, (50, 300, 2000), 0, same=whole)
    again = chunk(b"acTL", struct.pack(">II", 3, 9))
    at = whole.index(b"fcTL") - 4
    yield Animation("APNG that says twice how often", whole[:at] + again + whole[at:], (50, 300, 2000), 0, same=whole)
    text = chunk(b"tEXt", b"Comment\0" + SAYS)
    at = whole.rindex(b"fcTL") - 4
    yield Animation("APNG, text between frames", whole[:at] + text + whole[at:], (50, 300, 2000), 0)


def _webps() -> Iterator[Animation]:
    for options in ({"lossless": True}, {"quality": 95}):
        kind = "lossless" if "lossless" in options else "lossy"
        for loop in (0, 1, 7):
            frames = [(RED, ALL, 40, 0, 0), (GREEN, ALL, 300, 0, 0), (BLUE, ALL, 2000, 0, 0)]
            file = animated_webp(frames, loop, **options)
            yield Animation(f"WebP, {kind}, loop {loop}", file, (40, 300, 2000), loop)
        for dispose in range(2):
            for no_blending in range(2):
                frames = [
                    (RED, ALL, 100, dispose, no_blending),
                    (HALF, PART, 90, dispose, no_blending),
                    (BLUE, CORNER, 80, dispose, no_blending),
                    (CLEAR, PART, 70, dispose, no_blending),
                ]
                name = f"WebP, {kind}, dispose {dispose}, no blending {no_blending}"
                yield Animation(name, animated_webp(frames, 0, **options), (100, 90, 80, 70), 0)
        odd = [(RED, ALL, 0, 0, 0), (GREEN, ALL, 1, 0, 0), (BLUE, ALL, 16_000, 0, 0)]
        yield Animation(f"WebP, {kind}, odd times", animated_webp(odd, 0, **options), (0, 1, 16_000), 0)
        whole = animated_webp(frames, 0, **options)
        yield Animation(f"WebP, {kind}, trailing bytes", whole + SAYS * 9, (100, 90, 80, 70), 0)
        chunks = riff(animated_webp(frames, 0, 0x1E, **options))
        with_asides = webp(*chunks, (b"EXIF", exif(1)), (b"XMP ", SAYS * 99))
        yield Animation(f"WebP, {kind}, metadata", with_asides, (100, 90, 80, 70), 0)


def frames_of(file: bytes) -> list[tuple[Image.Image, int]]:
    """The frames as they are shown, and their milliseconds."""
    image = Image.open(BytesIO(file))
    found = []
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number == 0 and image.info.get("default_image"):
            continue
        try:
            frame.load()
        except OSError:  # cut off
            break
        found.append((frame.convert("RGBA"), round(frame.info.get("duration", 0))))
    return found


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest of all channels; the colour of what is transparent is none."""
    pairs = zip(one.convert("RGBa").tobytes(), other.convert("RGBa").tobytes(), strict=True)
    return max(abs(a - b) for a, b in pairs)


class Animations(SynchronousTestCase):
    def wrong(self, animation: Animation) -> Any:
        """The differences of the written picture from the expected one."""
        try:
            made, _ = reencode_picture(animation.file)
        except Exception as error:
            return f"refused: {error!r} {error.__cause__!r}"
        image = Image.open(BytesIO(made))
        if image.size != (WIDTH, HEIGHT) or SAYS in made:
            return "size, or metadata"
        if image.info.get("loop") != animation.loop:
            return f"loop {image.info.get('loop')}"
        if bool(image.info.get("default_image")) != animation.hidden:
            return "the hidden picture"
        before, after = frames_of(animation.same or animation.file), frames_of(made)
        if [time for _, time in after] != list(animation.times):
            return [time for _, time in after]
        near = 12 if "lossy" in animation.name else 0
        for number, ((one, _), (other, _)) in enumerate(zip(before, after, strict=False)):
            if difference(one, other) > near:
                return f"frame {number} differs by {difference(one, other)}"
        return None

    def test_corpus(self) -> None:
        """All of them."""
        wrong = {each.name: wrong for each in animations() if (wrong := self.wrong(each))}

        self.assertEqual({}, wrong)

    def test_orientation(self) -> None:
        """A browser turns an APNG by its EXIF data, so these stay, without anything else in them."""
        whole = apng([(RED, ALL, (1, 20), 0, 0), (GREEN, ALL, (3, 10), 0, 0)], 3)
        at = len(SIGNATURE) + 25
        for orientation in range(1, 9):
            made, _ = reencode_picture(whole[:at] + chunk(b"eXIf", exif(orientation) + SAYS) + whole[at:])

            self.assertEqual(orientation, Image.open(BytesIO(made)).getexif().get(0x0112, 1))
            self.assertNotIn(SAYS, made)

    def test_profile(self) -> None:
        """The frames of an animation in another space of colours are converted, too."""
        frames = [((234, 51, 35, 255), ALL, 100, 0, 0), ((117, 251, 76, 255), PART, 100, 0, 0)]
        chunks = riff(animated_webp(frames, 0, 0x32, lossless=True))
        file = webp(chunks[0], (b"ICCP", DISPLAY_P3), *chunks[1:])

        (first, _), (second, _) = frames_of(reencode_picture(file)[0])

        for frame, place, colour in ((first, (0, 0), (255, 0, 0)), (second, (10, 6), (0, 255, 0))):
            found = frame.getpixel(place)
            assert isinstance(found, tuple)
            for a, b in zip(found, colour, strict=False):
                self.assertLess(abs(a - b), 4)
