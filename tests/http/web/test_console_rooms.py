"""A room with many people in the console."""

from tests.support.chat import a_person, a_room
from tests.support.servers import an_app_server
from tests.support.tabs import WebCase
from tests.support.waiting import at_once

MANY = 130
"""More than one call names."""


class ManyPeople(WebCase):
    async def test_names(self) -> None:
        """Everybody who is banned has a name, however many they are."""
        anna = await a_person(self.daemon, nickname="Anna")
        room = await a_room(anna, name="Kitchen")
        server = await an_app_server(self.daemon, "console", "users", "rooms")
        users = [{"external_id": f"{room}-{n}", "nickname": f"Guest {n}"} for n in range(MANY)]
        added = await at_once(server.call("/server/users/upsert", **user) for user in users)
        ids = [answer.data["user"]["_id"] for answer in added]
        for answer in await at_once(server.call("/server/rooms/ban", room_id=room, user=id) for id in ids):
            self.assertEqual(200, answer.status)
        tab = await self.tab(path="/console")
        await tab.fill("Key", server.key)
        await tab.click("Sign in", "button")
        await tab.shows("h1", "Complaints")

        await tab.run(f"location.hash = '#/rooms/{room}'")

        await tab.shows("h1", "Kitchen")
        named = "[...document.querySelectorAll('main .list li')].filter((li) => /Guest/.test(li.textContent)).length"
        await tab.until(f"{named} === {MANY}")
