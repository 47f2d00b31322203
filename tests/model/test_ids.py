"""Ids, and sets of them."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.model.ids import (
    OF_SERVER,
    Id,
    as_id,
    derived_id,
    direct_message_id,
    is_well_formed,
    joined,
    new_id,
    parted,
    room_message_id,
    stream_message_id,
    user_client_id,
)

A, B, C = Id("a" * 24), Id("b" * 24), Id("c" * 24)


class Ids(SynchronousTestCase):
    def test_new(self) -> None:
        """New ids are well formed and differ."""
        ids = {new_id() for _ in range(1000)}

        self.assertEqual(1000, len(ids))
        self.assertTrue(all(map(is_well_formed, ids)))

    def test_well_formed(self) -> None:
        """An id is 24 hex digits and nothing else."""
        for text in ("", "a" * 23, "a" * 25, "g" * 24, "a" * 24 + "\n", " " + "a" * 23, "٠" * 24, "\0" * 24):
            self.assertFalse(is_well_formed(as_id(text)), text)

    def test_upper_case(self) -> None:
        """Upper-case digits are the same id."""
        self.assertEqual(A, as_id("A" * 24))


class ResentIds(SynchronousTestCase):
    def test_same(self) -> None:
        """The same author, client_id and turn have the same id, a well-formed one."""
        for make_id in (room_message_id, direct_message_id):
            self.assertEqual(make_id(A, "x", 0), make_id(A, "x", 0))
            self.assertTrue(is_well_formed(make_id(A, "x", 0)))

    def test_different(self) -> None:
        """Another author, client_id or turn has another id, however the parts are cut."""
        parts = [
            (A, "x", 0),
            (B, "x", 0),
            (A, "y", 0),
            (A, "x", 1),
            (A, "1:x", 0),
            (A, "x", 10),
            (A, "0:x", 1),
            (A, "", 0),
            (A, "direct:", 0),
            (A, "direct:x", 0),
            (A, "direct:direct:x", 0),
            (A, f"direct:{A}:0:x", 0),
        ]

        ids = {make_id(*part) for part in parts for make_id in (room_message_id, direct_message_id)}
        self.assertEqual(2 * len(parts), len(ids))

    def test_of_a_server(self) -> None:
        """No client_id of a user is one of an app's server; the others stay as they are."""
        written = ["x", "server:", "server:x", "server:server:x", "k", "server"]

        of_users = [user_client_id(each) for each in written]

        self.assertEqual(len(written), len(set(of_users)))
        self.assertEqual([], [each for each in of_users if each.startswith(OF_SERVER)])
        self.assertEqual(["x", "k", "server"], [each for each in written if user_client_id(each) == each])

    def test_of_a_stream(self) -> None:
        """On a sharded database another stream has another id, and no id is one of the other forms."""
        parts = [(A, B, "x", 0), (B, A, "x", 0), (C, B, "x", 0), (A, B, "y", 0), (A, B, "x", 1), (A, B, f"{B}:0:x", 0)]
        others = {make_id(B, "x", 0) for make_id in (room_message_id, direct_message_id)}
        others.add(room_message_id(B, f"direct:{A}", 0))

        ids = {stream_message_id(*part) for part in parts}

        self.assertEqual(len(parts), len(ids))
        self.assertEqual(set(), ids & others)

    def test_of_an_earlier_release(self) -> None:
        """What was sent to an earlier release is found: ids are made as they were."""
        self.assertEqual(derived_id(A, "0", "x"), room_message_id(A, "x", 0))
        self.assertEqual(derived_id(A, "0", "direct:x"), direct_message_id(A, "x", 0))


class Membership(SynchronousTestCase):
    def test_joined(self) -> None:
        """A new member comes last; an existing member keeps its place."""
        members = joined(joined({}, B), A)

        self.assertEqual([B, A, C], list(joined(members, C)))
        self.assertEqual([B, A], list(joined(members, B)))

    def test_parted(self) -> None:
        """A removed member is gone and the others keep their order; removing a non-member changes nothing."""
        members = {B: None, A: None, C: None}

        self.assertEqual([B, C], list(parted(members, A)))
        self.assertEqual([B, A], list(parted({B: None, A: None}, C)))

    def test_unchanged(self) -> None:
        """The original set is not changed."""
        members = {A: None}

        joined(members, B)
        parted(members, A)

        self.assertEqual({A: None}, members)
