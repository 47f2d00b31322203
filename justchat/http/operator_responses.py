"""The shapes of the answers of calls that only operators and app's servers make."""

from typing_extensions import TypedDict

from justchat.protocol.announcements import AnnouncementDocument
from justchat.protocol.documents import (
    DirectMessageDocument,
    GiftDocument,
    MessageDocument,
    RoomDocument,
)
from justchat.protocol.operator_documents import (
    AuditDocument,
    KeyDocument,
    LoadDocument,
    OperatorUserDocument,
    OverviewNowDocument,
    ProcessDocument,
    ServerComplaintDocument,
    WebhookDocument,
)


class ServerUserData(TypedDict):
    user: OperatorUserDocument


class ServerUserAnswer(TypedDict):
    data: ServerUserData


class ServerUsersData(TypedDict):
    users: list[OperatorUserDocument]


class ServerUsersAnswer(TypedDict):
    data: ServerUsersData


class ServerComplaintsData(TypedDict):
    complaints: list[ServerComplaintDocument]


class ServerComplaintsAnswer(TypedDict):
    data: ServerComplaintsData


class ShownComplaintData(TypedDict):
    complaint: ServerComplaintDocument
    room: RoomDocument | None
    author: OperatorUserDocument | None
    user: OperatorUserDocument | None
    around: list[MessageDocument | DirectMessageDocument]
    earlier: list[ServerComplaintDocument]
    others: list[ServerComplaintDocument]


class ShownComplaintAnswer(TypedDict):
    data: ShownComplaintData


class ListedRoomsData(TypedDict):
    rooms: list[RoomDocument]


class ListedRoomsAnswer(TypedDict):
    data: ListedRoomsData


class ShownRoomData(TypedDict):
    room: RoomDocument
    people: list[OperatorUserDocument]
    messages: list[MessageDocument]


class ShownRoomAnswer(TypedDict):
    data: ShownRoomData


class HeldMessagesData(TypedDict):
    messages: list[MessageDocument | DirectMessageDocument]


class HeldMessagesAnswer(TypedDict):
    data: HeldMessagesData


class CatalogueGiftData(TypedDict):
    gift: GiftDocument


class CatalogueGiftAnswer(TypedDict):
    data: CatalogueGiftData


class KeyData(TypedDict):
    key: KeyDocument


class KeyAnswer(TypedDict):
    data: KeyData


class NewKeyData(TypedDict):
    key: KeyDocument
    secret: str


class NewKeyAnswer(TypedDict):
    data: NewKeyData


class KeysData(TypedDict):
    keys: list[KeyDocument]


class KeysAnswer(TypedDict):
    data: KeysData


class WebhooksData(TypedDict):
    webhooks: list[WebhookDocument]


class WebhooksAnswer(TypedDict):
    data: WebhooksData


class ReplayedData(TypedDict):
    replayed: int


class ReplayedAnswer(TypedDict):
    data: ReplayedData


class AuditData(TypedDict):
    audit: list[AuditDocument]


class AuditAnswer(TypedDict):
    data: AuditData


class AnnouncementsData(TypedDict):
    announcements: list[AnnouncementDocument]


class AnnouncementsAnswer(TypedDict):
    data: AnnouncementsData


class OverviewData(TypedDict):
    now: OverviewNowDocument
    processes: list[ProcessDocument]
    hour: list[LoadDocument]
    day: list[LoadDocument]


class OverviewAnswer(TypedDict):
    data: OverviewData
