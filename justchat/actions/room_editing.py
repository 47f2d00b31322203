"""Changes of a room's settings."""

from attrs import evolve, frozen

from justchat.actions.word_filter import WordFilter
from justchat.interfaces.counters import CountAction
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.room import Room
from justchat.model.room_settings import RoomEdit, RoomSettings
from justchat.model.text import as_password
from justchat.policy import check_edit


@frozen(kw_only=True)
class RoomEditing:
    """What an admin and moderators can do about the settings of a room."""

    rooms: IRooms
    words: WordFilter
    passwords: IPasswords
    clock: Clock
    count_action: CountAction

    async def edit(self, user: Id, room_id: Id, edit: RoomEdit) -> Room:
        """Change settings, and tell everybody in the room. An edit that changes nothing sends no event.

        Raises RoomNotFound, Outranked, Rejected for the name; TooManyRequests after too many by one user in one room.
        """
        room = await self.rooms.latest(room_id)
        check_edit(room, user, edit)
        if edit.name is not None:
            edit = evolve(edit, name=self.words.checked(edit.name))
        secret = as_password(edit.password or "")
        hash = await self.passwords.hash(secret, HashOwner("rooms", user)) if secret else None
        self.count_action(user, room.id)

        def propose(room: Room, seq: int) -> Entry | None:
            check_edit(room, user, edit)
            settings = _edited(room, edit, hash)
            if settings == _settings(room):
                return None
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.EDIT_ROOM,
                author=user,
                created_at=self.clock(),
                settings=settings,
            )

        room, _ = await self.rooms.append(room.id, propose)
        return room


def _settings(room: Room) -> RoomSettings:
    return RoomSettings(name=room.name, password=room.password, max_users=room.max_users, slow_mode=room.slow_mode)


def _edited(room: Room, edit: RoomEdit, hash: str | None) -> RoomSettings:
    """The settings after an edit; ``hash`` is of its password."""
    return RoomSettings(
        name=room.name if edit.name is None else edit.name,
        password=room.password if edit.password is None else hash,
        max_users=room.max_users if edit.max_users is None else edit.max_users,
        slow_mode=room.slow_mode if edit.slow_mode is None else edit.slow_mode,
    )
