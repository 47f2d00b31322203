"""Held messages: an operator lets them go or drops them, and a daemon carries that out."""

from contextlib import suppress

from attrs import evolve, frozen

from justchat.errors import Blocked, RoomNotFound
from justchat.interfaces.held import IHeldMessages
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import Entry, Kind
from justchat.model.held import Decision
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.room import Room

CARRIED_OUT_AT_ONCE = 100
"""Decisions of one round."""


@frozen(kw_only=True)
class HeldActions:
    """Carries out what operators decide on held messages. Each step may be repeated, and by several daemons at once."""

    rooms: IRooms
    mailboxes: IMailboxes
    held: IHeldMessages
    clock: Clock

    async def carry_out(self) -> None:
        """Carry out the decisions that there are."""
        for message, decision in await self.held.decided(CARRIED_OUT_AT_ONCE):
            with suppress(RoomNotFound):  # then it is gone with its room
                await self._carry_out(message, decision)
            await self.held.finish(message)

    async def _carry_out(self, message: Entry, decision: Decision) -> None:
        if message.kind is Kind.DIRECT_MESSAGE:
            await (self._release_direct(message) if decision is Decision.RELEASE else self.mailboxes.drop(message))
        elif decision is Decision.RELEASE:
            await self._release(message)
        else:
            await self.rooms.drop(message)

    async def _release(self, message: Entry) -> None:
        if await self.held.let_go(message):
            await tell_release(message, self.rooms, self.clock)

    async def _release_direct(self, message: Entry) -> None:
        def make(id: Id, seq: int) -> Entry:
            return _release_entry(message, Kind.DIRECT_RELEASE, id, seq, self.clock())

        with suppress(Blocked):  # nothing passes any more
            await self.mailboxes.release(message, make)


async def tell_release(message: Entry, rooms: IRooms, clock: Clock) -> None:
    """Tell a room of a message that was let go, once. Raises RoomNotFound."""

    def propose(room: Room, seq: int) -> Entry | None:
        if message.id not in room.held:
            return None
        return _release_entry(message.as_removed(room.removed_lately), Kind.RELEASE, new_id(), seq, clock())

    await rooms.append(message.stream, propose)


def _release_entry(message: Entry, kind: Kind, id: Id, seq: int, at: Moment) -> Entry:
    return Entry(
        id=id,
        stream=message.stream,
        seq=seq,
        kind=kind,
        author=message.author,
        user=message.user,
        created_at=at,
        ref_message=evolve(message, held=None),
        message=message.id,
    )
