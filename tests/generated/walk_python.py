"""README's walk-through by the client that openapi-python-client makes."""

import json
import sys
from io import BytesIO
from pathlib import Path

import httpx
from generated_client import AuthenticatedClient, Client
from generated_client.api.init import init_auth, init_exit, init_get_user, init_reg
from generated_client.api.room import room_chat, room_create, room_enter, room_get, room_leave, room_send_message
from generated_client.api.upload import upload, uploads
from generated_client.models import (
    Filter,
    InitAuthRequest,
    InitExitRequest,
    InitGetUserRequest,
    InitRegRequest,
    NewMessage,
    NewRoom,
    RoomAnswer,
    RoomChatRequest,
    RoomCreateRequest,
    RoomEnterRequest,
    RoomGetRequest,
    RoomLeaveRequest,
    RoomsAnswer,
    RoomSendMessageForbiddenError,
    RoomSendMessageRequest,
    RoomToEnter,
    SignedInAnswer,
    UploadAnswer,
    UploadRequest,
    UserAnswer,
)
from generated_client.models.chat_answer import ChatAnswer
from generated_client.models.message_answer import MessageAnswer
from generated_client.types import File

API, DATA, PNG, ANN, BOB = sys.argv[1:]


class LoginTimeout(Exception):
    """The session is over: sign in again."""


def sign_in_again(response: httpx.Response) -> None:
    if response.status_code == 440:
        raise LoginTimeout


HOOKS = {"event_hooks": {"response": [sign_in_again]}}


def sent_key(phone: str) -> str:
    lines = [json.loads(line) for line in (Path(DATA) / "sms-outbox.jsonl").read_text().splitlines()]
    (*_, text) = [line["text"] for line in lines if line["phone"] == phone]
    return "".join(filter(str.isdigit, text))


def sign_in(phone: str, nickname: str) -> AuthenticatedClient:
    anonymous = Client(API, httpx_args=HOOKS)
    registered = init_reg.sync_detailed(client=anonymous, body=InitRegRequest(phone=f"+{phone}", nickname=nickname))
    assert registered.status_code == 201 and registered.parsed is not None, registered
    answer = init_auth.sync(client=anonymous, body=InitAuthRequest(phone=phone, key=int(sent_key(phone))))
    assert isinstance(answer, SignedInAnswer), answer
    return AuthenticatedClient(API, token=answer.data.session_key, httpx_args=HOOKS)


def walk() -> None:
    ann, bob = sign_in(ANN, "Ann"), sign_in(BOB, "Bob")
    shown = init_get_user.sync(client=ann, body=InitGetUserRequest())
    assert isinstance(shown, UserAnswer) and shown.data.user.nickname == "Ann", shown
    assert shown.data.user.created_at.tzinfo is not None

    created = room_create.sync(client=ann, body=RoomCreateRequest(room=NewRoom(name="Kitchen")))
    assert isinstance(created, RoomAnswer), created
    room = created.data.room.field_id
    for person in (ann, bob):
        entered = room_enter.sync(client=person, body=RoomEnterRequest(room=RoomToEnter(id=room)))
        assert isinstance(entered, RoomAnswer), entered
    tea = RoomSendMessageRequest(message=NewMessage(room_id=room, text="Tea is ready."))
    said = room_send_message.sync(client=ann, body=tea, idempotency_key=f"tea-{ANN}")
    again = room_send_message.sync(client=ann, body=tea, idempotency_key=f"tea-{ANN}")
    assert isinstance(said, MessageAnswer) and said == again, (said, again)
    chat = room_chat.sync(client=bob, body=RoomChatRequest(room=room, skip=-1))
    assert isinstance(chat, ChatAnswer) and chat.data.chat[0].text == "Tea is ready.", chat
    found = room_get.sync(client=bob, body=RoomGetRequest(name="kit", filter_=Filter(privated=True)))
    assert isinstance(found, RoomsAnswer) and found.data.rooms, found

    room_leave.sync(client=bob, body=RoomLeaveRequest(room_id=room))
    refused = room_send_message.sync(client=bob, body=tea)
    assert isinstance(refused, RoomSendMessageForbiddenError), refused
    assert refused.code == "not-in-room", refused

    picture = Path(PNG).read_bytes()
    for body in (UploadRequest(photo=File(BytesIO(picture), "picture.png", "image/png")), File(BytesIO(picture))):
        uploaded = upload.sync(client=ann, body=body)
        assert isinstance(uploaded, UploadAnswer), uploaded
        got = uploads.sync(client=ann, name=uploaded.url.removeprefix("uploads/"))
        assert isinstance(got, File) and got.payload.read(4) == b"\x89PNG", got

    init_exit.sync(client=ann, body=InitExitRequest())
    try:
        init_get_user.sync(client=ann, body=InitGetUserRequest())
    except LoginTimeout:
        print("walked")


walk()
