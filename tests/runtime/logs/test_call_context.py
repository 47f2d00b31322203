"""What is known of a call, wherever its work is done."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from justchat.runtime.logs.call_context import CURRENT_CALL, CallContext, in_call


class InCall(SynchronousTestCase):
    def test_waits(self) -> None:
        """It is set after each wait, and in what the call begins; it is not set for others meanwhile."""
        call, waits, begun = CallContext(), [Deferred[int](), Deferred[int]()], Deferred[None]()
        seen: list[CallContext | None] = []

        async def begins() -> None:
            await begun
            seen.append(CURRENT_CALL.get())

        async def work() -> int:
            Deferred.fromCoroutine(begins())
            total = 0
            for wait in waits:
                total += await wait
                seen.append(CURRENT_CALL.get())
            return total

        result = Deferred.fromCoroutine(in_call(call, work()))
        for number, wait in enumerate(waits):
            self.assertIsNone(CURRENT_CALL.get())
            wait.callback(number + 1)
        begun.callback(None)

        self.assertEqual(3, self.successResultOf(result))
        self.assertEqual(3, len(seen))
        self.assertTrue(all(each is call for each in seen))

    def test_failure(self) -> None:
        """A wait that fails raises in the call, and what the call raises is its outcome."""
        wait = Deferred[None]()

        async def work() -> None:
            try:
                await wait
            except ValueError as error:
                raise KeyError("mine") from error

        result = Deferred.fromCoroutine(in_call(CallContext(), work()))
        wait.errback(ValueError())

        self.failureResultOf(result, KeyError)
