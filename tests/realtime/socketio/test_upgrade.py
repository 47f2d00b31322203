"""Upgrading from polling to a WebSocket by hand, and how it may fail."""

import json

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from justchat.realtime.socketio.polling import UPGRADE_PAUSE
from tests.support.chat import a_room
from tests.support.socketio.by_hand import QUICK_INIT, Packets, PlainCase
from tests.support.waiting import eventually


def said_in(packets: list[str]) -> list[str]:
    """The texts of the messages among these packets."""
    return [json.loads(packet[2:])[1]["text"] for packet in packets if packet.startswith('42["message"')]


class UpgradeCase(PlainCase):
    async def probed(self, query: str) -> Packets:
        """A WebSocket on trial that has been probed."""
        socket = await self.a_trial(query)
        socket.send("2probe")
        await socket.receive("3probe")
        return socket

    async def assert_goes_on(self, query: str) -> None:
        """The session is still carried by polling."""
        await self.ask(query, "POST", b"40/other,")
        await self.until(query, "44/other")


class Upgrade(UpgradeCase):
    async def test_burst(self) -> None:
        """Events before, during and after the upgrade come once each, in order."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')

        await anna.say(room, "before")
        polled = await self.until(query, '42["message"')
        socket = await self.a_trial(query)
        poll: Deferred[list[str]] = Deferred.fromCoroutine(self.until(query, ""))
        socket.send("2probe")
        await socket.receive("3probe")
        polled += await poll
        await anna.say(room, "on trial")
        await anna.say(room, "still on trial")
        self.assertEqual([], said_in(socket.received))
        socket.send("5")
        for text in ("right after", "long after"):
            await anna.say(room, text)

        await eventually(lambda: "long after" in said_in(socket.received), "the last message")
        texts = said_in(polled) + said_in(socket.received)
        self.assertEqual(["before", "on trial", "still on trial", "right after", "long after"], texts)
        self.assertIn("6", polled)

    async def test_wrong_session(self) -> None:
        """A WebSocket for an unknown session is refused with 400."""
        with self.assertRaises(ConnectionError) as refused:
            await self.a_trial("EIO=4&transport=polling&sid=nobody")

        self.assertIn("400", str(refused.exception))

    async def test_second_probe(self) -> None:
        """A second WebSocket for a session that has one on trial is closed; the first may go on."""
        anna = await self.a_person()
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')
        first = await self.probed(query)

        await (await self.a_trial(query)).closed()

        first.send("5", "40/other,")
        await first.receive("44/other")

    async def test_second_upgrade(self) -> None:
        """A WebSocket for an upgraded session is closed, and a poll of it is refused."""
        anna = await self.a_person()
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')
        first = await self.probed(query)
        first.send("5", "40/other,")
        await first.receive("44/other")

        await (await self.a_trial(query)).closed()

        self.assertEqual(400, (await self.ask(query)).code)
        first.send("40/other,")
        await first.receive("44/other")

    async def test_polls_on_trial(self) -> None:
        """While a WebSocket is on trial, polls without news are answered soon, but not at once: it may pass nothing."""
        query = await self.a_session()
        await self.until(query, "40")
        await self.probed(query)

        body, took = b"", 0.0
        while body != b"6":
            began = reactor.seconds()
            body = (await self.ask(query)).body
            took = reactor.seconds() - began

        self.assertGreater(took, UPGRADE_PAUSE / 2)

    async def test_no_probe(self) -> None:
        """A WebSocket on trial that says anything but its probe is closed; the session goes on by polling."""
        anna = await self.a_person()
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')

        for packet in ("2", "2prob", "40", "x", "", "3probe"):
            socket = await self.a_trial(query)
            socket.send(packet)
            await socket.closed()

            await self.assert_goes_on(query)


class NeverFinished(UpgradeCase):
    settings = QUICK_INIT

    async def test_never_finished(self) -> None:
        """An upgrade that is not finished in time is abandoned; the session goes on by polling, and may try again."""
        anna = await self.a_person()
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')
        socket = await self.probed(query)

        while not socket.gone.called:
            await self.assert_goes_on(query)

        again = await self.probed(query)
        again.send("5", "40/other,")
        await again.receive("44/other")
