"""Dialogs are written after their messages. A daemon that is killed in between leaves none of them wrong."""

from tests.support.chat import Person
from tests.support.crashes import Call, CrashCase


class Dialogs(CrashCase):
    async def assert_dialogs(self, people: list[Person]) -> None:
        """All dialogs agree with their messages."""
        for person in people:
            shown = (await person.call("/user/dialogs")).data["dialogs"]
            listed = {dialog["user"]: dialog["last_message"] for dialog in shown}
            for other in people:
                dialog = (await person.call("/user/dialog", user=other.id)).data["dialog"]
                self.assertEqual(dialog[0] if dialog else None, listed.get(other.id))

    async def test_killed(self) -> None:
        """Every dialog has its last message, whenever the daemon is killed."""
        people = await self.people(6)

        def write(person: Person, number: int) -> Call:
            to = people[(people.index(person) + number % 5 + 1) % 6]
            return "/user/sendMessage", {"message": {"user": to.id, "text": f"{person.phone} {number}"}}

        for _ in range(3):
            crowd = self.a_crowd(people, write)
            await crowd.reach(50)
            await self.daemon.kill()
            await crowd.end()
            await self.daemon.start()

            await self.assert_dialogs(people)

    async def test_just_said(self) -> None:
        """Killed with the answer to a first message: both dialogs exist. Removed messages stay removed."""
        anna, boris = await self.people(2)
        for text in ("one", "two"):
            said = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": text})).data["message"][0]
        await boris.call("/user/messages/remove", message=said["_id"])
        eve = await self.a_person()
        await eve.call("/user/sendMessage", message={"user": anna.id, "text": "hello"})
        await anna.call("/user/remove-dialog", user=eve.id)
        await eve.call("/user/sendMessage", message={"user": boris.id, "text": "hello"})

        await self.daemon.kill()
        await self.daemon.start()

        await self.assert_dialogs([anna, boris, eve])
        dialogs = (await boris.call("/user/dialogs")).data["dialogs"]
        self.assertEqual(["hello", "one"], [dialog["last_message"]["text"] for dialog in dialogs])
        dialogs = (await anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual(["two"], [dialog["last_message"]["text"] for dialog in dialogs])
