"""The shapes of answers, around the documents."""

from typing_extensions import TypedDict

from justchat.documents import MessageDocument, RoomDocument, UserDocument


class Nothing(TypedDict):
    """``{}``"""


class UserData(TypedDict):
    user: UserDocument


class UserAnswer(TypedDict):
    data: UserData


class SignedInData(TypedDict):
    session_key: str
    user: UserDocument


class SignedInAnswer(TypedDict):
    data: SignedInData


class RoomData(TypedDict):
    room: RoomDocument


class RoomAnswer(TypedDict):
    data: RoomData


class MessageData(TypedDict):
    message: MessageDocument


class MessageAnswer(TypedDict):
    data: MessageData


class ChatData(TypedDict):
    chat: list[MessageDocument]


class ChatAnswer(TypedDict):
    data: ChatData
