"""The overview of the console, of two daemons: either tells of both, and a restart forgets nothing."""

from typing import Any

from pymongo import MongoClient

from justchat import __version__
from justchat.model.moment import from_iso, now
from tests.support.chat import ChatTestCase, a_person, a_room
from tests.support.servers import AppServer, a_key
from tests.support.two_daemons import Pair
from tests.support.waiting import eventually

QUIET = 8
"""Minutes of which only the daemons say something."""
POINT = {"at", "sockets", "entries", "errors", "p50", "p99"}


class TheOverview(ChatTestCase):
    async def setUp(self) -> None:
        self._listeners = []
        self.pair = await Pair().start()
        self.daemon, self.other = self.pair.daemons
        self._logged = 0
        key = await a_key(self.daemon, "console", "--scope", "console")
        self.consoles = [AppServer(daemon, key) for daemon in self.pair.daemons]

    async def tearDown(self) -> None:
        await super().tearDown()
        self.pair.end()

    async def overviews(self) -> list[Any]:
        """What each daemon that runs says."""
        return [(await console.call("/server/overview")).data for console in self.consoles]

    async def test_of_both(self) -> None:
        """Sockets, people and processes of both are told at each; what one stored is told after its restart, too."""
        anna, boris = await a_person(self.daemon), await a_person(self.other)
        room = await a_room(anna, anna)
        for _ in range(20):
            self.assertEqual(200, (await anna.say(room, "hello")).status)
        await self.a_listener(anna)
        await self.a_listener(anna, "/ws")
        self.daemon = self.other
        await self.a_listener(boris)

        async def told() -> list[Any] | None:
            found = await self.overviews()
            seen = [(each["now"]["sockets"]["websocket"], each["now"]["users_online"]) for each in found]
            return found if seen == [(3, 2)] * 2 else None

        for overview in await eventually(told, "both to tell of three sockets of two people", 60):
            present = overview["now"]
            self.assertEqual((2, 1), (present["users"], present["rooms"]))
            self.assertEqual((0, 0), (present["open_complaints"], present["held_messages"]))
            self.assertEqual(("up", "up"), (present["parts"]["database"], present["parts"]["workers"]))
            self.assertIn(present["parts"]["disk"], ("ok", "low", "full"))
            self.assertEqual([1, 2], sorted(each["sockets"]["websocket"] for each in overview["processes"]))
            self.assertEqual({__version__}, {each["version"] for each in overview["processes"]})
            self.assertLess(abs((now() - from_iso(present["at"])).total_seconds()), 60)

        await self.pair.daemons[0].stop()
        overview = (await self.consoles[1].call("/server/overview")).data
        self.assertGreaterEqual(sum(point["entries"] for point in overview["day"]), 21)
        self.assertGreater(max(point["p99"] or 0 for point in overview["day"]), 0)
        for point in overview["day"]:
            self.assertEqual(POINT, set(point))

        await self.pair.daemons[0].start()
        (again, _) = await self.overviews()
        self.assertGreaterEqual(sum(point["entries"] for point in again["day"]), 21)

    async def test_series(self) -> None:
        """The last hour has a point for each minute that is over, the last day one for each ten, and no older ones."""
        with MongoClient[dict[str, Any]](self.daemon.options[1]) as client:
            minute = int(now().timestamp()) // 60
            client.get_default_database()["load"].insert_many(
                {
                    "_id": minute - ago,
                    "at": now(),  # so that the database expires none
                    "sockets": 5,
                    "entries": 60,
                    "errors": 1,
                    "b2": 6,
                }
                for ago in range(QUIET, 1500)
            )

        for overview in await self.overviews():
            hour, day = [_before(minute - QUIET - 10, overview[name]) for name in ("hour", "day")]
            # Minutes may end while the test runs.
            self.assertTrue(60 - QUIET - 20 <= len(hour) <= 60 - QUIET, hour)
            self.assertTrue(140 <= len(day) <= 144, day)
            for points in (hour, day):
                self.assertEqual(sorted(point["at"] for point in points), [point["at"] for point in points])
            self.assertEqual({(5.0, 60, 1, 3.75, 4.98)}, {_numbers(point) for point in hour})
            self.assertEqual({(5.0, 600, 10, 3.75, 4.98)}, {_numbers(point) for point in day})


def _before(minute: int, points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are older than a minute."""
    return [point for point in points if from_iso(point["at"]).timestamp() < minute * 60]


def _numbers(point: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(point[name] for name in ("sockets", "entries", "errors", "p50", "p99"))
