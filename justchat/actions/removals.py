"""Removals of messages: by their authors, by whoever outranks these, by operators, and of all that an author wrote."""

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from justchat.actions.concurrently import all_of
from justchat.errors import MessageNotFound, RoomNotFound
from justchat.interfaces.counters import CountAction
from justchat.interfaces.removals import IRemovals
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import OPERATOR, Entry
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room
from justchat.policy import check_remove_message

AT_ONCE = 100
"""Removals of one step of the work behind them."""
MOST_STEPS = 50
"""Steps of one round, so that other work comes between. Those that wait longest come first."""


@frozen(kw_only=True)
class MessageRemovals:
    """Removes messages of rooms. Each removal is told to the room, and the words are gone when it returns."""

    rooms: IRooms
    removals: IRemovals
    clock: Clock
    count_action: CountAction

    async def remove(self, user: Id, message: Id) -> None:
        """Remove a message, once. Raises MessageNotFound, RoomNotFound, Outranked, TooManyRequests."""
        found = await self.rooms.any_entry(message)
        if found.is_hidden:
            if user != found.author:
                raise MessageNotFound
            return await self.rooms.drop(found)  # nobody else knows of it

        def check(room: Room) -> None:
            check_remove_message(room, user, found.author)

        room = await self.rooms.latest(found.stream)
        check(room)
        self.count_action(user, room.id)
        await self._remove(found, user, check)

    async def remove_asked(self) -> None:
        """Remove the messages that operators want removed."""
        for message in await self.removals.asked(AT_ONCE):
            with suppress(MessageNotFound, RoomNotFound):
                found = await self.rooms.any_entry(message)
                await (self.rooms.drop(found) if found.is_hidden else self._remove(found, OPERATOR, _allow))
            await self.removals.settle(message)

    async def remove_of(self, author: Id, room: Id, after: int = 0) -> int | None:
        """Remove what an author wrote in a room, in the author's own name; a step of it, behind the seq ``after``.

        Returns the seq for the next step, None at the end. A step is bounded, and can be done twice. Raises
        RoomNotFound, Unavailable.
        """
        entries, next_after = await self.removals.messages_of(author, room, after)
        at = self.clock()
        await self.removals.scrub(await all_of(self.removals.append(entry, author, at, _allow) for entry in entries))
        return next_after

    async def finish(self) -> None:
        """Remove the words that are still there: what a crash left, and late copies."""
        for _ in range(MOST_STEPS):
            due = await self.removals.due(self.clock(), AT_ONCE)
            if not due:
                return
            await self.removals.scrub(due)

    async def _remove(self, message: Entry, by: Id, check: Callable[[Room], None]) -> None:
        await self.removals.scrub([await self.removals.append(message, by, self.clock(), check)])


def _allow(room: Room) -> None:
    """Whoever may not is refused elsewhere."""
