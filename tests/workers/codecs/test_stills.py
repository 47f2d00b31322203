"""Every still picture of the corpus comes out with the pixels that a browser shows, and nothing beside them."""

from io import BytesIO
from time import process_time

from PIL import Image
from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import NotAnImage, TooLarge
from justchat.workers.codecs import reencode_picture
from tests.support.picture_corpus import SAYS, Still, stills
from tests.support.picture_files import saved


class Stills(SynchronousTestCase):
    def wrong(self, still: Still) -> str | None:
        """The differences of the written picture from the expected one."""
        try:
            made, _ = reencode_picture(still.file)
        except Exception as error:
            return f"refused: {error!r} {error.__cause__!r}"
        image = Image.open(BytesIO(made))
        if image.size != still.size:
            return f"size {image.size}"
        if SAYS in made or {"exif", "icc_profile", "xmp", "comment"} & image.info.keys():
            return f"served with {image.info}"
        pixels = image.convert("RGBA")
        for number, wanted in enumerate(still.shows):
            x, y = (1 + 2 * (number % 2)) * image.width // 4, (1 + 2 * (number // 2)) * image.height // 4
            found = pixels.getpixel((x, y))
            assert isinstance(found, tuple)
            if wanted is None:
                if found[3]:
                    return f"quarter {number} is {found}, not transparent"
            elif any(abs(a - b) > still.near for a, b in zip(found, wanted, strict=True)):
                return f"quarter {number} is {found}, not {wanted}"
        return None

    def test_corpus(self) -> None:
        """All of them."""
        wrong = {still.name: wrong for still in stills() if (wrong := self.wrong(still))}

        self.assertEqual({}, wrong)


class Hostile(SynchronousTestCase):
    def test_scans(self) -> None:
        """A progressive picture of very many scans, each of which is decoded over all pixels, is too large."""
        few = saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
        scan = few[few.rindex(b"\xff\xda") : -2]

        self.assertEqual("jpg", reencode_picture(few[:-2] + scan * 20 + few[-2:])[1])
        with self.assertRaises(TooLarge):
            reencode_picture(few[:-2] + scan * 1000 + few[-2:])

    def test_fill_bytes(self) -> None:
        """Any number of FF before a marker is fill, and is read in linear time, before a scan and in it."""
        plain = saved(Image.new("L", (64, 64), 128), "JPEG")
        fill = b"\xff" * 60_000
        began = process_time()

        filled = plain[:2] + fill + plain[2:-2] + fill + plain[-2:]
        self.assertEqual(reencode_picture(plain), reencode_picture(filled))
        with self.assertRaises(NotAnImage):
            reencode_picture(plain[:2] + fill)

        self.assertLess(process_time() - began, 1)
