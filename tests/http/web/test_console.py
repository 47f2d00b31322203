"""The operators' console in a real browser, used as an operator would."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from pymongo import MongoClient

from justchat.metrics.declarations import SECONDS
from justchat.model.load import LoadPoint
from justchat.store.load import LoadStore
from justchat.store.mongo.client import Database
from tests.support.chat import Person, a_room
from tests.support.screenshots import save
from tests.support.servers import AppServer, an_app_server
from tests.support.tabs import WebCase
from tests.support.waiting import eventually
from tests.support.webhooks import SECRET
from tests.support.words import word_list_settings

MARKUP = "<img src=x onerror=alert(1)><b>bold</b>"
HEBREW = "שלום עולם"
SECTIONS = {
    "complaints": "Жалобы",
    "people": "Люди",
    "rooms": "Комнаты",
    "gifts": "Подарки",
    "keys": "Ключи",
    "audit": "Журнал",
}


class ConsoleCase(WebCase):
    """Tests of the console, with three people in a room."""

    timeout = 600

    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris, self.eve = [await self.a_person(nickname=name) for name in ("Анна", MARKUP, HEBREW)]
        self.room = await a_room(self.anna, self.anna, self.boris, self.eve, name=f"Kitchen {MARKUP}")
        self.server = await an_app_server(self.daemon, "console")
        self.window = await self.tab(path="/console")

    async def complain(self, author: Person, **about: str) -> str:
        answer = await author.call("/complaints/new", **about)
        id: str = answer.json["complaint"]["_id"]
        return id

    async def say(self, author: Person, text: str) -> str:
        id: str = (await author.say(self.room, text)).data["message"]["_id"]
        return id

    async def sign_in(self, server: AppServer) -> None:
        await self.window.fill("Key", server.key)
        await self.window.click("Sign in", "button")
        await self.window.shows("h1", "Complaints")

    async def press(self, key: str) -> None:
        """Press the key of a letter."""
        for kind in ("keyDown", "keyUp"):
            await self.window.tell("Input.dispatchKeyEvent", type=kind, code=f"Key{key}", key=key.lower())

    async def says(self, words: str) -> None:
        await self.window.shows(".notice", words)

    async def deeds(self, since: str) -> list[str]:
        """What the audit log says after a line with this id, the earliest first."""
        lines = (await self.server.call("/server/audit/list", limit=50)).data["audit"]
        return [line["deed"] for line in takewhile(lambda line: line["_id"] != since, lines)][::-1]

    async def shown_room(self) -> dict[str, Any]:
        room: dict[str, Any] = (await self.server.call("/server/rooms/show", room=self.room)).data["room"]
        return room


class Console(ConsoleCase):
    async def setUp(self) -> None:
        await super().setUp()
        # The other tests of this daemon leave complaints behind.
        for each in (await self.server.call("/server/complaints/list", status="open")).data["complaints"]:
            await self.server.call("/server/complaints/close", complaint=each["_id"], note="of another test")

    async def test_morning(self) -> None:
        """An operator works off three complaints by keys and clicks, takes deeds back, and finds each in the log."""
        window = self.window
        await self.say(self.anna, "Who wants tea?")
        spam = await self.say(self.boris, f"Cheap coins! {MARKUP}")
        await self.say(self.eve, HEBREW)
        await self.complain(self.eve, room=self.room, reason="other", text="too loud")
        await self.complain(self.anna, user=self.boris.id, reason="abuse", text=f"He is rude {MARKUP}")
        first = await self.complain(self.anna, message=spam, reason="spam", text="He sells coins")
        before = (await self.server.call("/server/audit/list", limit=1)).data["audit"][0]["_id"]
        await self.sign_in(self.server)

        # The latest is shown at once, with what was said around the message.
        await window.shows("h2", "Spam")
        await window.shows(".accused", f"Cheap coins! {MARKUP}")
        await window.shows(".context", "Who wants tea?")
        await window.shows(".context", HEBREW)
        await save(window, "console-complaint")
        await self.press("D")
        await window.shows("dialog", "cannot be taken back")
        await save(window, "console-question")
        await window.click("Drop message", "dialog button")
        await self.says("The message is removed.")
        await window.shows(".accused", "This message was removed.")
        await self.press("S")
        await self.says("is silenced in the room")
        await window.shows(".mark", "silenced in the room")
        await self.press("Z")
        await self.says("may speak in the room again")
        await self.press("B")
        await self.says("is banned from the room")
        self.assertEqual([self.boris.id], (await self.shown_room())["banned"])
        await save(window, "console-notices")
        await self.press("C")
        await self.says("The complaint is closed.")

        await window.shows("h2", "Abuse")
        await window.shows("blockquote", f"He is rude {MARKUP}")
        await window.fill("For", "week")
        await window.click("Suspend", "button")
        await self.says("is suspended until")
        self.assertNotEqual(200, (await self.boris.call("/init/getUser")).status)
        await window.shows(".mark", "suspended")
        await window.click("Undo", ".notice:last-child button")
        await self.says("is not suspended any more")
        await window.fill("Note", f"Talked to him {MARKUP}")
        await window.click("Close", "button.main")

        await window.shows("h2", "Other")
        await self.press("Z")
        await self.says("The complaint is open again.")
        await window.shows("h2", "Abuse")
        await self.press("C")
        await window.shows("h2", "Other")
        await self.press("C")
        await window.shows(".done", "no complaint is open")
        await save(window, "console-done")

        await window.click("Closed", "button")
        await window.shows(".cases", MARKUP)
        closed = (await self.server.call("/server/complaints/list", status="closed", limit=3)).data["complaints"]
        note = next(each["note"] for each in closed if each["_id"] == first)
        self.assertRegex(note, r"^The message is removed\. .* is banned from the room\.$")
        self.assertNotIn("silenced", note)
        await window.run("location.hash = '#/audit'")
        await window.shows("li", "Talked to him")
        await save(window, "console-audit")
        self.assertEqual(0, await window.run("return document.querySelectorAll('main img, main b').length"))
        self.assertEqual([], await window.faults())
        self.assertEqual(
            [
                *("remove message", "silence", "unsilence", "ban", "close complaint"),
                *("suspend", "unsuspend", "close complaint", "reopen complaint", "close complaint", "close complaint"),
            ],
            await self.deeds(before),
        )

    async def test_sign_in(self) -> None:
        """A wrong key, one without the scope and one that is revoked meanwhile are refused in words. The key ends with
        "Sign out", and is never in localStorage.
        """
        window = self.window
        for key, words in (
            ("jc_wrong", "This key is wrong"),
            ((await an_app_server(self.daemon, "users")).key, "it has no scope console"),
        ):
            await window.fill("Key", key)
            await window.click("Sign in", "button")
            await self.says(words)
        self.assertEqual(0, await window.run("return sessionStorage.length"))

        await self.sign_in(self.server)
        kept = "return [Object.values(sessionStorage), JSON.stringify(localStorage)]"
        (in_tab, beyond) = await window.run(kept)
        self.assertEqual([self.server.key], in_tab)
        self.assertNotIn("jc_", beyond)
        await window.reload()
        await window.shows("h1", "Complaints")
        await window.shows("h1", "Complaints")
        await window.click("Sign out", "button")
        await window.shows("h1", "Sign in")
        self.assertEqual([], (await window.run(kept))[0])

        made = await self.server.call("/server/keys/add", name=f"short {self.room}", scopes=["console"])
        await self.sign_in(AppServer(self.daemon, made.data["secret"]))
        await self.server.call("/server/keys/revoke", key=made.data["key"]["_id"])
        await window.run("location.hash = '#/rooms'")
        await self.says("This key is wrong, revoked")
        await window.shows("h1", "Sign in")

    async def test_deeds(self) -> None:
        """Keys are made and shown once, and revoked; gifts are added, changed and withdrawn; people are deleted, rooms
        removed, after a question.
        """
        window = self.window
        await self.sign_in(await an_app_server(self.daemon, "console", "users"))

        await window.run("location.hash = '#/keys'")
        await window.fill("Name of the key", f"shop {MARKUP}")
        await window.click("console", "label")
        await window.click("Add", "button.main")
        await window.shows(".secret", "jc_")
        secret = await window.run("return document.querySelector('.secret code').textContent")
        self.assertEqual(200, (await AppServer(self.daemon, secret).call("/server/whoami")).status)
        await window.click("Dismiss", ".secret button")
        await window.run("find('li', 'shop').querySelector('button').click()")
        await window.shows("dialog", "gets no answer from now on")
        await window.click("Revoke", "dialog button")
        await self.says("is revoked")
        self.assertEqual(401, (await AppServer(self.daemon, secret).call("/server/whoami")).status)

        await window.run("location.hash = '#/gifts'")
        await window.shows("h1", "Gifts")  # until then "Name" is found in "Name of the key"
        await window.fill("Name", MARKUP)
        await window.fill("Price in coins", "7")
        await window.fill("Picture", "/gifts/rose.png")
        await window.click("Add", "button.main")
        await window.shows("li", f"{MARKUP} 7 coins")
        await window.run("find('li', '7 coins').querySelector('button').click()")
        await window.shows("h2", "Change")
        await window.fill("Price in coins", "8")
        await window.click("Change", "button.main")
        await window.shows("li", f"{MARKUP} 8 coins")
        await window.run("[...find('li', '8 coins').querySelectorAll('button')].at(-1).click()")
        await window.click("Withdraw", "dialog button")
        await self.says("is not for sale any more")

        await window.run("location.hash = '#/people'")
        await window.fill("Name, phone", f"+{self.eve.phone}")
        await window.click(HEBREW, "main li a")
        await window.shows("dd", f"+{self.eve.phone}")
        await window.click("Delete the account", "button")
        await window.fill("Reason", f"asked for it {MARKUP}")
        await window.click("Delete the account", "dialog button")
        await self.says("is being deleted")
        self.assertEqual(404, (await self.server.call("/server/users/get", user=self.eve.id)).status)

        await window.run("location.hash = '#/rooms'")
        await window.fill("Name of a room", "kitchen <img")
        await window.run(f"location.hash = '#/rooms/{self.room}'")
        await window.shows("h1", f"Kitchen {MARKUP}")
        await window.click("Put out", "button")
        await self.says("is put out of the room")
        await window.click("Remove the room", "button")
        await window.click("Cancel", "dialog button")
        self.assertEqual(200, (await self.server.call("/server/rooms/show", room=self.room)).status)
        await window.click("Remove the room", "button")
        await window.click("Remove the room", "dialog button")
        await self.says("is removed")
        self.assertEqual(404, (await self.server.call("/server/rooms/show", room=self.room)).status)
        self.assertEqual(0, await window.run("return document.querySelectorAll('main img[src=x], main b').length"))

    async def test_looks(self) -> None:
        """No section has a fault of accessibility, or is wider than 320 pixels, light and dark, in both languages."""
        window = self.window
        spam = await self.say(self.boris, f"Cheap coins! {'very ' * 40}{'x' * 200} {MARKUP}")
        await self.say(self.eve, HEBREW)
        await self.complain(self.anna, message=spam, reason="spam", text="He sells coins")
        written = await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": "psst"})
        sent = written.data["message"][0]["_id"]
        await self.complain(self.eve, room=self.room, reason="child-safety", text=HEBREW)
        await self.complain(self.anna, message=sent, reason="other", text="x" * 300)
        await self.look(window, "console-sign-in")
        await self.sign_in(self.server)
        await window.shows(".accused, .complaint h2", "")
        await self.look(window, "console")

        await window.fill("Language", "ru")
        places = {f"people/{self.boris.id}": MARKUP, f"rooms/{self.room}": "Kitchen", **SECTIONS}
        for place, heading in places.items():
            await window.run(f"location.hash = '#/{place}'")
            await window.shows("h1", heading)
            await window.until("!document.querySelector('.loading')")
            await self.look(window, f"console-{place.partition('/')[0]}{'-one' if '/' in place else ''}")


class ConsoleOfOwnDaemon(ConsoleCase):
    """With a daemon of these tests alone, a list of words, and a webhook whose server does not answer."""

    async def setUp(self) -> None:
        hook = f'[[webhooks]]\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\nevents = ["user.new"]\n'
        self.settings = f"{WebCase.settings}{word_list_settings('hold')}{hook}allow_private = true\n"
        await super().setUp()

    async def test_held(self) -> None:
        """Messages that wait are shown to everybody or dropped. Webhooks tell what waits, and why."""
        window = self.window
        for text in ("badword one", f"badword two {MARKUP}"):
            await self.say(self.boris, text)
        await self.boris.call("/user/sendMessage", message={"user": self.anna.id, "text": "badword three"})
        await self.sign_in(self.server)

        await window.run("location.hash = '#/held'")
        await window.shows("li", "badword three")
        await self.look(window, "console-held-words")
        await window.run("find('li', 'badword one').querySelector('button').click()")
        await self.says("The message is shown.")
        await window.run("find('li', 'badword two').querySelectorAll('button')[1].click()")
        await window.click("Drop message", "dialog button")
        await self.says("The message is dropped.")
        await window.until("document.querySelectorAll('main li').length === 1")

        async def is_shown() -> bool:
            shown = await self.server.call("/server/rooms/show", room=self.room)
            return [each["text"] for each in shown.data["messages"] if not each["type"]] == ["badword one"]

        await eventually(is_shown, "the decisions to be carried out")

        async def has_failed() -> bool:
            (webhook,) = (await self.server.call("/server/webhooks/list")).data["webhooks"]
            return webhook["error"] is not None

        await eventually(has_failed, "a webhook that nobody takes")
        await window.run("location.hash = '#/webhooks'")
        await window.shows("h2", "127.0.0.1:9")
        await window.shows("dt", "Last error")
        await self.look(window, "console-webhooks")

    async def test_replay(self) -> None:
        """What was given up is sent again by a click, which the audit log tells."""
        window = self.window
        client = MongoClient[dict[str, Any]](self.daemon.options[self.daemon.options.index("--mongo") + 1])
        self.addCleanup(client.close)
        deliveries = client.get_default_database().deliveries
        await eventually(lambda: deliveries.find_one({"live": True}), "a delivery")
        given_up = {"$set": {"dead_at": datetime.now(UTC)}, "$unset": {"live": 1}}
        number = deliveries.update_many({"live": True}, given_up).modified_count
        before = (await self.server.call("/server/audit/list", limit=1)).data["audit"]
        await self.sign_in(self.server)

        await window.run("location.hash = '#/webhooks'")
        await window.shows("div", f"Given up{number}")
        await window.click("Send again", "main button:enabled")

        await self.says("What was given up is sent again.")
        await window.until("find('main button', 'Send again').disabled")
        self.assertIsNone(deliveries.find_one({"dead_at": {"$exists": True}}))
        self.assertEqual(["replay webhooks"], await self.deeds(before[0]["_id"] if before else ""))

    async def store_load(self) -> None:
        """Store what the daemons did in the last two hours, with a pause of ten minutes in the middle of the last."""
        database = Database(self.daemon.options[self.daemon.options.index("--mongo") + 1])
        database.open()
        self.addCleanup(database.close)
        now = datetime.now(UTC)
        points = [
            LoadPoint(
                at=now - timedelta(minutes=ago),
                sockets=900 - 5 * ago,
                entries=9_800 if ago == 50 else 2000 + 1000 * (ago % 7),
                errors=int(ago == 45),
                batches=tuple(50 if n == 4 + ago % 3 else int(n == 9) for n in range(len(SECONDS) + 1)),
            )
            for ago in range(120)
            if not 25 < ago <= 35
        ]
        await LoadStore(database).add(points)

    async def test_overview(self) -> None:
        """The load of the last hour and day is drawn, said in words, and written in tables."""
        window = self.window
        await self.store_load()
        await self.sign_in(self.server)

        await window.run("location.hash = '#/overview'")
        await window.shows("dt", "People online")
        await window.shows("figure", "Sockets")
        await window.until("document.querySelectorAll('.chart .line path').length")
        plots = (
            "return [...document.querySelectorAll('.chart .plot svg')].map((plot) => plot.getAttribute('aria-label'))"
        )
        sockets, messages, latency, errors = await window.run(plots)
        self.assertRegex(sockets, r"^Sockets: \d+ at last, \d+ at most\.$")
        self.assertIn("9,800 a minute at most", messages)
        self.assertRegex(latency, r"half within: [\d.]+ ms at last.* 99 of 100 within: [\d.]+ ms at last")
        self.assertRegex(errors, r"[1-9]\d* at most")
        strokes = "return document.querySelector('.chart').querySelectorAll('.line').length"
        self.assertEqual(2, await window.run(strokes))  # before the pause and after it
        await window.click("As a table", "summary")
        self.assertGreater(
            await window.run("return document.querySelectorAll('.chart[aria-labelledby] tbody tr').length"), 40
        )
        await self.look(window, "console-overview")
        await window.click("Last day", "button")
        await window.until("document.querySelectorAll('.chart tbody tr').length < 60")
        self.assertEqual([], await window.faults())
        await save(window, "console-overview-day")
