"""The alerts and the dashboard in etc/, tried with promtool and a real Prometheus that scrapes a real daemon."""

import json
import re
import subprocess

from docutils import nodes
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from justchat.metrics.declarations import DECLARED
from tests.support.chat import a_phone, a_room
from tests.support.client import call
from tests.support.daemon import METRICS
from tests.support.docs import PROJECT, parsed
from tests.support.gateway import with_status
from tests.support.prometheus import (
    ALERT_TESTS,
    ALERTS,
    DASHBOARD,
    MISSING,
    PROMTOOL,
    Prometheus,
    alert_queries,
    dashboard_queries,
)
from tests.support.waiting import eventually
from tests.support.webhooks import SECRET, Receiver
from tests.support.wire import OwnDaemonCase


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())


class FileTests(SynchronousTestCase):
    """The files as they are."""

    def test_every_metric(self) -> None:
        """Every metric is in the dashboard or in an alert; neither has one that is not declared."""
        used = set(re.findall(r"justchat_[a-z_]+", ALERTS.read_text() + DASHBOARD.read_text()))
        suffix = "(_bucket|_sum|_count)$"
        stems = {name if name in DECLARED else re.sub(suffix, "", name) for name in used}

        self.assertEqual(set(DECLARED), stems)

    def test_panels(self) -> None:
        """The dashboard has no two panels of one place, and every panel a title and a query."""
        panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]

        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

        self.assertEqual(len(places), len(set(places)))
        self.assertTrue(all(panel["title"] and panel["targets"] for panel in panels))

    def test_docs(self) -> None:
        """docs/operating.rst says of each alert, in this order, what it means, how to look and what to do."""
        section = next(
            each
            for each in parsed(PROJECT / "docs" / "operating.rst").findall(nodes.section)
            if each.next_node(nodes.title).astext() == "Alerts"
        )
        items = list(section.findall(nodes.definition_list_item))

        self.assertEqual(alerts(), [item.next_node(nodes.literal).astext() for item in items])
        for item in items:
            told = [part.astext() for part in item.findall(nodes.emphasis)]
            self.assertEqual(["Means:", "Look:", "Do:"], [part for part in told if part.endswith(":")], item.astext())

    def test_each_is_tested(self) -> None:
        """The unit tests of promtool let each alert fire, and be quiet."""
        names = re.findall(r"- name: (\w+) (fires|is quiet)", ALERT_TESTS.read_text())

        self.assertEqual([(name, how) for name in alerts() for how in ("fires", "is quiet")], names)


class PromtoolTests(SynchronousTestCase):
    """What promtool says of them."""

    skip = MISSING

    def promtool(self, *arguments: str) -> None:
        assert PROMTOOL is not None
        done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_check(self) -> None:
        """The rules are valid."""
        self.promtool("check", "rules", str(ALERTS))

    def test_rules(self) -> None:
        """Their unit tests pass."""
        self.promtool("test", "rules", str(ALERT_TESTS))


class PrometheusTests(OwnDaemonCase):
    """A Prometheus that scrapes a daemon of two workers, with a hook, a webhook, and senders of SMS that report."""

    skip = MISSING

    async def setUp(self) -> None:
        self.server = Receiver()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.server.server.answer = with_status(200, b'{"action": "allow"}')
        await super().setUp()
        await self.start("[http]\nworkers = 2\n" + METRICS + self.settings())

    def settings(self) -> str:
        return (
            f'[hooks.before_message]\nurl = "{self.server.url}"\nsecret = "{SECRET}"\n'
            '[sms]\nreport_url = "https://chat.example"\nreport_secret = "a secret of these tests"\n'
            '[[sms.chain]]\nsender = "outbox"\n'
            '[[sms.chain]]\nsender = "smsru"\nsecret = "key"\nurl = "http://127.0.0.1:9"\n'
            + self.server.settings("user.new")
        )

    async def test_queries(self) -> None:
        """Every query of both files finds something, once something has happened at the daemon."""
        prometheus = Prometheus(self.daemon.metrics)
        self.addCleanup(prometheus.end)
        await prometheus.started()
        await self.use()
        rules = alert_queries(await prometheus.ask("rules"))
        left = [*dashboard_queries(), *rules.values()]

        async def is_none_left() -> bool:
            left[:] = [query for query in left if not await prometheus.finds(query)]
            return not left

        self.assertEqual(alerts(), list(rules))
        await eventually(is_none_left, lambda: "what these find: " + "\n".join(left), 90)
        states = [rule["health"] for group in (await prometheus.ask("rules"))["groups"] for rule in group["rules"]]
        self.assertNotIn("err", states)

    async def use(self) -> None:
        """Let something of everything happen that is no fault."""
        person = await self.a_person()
        room = await a_room(person, person)
        socket = await self.a_listener(person)
        ready = await self.a_socket()
        position = await ready.bind(person.session_key)
        await person.say(room, "hello")
        await socket.next()
        again = await self.a_socket()
        again.say({"event": "init", "data": {"session_key": person.session_key, "n": position["n"]}})
        await again.next("caught-up")
        malformed = await self.a_socket()
        malformed.say("nothing")
        await malformed.closed()
        await person.call("/user/free-coins", type="vk")
        await call(self.daemon.http, "/init/auth", {"phone": a_phone(), "key": "12345"})
