"""``justchat-client`` beside a real daemon that is killed and cut, in Node and in Chromium at once."""

import json
import random
import subprocess
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.browser import CHROMIUM
from tests.support.chat import Person, a_person, a_room
from tests.support.daemon import Daemon
from tests.support.javascript import LIBRARY, NODE, ChromiumPage, NodePage, built
from tests.support.mongo import drop, fresh_uri
from tests.support.relay import Relay
from tests.support.waiting import at_once, eventually

REPLAYED = 30
OPEN = """
Math.random = () => 0.1; // short pauses: this is no crowd. After a dozen failures Chromium makes its own, long ones
globalThis.chat = new lib.JustChat({url: %s, storage, timeout: 5000, checkAfter: 500});
globalThis.told = []; globalThis.states = []; globalThis.over = [];
chat.on('event', ({data}) => told.push([data.room, data.seq, data.n, data._id]));
chat.on('state', (state) => states.push(state));
chat.on('signed-out', (why) => over.push(why));
"""
SHOWN = "return talk.messages.map(({seq, text, type}) => [seq, type ?? text])"


class Parts(TestCase):
    async def test_parts(self) -> None:
        """The library's own tests, which need no daemon, pass."""
        await built()
        assert NODE is not None
        tests = sorted(map(str, (LIBRARY / "tests").glob("*.test.js")))
        done: subprocess.CompletedProcess[str] = await deferToThread(
            subprocess.run, [NODE, "--test", *tests], capture_output=True, text=True
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


class Library(TestCase):
    """A user in each of Node and Chromium, in one room with Anna, who speaks to the daemon directly."""

    timeout = 600

    async def setUp(self) -> None:
        await built()
        uri = fresh_uri()
        self.addCleanup(drop, uri)
        self.daemon = await Daemon("--mongo", uri, settings=f"[websocket]\nreplay_events = {REPLAYED}\n").start()
        self.addCleanup(self.daemon.remove)
        self.relay = Relay(self.daemon.http, random.Random(1))
        self.addCleanup(self.relay.end)
        self.anna = await a_person(self.daemon)
        self.pages: list[NodePage | ChromiumPage] = [NodePage()]
        if CHROMIUM is not None:
            self.pages.append(ChromiumPage())
        self.users: list[Person] = [await a_person(self.daemon) for _ in self.pages]
        self.room = await a_room(self.anna, self.anna, *self.users)
        for page in self.pages:
            await page.open()
            self.addCleanup(page.close)

    async def everywhere(self, code: str) -> list[Any]:
        return [await page.run(code) for page in self.pages]

    async def open(self) -> None:
        for page, user in zip(self.pages, self.users, strict=True):
            session = {"session_key": user.session_key, "user": user.id}
            await page.run(OPEN % json.dumps(f"http://127.0.0.1:{self.relay.port}"))
            await page.run(f"await chat.resume({json.dumps(session)}); chat.connect()")
            await page.run(f"globalThis.talk = chat.room({json.dumps(self.room)})")

    async def say(self, *texts: str) -> None:
        for text in texts:
            self.assertEqual(200, (await self.anna.say(self.room, text)).status)

    async def send(self, *texts: str) -> None:
        """From each page, without waiting for what becomes of it: ``node text``, ``page text``."""
        for page in self.pages:
            said = json.dumps([f"{type(page).__name__} {text}" for text in texts])
            await page.run(f"for (const text of {said}) void chat.send({{room: {json.dumps(self.room)}, text}})")

    async def history(self) -> list[Any]:
        """The room's messages, as Anna reads them."""
        answer = await self.anna.call("/room/chat", room=self.room, skip=0, limit=500)
        self.assertEqual(200, answer.status)
        return [[each["seq"], each["type"] or each["text"]] for each in answer.data["chat"]]

    async def settled(self) -> list[Any]:
        """Wait until nothing is unsent and every page shows the room's history to its end; returns the history."""

        async def same() -> bool:
            if any(await self.everywhere("return chat.state !== 'online' || chat.unsent.length > 0")):
                return False
            history = await self.history()
            return all(shown and shown == history[-len(shown) :] for shown in await self.everywhere(SHOWN))

        async def found() -> str:
            state = "return [chat.state, chat.unsent, states.slice(-5), talk.messages.slice(-5)]"
            return f"{await self.everywhere(state)} {(await self.history())[-5:]}"

        try:
            await eventually(same, "the pages to show the history")
        except AssertionError as error:
            raise AssertionError(await found()) from error
        return await self.history()

    async def assert_told_once(self) -> None:
        """Every event was told once, those of the room in the order of ``seq``, those of the user in that of ``n``."""
        for told in await self.everywhere("return told"):
            seqs = [seq for room, seq, n, _ in told if n is None and room == self.room]
            numbers = [n for _, _, n, _ in told if n is not None]
            self.assertEqual(sorted(set(seqs)), seqs)
            self.assertEqual(sorted(set(numbers)), numbers)

    async def restart(self) -> None:
        await self.daemon.start()
        self.relay.target = self.daemon.http

    async def test_library(self) -> None:
        """All of it, one after the other, since a browser takes seconds to start."""
        await at_once(self.anna.say(self.room, f"before {n}") for n in range(130))
        await self.open()
        await self.settled()
        await self.dialogs()
        await self.removals()
        await self.other_rooms()
        await self.outages()
        await self.end_of_sessions()

    async def outages(self) -> None:
        """History and events have no gap and no double, and what is sent arrives once and in order."""
        await self.send("first")
        await self.settled()

        self.relay.sever()
        await self.say(*(f"cut {n}" for n in range(10)))
        await self.send("cut one", "cut two")
        self.relay.mend()
        await self.settled()

        await self.daemon.kill()
        await self.send("killed one", "killed two", "killed three")
        await self.restart()
        await self.say("after the kill")
        await self.settled()
        await self.assert_told_once()

        # More is missed than is replayed.
        self.relay.sever()
        await self.say(*(f"missed {n}" for n in range(REPLAYED + 5)))
        await self.send("unrecovered")
        self.relay.mend()
        await self.settled()

        self.relay.cut = 0.1
        for n in range(5):
            await self.send(f"cut while it is sent {n}")
            await self.say(f"meanwhile {n}")
        await eventually(lambda: self.relay.met["cut"] > 2, "connections to be cut")
        self.relay.mend()
        await self.settled()

        # What comes is swallowed: the sockets look open.
        self.relay.swallow = 1.0
        await self.say("swallowed")
        await eventually(lambda: self.relay.met["swallowed"] >= len(self.pages), "something to be swallowed")
        self.relay.mend()
        await self.settled()
        await self.assert_told_once()

        self.relay.sever()
        await self.send("written before the reload", "and this, too")
        kept = "JSON.parse(await storage.getItem(`justchat.unsent.${chat.session.user}`))"
        await self.everywhere_is(f"{kept}.some(({{text}}) => text.endsWith('and this, too'))")
        for page in self.pages:
            await page.reload()
        await self.say("during the reload")
        await self.open()
        self.relay.mend()
        history = await self.settled()

        await self.everywhere("while (!talk.isComplete) await talk.older()")
        for shown in await self.everywhere(SHOWN):
            self.assertEqual(history, shown)
        for page in self.pages:
            name = type(page).__name__
            sent = [text for _, text in history if (text or "").startswith(name)]
            expected = [
                *("first", "cut one", "cut two", "killed one", "killed two", "killed three", "unrecovered"),
                *(f"cut while it is sent {n}" for n in range(5)),
                *("written before the reload", "and this, too"),
            ]
            self.assertEqual([f"{name} {text}" for text in expected], sent)

    async def dialogs(self) -> None:
        """Both sides' messages and the receipts are in the dialog."""
        anna = json.dumps(self.anna.id)
        await self.everywhere(f"globalThis.dialog = chat.dialog({anna}); await chat.send({{user: {anna}, text: 'hi'}})")
        for user in self.users:
            written = await self.anna.call("/user/sendMessage", message={"user": user.id, "text": "hello"})
            self.assertEqual(200, written.status)

        async def shown(expected: list[Any]) -> bool:
            code = "return dialog.messages.map(({text, read}) => [text, read])"
            return all(shown == expected for shown in await self.everywhere(code))

        await eventually(lambda: shown([["hi", False], ["hello", False]]), "the dialogs")
        for user in self.users:
            dialog = (await self.anna.call("/user/dialog", user=user.id)).data["dialog"]
            await self.anna.call("/user/messages/mark-as-read", message=dialog[-1]["_id"])
        await eventually(lambda: shown([["hi", True], ["hello", False]]), "the receipts")

    async def removals(self) -> None:
        """A message that is removed while the clients are away has no text afterwards, and keeps its place."""
        await self.say("goes")
        history = await self.settled()
        chat = (await self.anna.call("/room/chat", room=self.room, skip=-1)).data["chat"]
        self.relay.sever()
        self.assertEqual(200, (await self.anna.call("/room/remove-message", message=chat[0]["_id"])).status)
        self.relay.mend()
        await self.everywhere_is("talk.messages.at(-1).text === null && talk.messages.at(-1).removed_at")
        self.assertEqual(
            [[*history[:-1], [history[-1][0], None]][-5:]] * len(self.pages),
            [shown[-5:] for shown in await self.everywhere(SHOWN)],
        )

    async def other_rooms(self) -> None:
        """The history of the room that is entered goes on, that of the one that is left does not."""
        room = await a_room(self.anna)
        await self.everywhere(f"globalThis.other = chat.room('{room}'); await chat.enter('{room}')")
        await self.everywhere_is(f"other.isLive && !talk.isLive && chat.position.room === '{room}'")
        await self.anna.enter(room)
        await self.anna.say(room, "here")
        await self.everywhere_is("other.messages.at(-1).text === 'here'")
        for user in self.users:
            await self.anna.call("/room/kick", room_id=room, user_id=user.id)
        await self.everywhere_is("!other.isLive && chat.position.room === null")
        await self.anna.enter(self.room)
        await self.say("meanwhile")
        await self.everywhere(f"await chat.enter('{self.room}')")
        await self.settled()
        await self.everywhere_is("talk.isLive && !other.isLive")

    async def end_of_sessions(self) -> None:
        """The client says that the session is over, and forgets it."""
        for user in self.users:
            self.assertEqual(200, (await user.call("/init/exit-all")).status)
        await self.everywhere_is("over.length && over[0].code === 4440 && chat.state === 'signed-out'")
        self.assertEqual([False] * len(self.pages), await self.everywhere("return chat.restore()"))

    async def everywhere_is(self, expression: str) -> None:
        """Wait until this is true on every page."""

        async def holds() -> bool:
            return all(await self.everywhere(f"return Boolean({expression})"))

        await eventually(holds, expression)
