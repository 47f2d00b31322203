"""Phone numbers, as people write them."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.model.phone import is_region, parse_phone


class Parsing(SynchronousTestCase):
    def test_one_number(self) -> None:
        """However a number is written, it is the same digits."""
        for written in (
            *("+79223438450", "79223438450", "89223438450", "9223438450", 79223438450, 89223438450, 9223438450),
            *("8 922 343-84-50", "+7 922 343 84 50", "8 (922) 343-84-50", "+7(922)3438450", "7-922-343-84-50"),
            *(
                "  +7 922 343 84 50  ",
                "8\u00a0922\u00a0343\u00a084\u00a050",
                "8 922 343\u201384\u201350",
                "8.922.3438450",
            ),
        ):
            self.assertEqual("79223438450", parse_phone(written, "RU"), written)

    def test_foreign(self) -> None:
        """A number of another country is taken with its plus, and without one where it can be none of ours."""
        for written in ("+380 44 279 02 00", "380442790200", 380442790200):
            self.assertEqual("380442790200", parse_phone(written, "RU"), written)

    def test_region(self) -> None:
        """Without its country a number is of the region that was configured."""
        self.assertEqual("4915123456789", parse_phone("01512 3456789", "DE"))
        self.assertEqual("12025550123", parse_phone("(202) 555-0123", "US"))

    def test_plus_wins(self) -> None:
        """With a plus the region does not matter."""
        self.assertEqual({"79223438450"}, {parse_phone("+7 922 343-84-50", region) for region in ("RU", "DE", "US")})

    def test_impossible(self) -> None:
        """What can be no number is refused."""
        for written in (
            *("", " ", "+", "-", "()", "abc", "12", "112", "+7", "+7 922", "9" * 25, "9" * 1000, "+999 123456789"),
            *("79223438450x", "7922343845o", "79223438450;", "+7922+3438450", "7922\0003438450", "٧٩٢٢٣٤٣٨٤٥٠"),
            *(0, 1, 10**30),
        ):
            with self.assertRaises(ValueError, msg=repr(written)):
                parse_phone(written, "RU")

    def test_negative(self) -> None:
        """A negative number is no phone."""
        with self.assertRaises(ValueError):
            parse_phone(-79223438450, "RU")

    def test_regions(self) -> None:
        """A region is two capital letters that numbers are known of."""
        self.assertEqual([True, True], [is_region(region) for region in ("RU", "DE")])
        self.assertEqual([False] * 4, [is_region(region) for region in ("ru", "XX", "", "Russia")])
