"""The stores, built around a database."""

from datetime import timedelta
from typing import Any

from attrs import frozen

from justchat.config.settings import RetentionSettings, Settings
from justchat.interfaces.bus import IBus
from justchat.model.ids import direct_message_id, room_message_id
from justchat.model.moment import now
from justchat.store.announcements import AnnouncementStore
from justchat.store.audit_log import AuditLog
from justchat.store.catalogue import Catalogue
from justchat.store.client_ids import ClientIds
from justchat.store.complaints import ComplaintStore
from justchat.store.deletions import Deletions
from justchat.store.deliveries import Deliveries
from justchat.store.erasure import Erasure
from justchat.store.exports import ExportRecords
from justchat.store.held import HeldMessages
from justchat.store.invites import Invites
from justchat.store.ledger import Ledger
from justchat.store.load import LoadStore
from justchat.store.mailboxes import Mailboxes
from justchat.store.marked_events import MarkedEvents
from justchat.store.marks import Marks
from justchat.store.mongo.client import Database
from justchat.store.online import OnlineStore
from justchat.store.packets import Packets
from justchat.store.personal_data import PersonalData
from justchat.store.pictures import PictureRecords
from justchat.store.rate_windows import RateWindows
from justchat.store.removals import Removals
from justchat.store.retention import Ages, Retention
from justchat.store.rooms import Rooms
from justchat.store.server_keys import ServerKeys
from justchat.store.sessions import Sessions
from justchat.store.sms_counts import SmsCounts
from justchat.store.users import Users


@frozen(kw_only=True)
class Stores:
    """What is kept in the database."""

    users: Users
    sessions: Sessions
    deletions: Deletions
    erasure: Erasure
    rooms: Rooms
    mailboxes: Mailboxes
    room_client_ids: ClientIds
    direct_client_ids: ClientIds
    ledger: Ledger
    catalogue: Catalogue
    complaints: ComplaintStore
    removals: Removals
    announcements: AnnouncementStore
    online: OnlineStore
    load: LoadStore
    audit: AuditLog
    server_keys: ServerKeys
    held: HeldMessages
    invites: Invites
    sms_counts: SmsCounts
    rate_windows: RateWindows
    pictures: PictureRecords
    exports: ExportRecords
    personal_data: PersonalData
    marks: Marks
    marked_events: MarkedEvents
    deliveries: Deliveries
    retention: Retention
    packets: Packets | None
    """What daemons publish to each other beside the log; None for a daemon alone."""


def make_stores(
    settings: Settings,
    database: Database,
    reactor: Any,
    *,
    shared: bool = True,
    folder: str = "",
    bus: IBus | None = None,
) -> Stores:
    """``shared``: other daemons may write to the same database; ``bus`` joins this daemon with them. ``folder`` is the
    name of this daemon's folder of pictures.
    """
    kind = settings.picture_store
    # Orphans in the folder stay this daemon's when its pictures go elsewhere.
    folders = (folder,) if kind == "folder" else (kind, folder)
    types = frozenset(type for webhook in settings.webhooks for type in webhook.events)
    marks = Marks(types)
    users = Users(database, now, settings.sms.key_lifetime, marks)
    rooms = Rooms(database, reactor, shared=shared, bus=bus, marks=marks)
    mailboxes = Mailboxes(database, reactor, shared=shared, bus=bus, marks=marks)
    return Stores(
        users=users,
        sessions=Sessions(database, now, settings.sessions.lifetime, bus, users.forget),
        deletions=Deletions(database, now, marks),
        erasure=Erasure(database, now),
        rooms=rooms,
        removals=Removals(database, rooms, now),
        mailboxes=mailboxes,
        room_client_ids=ClientIds(database, now, room_message_id, shared=shared),
        direct_client_ids=ClientIds(database, now, direct_message_id, shared=shared),
        ledger=Ledger(database, marks),
        catalogue=Catalogue(database),
        complaints=ComplaintStore(database, marks),
        announcements=AnnouncementStore(database),
        online=OnlineStore(database),
        load=LoadStore(database),
        audit=AuditLog(database),
        server_keys=ServerKeys(database),
        held=HeldMessages(database),
        invites=Invites(database, now, reactor),
        sms_counts=SmsCounts(database, now),
        rate_windows=RateWindows(database, now, reactor),
        pictures=PictureRecords(database, now, *folders),
        exports=ExportRecords(database, now, folders[0]),
        personal_data=PersonalData(database, users, rooms, mailboxes, now),
        marks=marks,
        marked_events=MarkedEvents(database, now, types),
        deliveries=Deliveries(database, now),
        retention=Retention(database, rooms, mailboxes, now, _ages(settings.retention)),
        packets=None if bus is None else Packets(database, bus, now),
    )


def _ages(settings: RetentionSettings) -> Ages:
    days = settings.model_dump()
    return Ages(**{name: None if number is None else timedelta(days=number) for name, number in days.items()})
