"""Removals of messages: by their authors, by whoever outranks these, by operators, and of all that an author wrote."""

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from justchat.actions.concurrently import all_of
from justchat.actions.held_messages import tell_release
from justchat.errors import MessageNotFound, RoomNotFound
from justchat.interfaces.counters import CountAction
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pause import Pause, no_pause
from justchat.interfaces.removals import IRemovals
from justchat.interfaces.rooms import IRooms
from justchat.model.direct import DirectMessage
from justchat.model.entry import OPERATOR, Entry, Hold, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock, Moment
from justchat.model.room import Room
from justchat.policy import check_remove_message

AT_ONCE = 25
"""Removals of one step of the work behind them."""
MOST_STEPS = 200
"""Steps of one round, so that other work comes between. Those that wait longest come first."""


@frozen(kw_only=True)
class MessageRemovals:
    """Removes messages. Each removal is told to whom the message was told, and the words are gone when it returns."""

    rooms: IRooms
    mailboxes: IMailboxes
    removals: IRemovals
    clock: Clock
    count_action: CountAction

    async def remove(self, user: Id, message: Id) -> None:
        """Remove a message, once. Raises MessageNotFound, RoomNotFound, Outranked, TooManyRequests."""
        found = await self.rooms.any_entry(message)
        if found.is_hidden:
            if user != found.author:
                raise MessageNotFound
            if await self.rooms.drop(found):  # nobody else knows of it
                return
            found = await self.rooms.any_entry(message)  # it has been let go meanwhile, or dropped

        def check(room: Room) -> None:
            check_remove_message(room, user, found.author)

        room = await self.rooms.latest(found.stream)
        check(room)
        self.count_action(user, room.id)
        await self._remove(found, user, check)

    async def remove_asked(self) -> None:
        """Remove the messages that operators want removed."""
        for message in await self.removals.asked(AT_ONCE):
            await self._remove_for_operator(message)

    async def remove_for_operator(self, message: Id) -> None:
        """Remove a message of a room, or a direct one on both sides; once. Raises MessageNotFound.

        A daemon completes what a crash interrupts.
        """
        await self.check_exists(message)
        await self.removals.ask(message)
        await self._remove_for_operator(message)

    async def check_exists(self, message: Id) -> None:
        """Raises MessageNotFound unless this is a message of a room, or a direct one."""
        try:
            await self.rooms.any_entry(message)
        except MessageNotFound:
            await self.mailboxes.find(message)

    async def _remove_for_operator(self, message: Id) -> None:
        """Each step may be repeated, also by several daemons at once."""
        with suppress(MessageNotFound, RoomNotFound):
            try:
                found = await self.rooms.any_entry(message)
            except MessageNotFound:
                await self._remove_direct(await self.mailboxes.find(message))
            else:
                if not found.is_hidden:
                    await self._remove(found, OPERATOR, _allow)
                elif not await self.rooms.drop(found):
                    await self._remove(await self.rooms.any_entry(message), OPERATOR, _allow)
        await self.removals.settle(message)

    async def _remove_direct(self, message: Entry) -> None:
        """Remove a direct message, and tell both sides."""
        receiver, author, at = message.stream, message.author, self.clock()
        if message.held is Hold.WAITING and (message.removed_at is not None or await self.mailboxes.drop(message)):
            return  # nobody else knows of it

        async def tell(side: Id) -> None:
            def make(id: Id, seq: int) -> Entry:
                return _direct_removal(message, id, side, seq, at)

            await self.mailboxes.append_once(side, _removal_id(message, side), make)

        direct = DirectMessage(
            id=message.id, author=author, user=receiver, text=None, created_at=message.created_at, order=message.order
        )
        # First: who is told, and looks again, no longer finds it.
        for side in (receiver, author):
            await self.mailboxes.remove(side, direct)
        for side in (receiver, author):
            await tell(side)
        await self.removals.scrub([_direct_removal(message, _removal_id(message, receiver), receiver, 0, at)])

    async def remove_of(self, author: Id, room: Id, after: int = 0) -> int | None:
        """Remove what an author wrote in a room, in the author's own name; a step of it, behind the seq ``after``.

        Returns the seq for the next step, None at the end. A step is bounded, and can be done twice. Raises
        RoomNotFound, Unavailable.
        """
        entries, next_after = await self.removals.messages_of(author, room, after)
        at = self.clock()
        await self.removals.scrub(await all_of(self.removals.append(entry, author, at, _allow) for entry in entries))
        return next_after

    async def finish(self, pause: Pause = no_pause) -> None:
        """Remove the words that are still there: what a crash left, and late copies. Raises what ``pause`` raises."""
        for _ in range(MOST_STEPS):
            due = await self.removals.due(self.clock(), AT_ONCE)
            if not due:
                return
            await self.removals.scrub(due)
            await pause()

    async def _remove(self, message: Entry, by: Id, check: Callable[[Room], None]) -> None:
        if message.held is not None:  # it is let go, and perhaps not told yet
            await tell_release(message, self.rooms, self.clock)
        await self.removals.scrub([await self.removals.append(message, by, self.clock(), check)])


def _removal_id(message: Entry, side: Id) -> Id:
    return derived_id("removed for", side, message.id)


def _direct_removal(message: Entry, id: Id, side: Id, seq: int, at: Moment) -> Entry:
    """The entry of one side's stream that tells them."""
    return Entry(
        id=id,
        stream=side,
        seq=seq,
        kind=Kind.DIRECT_REMOVED,
        author=OPERATOR,
        user=message.stream,
        created_at=at,
        message=message.id,
    )


def _allow(room: Room) -> None:
    """Whoever may not is refused elsewhere."""
