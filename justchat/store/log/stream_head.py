"""The head of a stream: its state after its last entry.

Invariant: a state is what all entries up to its seq add up to, and nothing else.
"""

from typing import Generic, Protocol, Self, TypeVar

from attrs import define

from justchat.model.entry import Entry
from justchat.model.ids import Id


class State(Protocol):
    """What a stream's entries add up to."""

    @property
    def id(self) -> Id: ...

    def after(self, entry: Entry) -> Self:
        """The state once this entry has happened."""


S = TypeVar("S", bound=State)


@define(eq=False)
class StreamHead(Generic[S]):
    """A stream's state, true up to its entry ``seq``."""

    state: S
    seq: int
