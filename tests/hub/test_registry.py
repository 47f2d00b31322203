"""The registry serves a crowd a part at a time; everyone hears everything once, in order."""

from datetime import timedelta

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.events import Frame
from justchat.hub.registry import CROWD, Registry
from justchat.interfaces import IConnection
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session


@implementer(IConnection)
@define(eq=False)
class Hearer:
    """A connection of the least kind there is."""

    session: Session | None = None
    heard: list[str] = field(factory=list)
    closed: int | None = None

    def send(self, frame: Frame) -> None:
        self.heard.append(frame.text)

    def close(self, code: int, reason: str) -> None:
        self.closed = code


def a_session(user: Id, lasts: timedelta = timedelta(days=1)) -> Session:
    at = now()
    return Session(id=new_id(), user=user, create_at=at, seen_at=at, expires_at=at + lasts)


class Crowds(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.registry = Registry(now, self.clock)
        self.users: list[Id] = []
        self.hearers: list[Hearer] = []

    def join(self, number: int = 1) -> list[Hearer]:
        joined = []
        for _ in range(number):
            session = a_session(new_id())
            hearer = Hearer(session)
            self.registry.bind(hearer, session)
            self.users.append(session.user)
            joined.append(hearer)
        self.hearers += joined
        return joined

    def say(self, text: str) -> None:
        self.registry.send(self.users, lambda: Frame(text))

    def turns(self) -> None:
        while self.clock.getDelayedCalls():
            self.clock.advance(0)

    def test_few(self) -> None:
        """Few are sent a frame at once."""
        self.join(CROWD)

        self.say("one")

        self.assertEqual([["one"]] * CROWD, [hearer.heard for hearer in self.hearers])

    def test_many(self) -> None:
        """Many are sent it by and by: each all of it, once, in order, also what goes to a few of them meanwhile."""
        self.join(3 * CROWD + 1)
        self.say("one")
        self.say("two")
        few = self.users[-2:]
        self.registry.send(few, lambda: Frame("to a few"))
        late = self.join()
        self.say("three")

        self.turns()

        common = [hearer.heard for hearer in self.hearers[:-3]]
        self.assertEqual([["one", "two", "three"]] * len(common), common)
        self.assertEqual([["one", "two", "to a few", "three"]] * 2, [hearer.heard for hearer in self.hearers[-3:-1]])
        self.assertEqual(["three"], late[0].heard)

    def test_gone(self) -> None:
        """Who is no more bound hears nothing of what still waits; what comes later, if bound again."""
        self.join(2 * CROWD)
        leaver = self.hearers[-1]
        self.say("one")
        session = leaver.session
        assert session is not None
        self.registry.unbind(leaver, session)
        self.registry.bind(leaver, session)
        self.say("two")

        self.turns()

        self.assertEqual(["two"], leaver.heard)
        self.assertEqual(["one", "two"], self.hearers[0].heard)

    def test_expired(self) -> None:
        """Of sessions that have run out every connection is closed, and no other."""
        over = a_session(new_id(), lasts=timedelta(0))
        old = [Hearer(over), Hearer(over)]
        for hearer in old:
            self.registry.bind(hearer, over)
        (young,) = self.join()

        self.registry.close_expired()

        self.assertEqual([4440, 4440, None], [hearer.closed for hearer in (*old, young)])
