"""The shapes of answers; most of them wrap documents."""

from typing_extensions import TypedDict

from justchat.protocol.announcements import AnnouncementDocument
from justchat.protocol.documents import (
    ComplaintDocument,
    DirectMessageDocument,
    GiftDocument,
    MessageDocument,
    RoomDocument,
    SendedGiftDocument,
    UserDocument,
)


class Nothing(TypedDict):
    """``{}``"""


class UserData(TypedDict):
    user: UserDocument


class UserAnswer(TypedDict):
    data: UserData


class SessionKeyData(TypedDict):
    session_key: str


class SessionKeyAnswer(TypedDict):
    data: SessionKeyData


class UsersData(TypedDict):
    users: list[UserDocument]


class UsersAnswer(TypedDict):
    data: UsersData


class SentGiftsData(TypedDict):
    gifts: list[SendedGiftDocument]
    count: int


class SentGiftsAnswer(TypedDict):
    data: SentGiftsData


class SignedInData(TypedDict):
    session_key: str
    user: UserDocument


class SignedInAnswer(TypedDict):
    data: SignedInData


class DeletionData(TypedDict):
    deletes_at: str


class DeletionAnswer(TypedDict):
    data: DeletionData


class RoomData(TypedDict):
    room: RoomDocument


class RoomAnswer(TypedDict):
    data: RoomData


class MessageData(TypedDict):
    message: MessageDocument


class MessageAnswer(TypedDict):
    data: MessageData


class AnnouncementData(TypedDict):
    announcement: AnnouncementDocument


class AnnouncementAnswer(TypedDict):
    data: AnnouncementData


class RoomsData(TypedDict):
    rooms: list[RoomDocument]
    count: int


class RoomsAnswer(TypedDict):
    data: RoomsData


class CountData(TypedDict):
    count: int


class CountAnswer(TypedDict):
    data: CountData


class SessionDocument(TypedDict):
    """One of the caller's sessions, without its key."""

    _id: str
    create_at: str
    created_at: str
    seen_at: str
    current: bool


class SessionsData(TypedDict):
    sessions: list[SessionDocument]


class SessionsAnswer(TypedDict):
    data: SessionsData


class GiftsData(TypedDict):
    gifts: list[GiftDocument]


class GiftsAnswer(TypedDict):
    data: GiftsData


class SentData(TypedDict):
    """A list with one message, as in the original API."""

    message: list[DirectMessageDocument]


class SentAnswer(TypedDict):
    data: SentData


class DirectData(TypedDict):
    message: DirectMessageDocument


class DirectAnswer(TypedDict):
    data: DirectData


class MessagesData(TypedDict):
    messages: list[DirectMessageDocument]


class MessagesAnswer(TypedDict):
    data: MessagesData


class DialogDocument(TypedDict):
    user: str
    last_message: DirectMessageDocument
    unread: int


class DialogsData(TypedDict):
    dialogs: list[DialogDocument]


class DialogsAnswer(TypedDict):
    data: DialogsData


class DialogData(TypedDict):
    dialog: list[DirectMessageDocument]


class DialogAnswer(TypedDict):
    data: DialogData


class BlockDocument(TypedDict):
    user: str
    create_at: str


class BlocksData(TypedDict):
    blocks: list[BlockDocument]


class BlocksAnswer(TypedDict):
    data: BlocksData


class ExportDocument(TypedDict):
    """``url`` and ``expires_at`` are null until ``status`` is ``ready``. A ``failed`` one is not tried again."""

    _id: str
    status: str
    url: str | None
    expires_at: str | None


class ExportData(TypedDict):
    export: ExportDocument


class ExportAnswer(TypedDict):
    data: ExportData


class ComplaintAnswer(TypedDict):
    """Without ``data``, as in the original API."""

    complaint: ComplaintDocument


class UploadAnswer(TypedDict):
    url: str


class ChatData(TypedDict):
    chat: list[MessageDocument]


class ChatAnswer(TypedDict):
    data: ChatData
