"""Storms: all clients reconnect at once."""

import os

from twisted.internet.threads import deferToThread

from tests.support.chat import a_room
from tests.support.crowd import run_apart
from tests.support.wire import OwnDaemonCase

MANY = int(os.environ.get("JUSTCHAT_STORM", "500"))
"""``make storm`` has 5,000."""
PEOPLE = 20
SECONDS = 10 * MANY / 5000
"""In which they come: five hundred a second."""
PATIENCE = float(os.environ.get("JUSTCHAT_PATIENCE", "60"))


class Storms(OwnDaemonCase):
    async def test_coming_back(self) -> None:
        """Thousands that reconnect within seconds get what they missed, soon and without an error."""
        await self.start("[limits]\nenabled = false")
        people = [await self.a_person() for _ in range(PEOPLE)]
        room = await a_room(people[0], *people)
        stands = [(await (await self.a_socket()).bind(person.session_key)) for person in people]
        for number in range(5):
            await people[0].say(room, f"{number}")
        had = [
            {"session_key": person.session_key, **{name: stand[name] for name in ("n", "room", "seq")}}
            for person, stand in zip(people, stands, strict=True)
        ]
        inits = [had[number % PEOPLE] for number in range(MANY)]

        waits = await deferToThread(
            run_apart, port=self.daemon.websocket, inits=inits, seconds=SECONDS, patience=PATIENCE
        )

        waits.sort()
        print(f"{MANY} came back in {SECONDS:g} s; waited: median {waits[MANY // 2]:.2f} s, longest {waits[-1]:.2f} s")
        self.assertEqual(MANY, len(waits))
