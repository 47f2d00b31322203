"""Gift files, as editors write them."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.config.gift_file import read_gifts


class GiftFiles(SynchronousTestCase):
    def test_of_windows(self) -> None:
        """A byte order mark, lines that end with CR LF, and an ending in capitals change nothing."""
        folder = Path(self.mktemp())
        folder.mkdir()
        toml = '\ufeff[[gifts]]\r\nname = "Чай"\r\nprice = 5\r\nimage = "/tea.png"\r\n'
        json = '\ufeff[{"name": "Чай",\r\n "price": 5, "image": "/tea.png"}]'

        for name, text in (("gifts.toml", toml), ("GIFTS.TOML", toml), ("gifts.json", json)):
            (folder / name).write_bytes(text.encode())
            (gift,) = read_gifts(folder / name)

            self.assertEqual(("Чай", 5, "/tea.png"), (gift.name, gift.price, gift.image), name)
