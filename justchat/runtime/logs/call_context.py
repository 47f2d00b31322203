"""What is known of the call that is being carried out, for the lines that are logged meanwhile."""

from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from types import coroutine
from typing import Any, TypeVar

from attrs import define

from justchat.model.trace_context import TraceContext

_T = TypeVar("_T")


@define
class CallContext:
    """A call, as the log shows it."""

    trace: TraceContext | None = None
    """The trace that its request names."""
    user: str | None = None
    """Id of the user whose session it has, or of the key of an app's server. Noted where there is an access log."""


CURRENT_CALL: ContextVar[CallContext | None] = ContextVar("CURRENT_CALL", default=None)


@coroutine
def in_call(call: CallContext, work: Coroutine[Any, Any, _T]) -> Any:
    """Carry ``work`` out with CURRENT_CALL set, by whomever it is driven. Returns what it returns."""
    context = copy_context()
    context.run(CURRENT_CALL.set, call)
    step: Any = work.send
    value: object = None
    while True:
        try:
            waited_for = context.run(step, value)
        except StopIteration as ended:
            return ended.value
        try:
            value = yield waited_for
            step = work.send
        except BaseException as error:
            step, value = work.throw, error
