"""The parts that commands work with."""

from argparse import Namespace

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.admin.context import open_context
from justchat.admin.gifts import list_gifts
from justchat.config.settings import load_settings
from tests.support.mongo import fresh_uri


class PartsTests(TestCase):
    async def test_processes(self) -> None:
        """Only commands that may decode a picture start the process that does."""
        started: list[object] = []
        spawn = reactor.spawnProcess

        def spawn_process(*arguments: object, **options: object) -> object:
            started.append(arguments[0])
            return spawn(*arguments, **options)

        self.patch(reactor, "spawnProcess", spawn_process)
        settings = load_settings(None, {"mongo": {"uri": fresh_uri()}}, self.mktemp(), secrets=False)

        async with open_context(settings, lambda: settings, reactor) as context:
            await list_gifts(context, Namespace())
            await context.operating.list_complaints(limit=1, closed=None)
            before = len(started)
            self.assertIsNotNone(await context.gift_catalogue())
            after = len(started)

        self.assertEqual((0, 1), (before, after))
