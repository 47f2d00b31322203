"""``/livez`` and ``/readyz``: the health of the daemon, for those who watch it."""

from collections.abc import Awaitable, Callable, Mapping

import orjson
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import ApiError, Unavailable
from justchat.http.answer import Answer, error_answer

_log = Logger()
DRAINING = "the daemon goes down"


class Health:
    """The state of each part. ``states`` tell it without waiting; ``ping_database`` raises ApiError if it is away.

    The daemon is ready if its database answers. Without its bus, or while a process is being started anew, it serves
    everybody, only later; the states of these are told.
    """

    def __init__(
        self,
        ping_database: Callable[[], Awaitable[None]],
        states: Mapping[str, Callable[[], str]],
    ) -> None:
        self._ping_database = ping_database
        self._states = states
        self.is_closing: Callable[[], bool] = lambda: False
        """Whether the daemon goes down."""
        self._waiting: list[Deferred[ApiError | None]] = []
        """Those who wait for the ping under way."""

    def live(self) -> Answer:
        """The process answers."""
        return Answer(200, orjson.dumps({"status": "ok"}))

    async def ready(self) -> Answer:
        """200 if the daemon serves people, or 503, and the state of each part."""
        if self.is_closing():
            return self._not_ready(Unavailable(DRAINING), {})
        error = await self._database_error()
        states = self.parts()
        if error is not None:
            return self._not_ready(error, {"database": "away", **states})
        return Answer(200, orjson.dumps({"status": "ok", "database": "up", **states}))

    def parts(self) -> dict[str, str]:
        """The states of the parts, apart from the database."""
        return {name: state() for name, state in self._states.items()}

    def _not_ready(self, error: ApiError, states: Mapping[str, str]) -> Answer:
        answer = error_answer(error)
        body = {**orjson.loads(answer.body), "status": "unavailable", **states}
        return Answer(answer.status, orjson.dumps(body), answer.retry_after)

    async def _database_error(self) -> ApiError | None:
        """Why the database does not answer. However many ask at once, it is asked once."""
        wait: Deferred[ApiError | None] = Deferred()
        self._waiting.append(wait)
        if len(self._waiting) == 1:
            # Not cancelled when the client that came first disconnects.
            Deferred.fromCoroutine(self._ask()).addErrback(_log_failure)
        return await wait

    async def _ask(self) -> None:
        error: ApiError | None = Unavailable()
        try:
            await self._ping_database()
            error = None
        except ApiError as raised:
            error = raised
        finally:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if not each.called:
                    each.callback(error)


def _log_failure(failure: Failure) -> None:
    _log.failure("the database cannot be asked whether it is there", failure)
