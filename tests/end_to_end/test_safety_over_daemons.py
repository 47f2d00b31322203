"""Slow mode, edits of rooms, suspension and complaints over two daemons and a bus (contract, sections 6 and 9)."""

from time import monotonic

from tests.support.admin import run
from tests.support.chat import a_room
from tests.support.client import call
from tests.support.two_daemons import SOON, JoinedDaemonsCase, type_of
from tests.support.waiting import assert_within, at_once


class Safety(JoinedDaemonsCase):
    async def test_slow_mode(self) -> None:
        """Of messages that one user sends through both at once one is sent; an edit is felt at the other at once."""
        admin, anna = await self.people(2)
        room = await a_room(admin, anna)
        listener = await self.listener_there(anna)
        (event,) = await self.soon(admin.call("/room/edit", room={"id": room, "slow_mode": 600}), listener)

        answers = await at_once([who.say(room, "x") for who in (anna, self.there(anna)) * 4])

        self.assertEqual(("service-message", "edit room"), type_of(event))
        self.assertEqual([200] + [429] * 7, sorted(answer.status for answer in answers))
        await self.there(admin).call("/room/edit", room={"id": room, "slow_mode": 0, "name": "fast"})
        self.assertEqual(200, (await anna.say(room, "y")).status)
        self.assertEqual("fast", (await anna.call("/room/get", room_id=room)).data["rooms"][0]["name"])

    async def test_simultaneous_edits(self) -> None:
        """Edits of different settings at both at once are both made."""
        (admin,) = await self.people(1)
        room = await a_room(admin)

        for n in range(1, 5):
            edits = {"id": room, "max_users": n}, {"id": room, "name": f"room {n}"}
            await at_once(
                [who.call("/room/edit", room=e) for who, e in zip((admin, self.there(admin)), edits, strict=True)]
            )
            shown = (await admin.call("/room/get", room_id=room)).data["rooms"][0]
            self.assertEqual((n, f"room {n}"), (shown["max_users"], shown["name"]))

    async def test_suspension(self) -> None:
        """An operator's command closes the sockets at both within a second, and both refuse the right key."""
        (anna,) = await self.people(1)
        sockets = [await self.a_listener(anna), await self.listener_there(anna)]
        config = str(self.daemon.folder / "exempt.toml")

        done = await run("--config", config, *self.daemon.options[:2], "users", "suspend", anna.id, "--reason", "spam")
        began = monotonic()

        self.assertEqual(0, done.code, done)
        self.assertEqual([4403, 4403], [await socket.closed() for socket in sockets])
        assert_within(SOON, monotonic() - began)
        for daemon in (self.daemon, self.other):
            answer = await call(daemon.http, "/init/auth", {"phone": anna.phone, "key": anna.key})
            self.assertEqual((403, "suspended", None), (answer.status, answer.code, answer.json["until"]))

    async def test_complaints(self) -> None:
        """Of complaints about the same thing through both at once there is one."""
        anna, boris = await self.people(2)

        answers = await self.at_both(anna, "/complaints/new", times=4, user=boris.id, text="x")

        self.assertEqual(1, len({answer.json["complaint"]["_id"] for answer in answers}))
