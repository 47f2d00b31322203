"""The actions of users and operators, built from the stores and from what else they use."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import monotonic

from attrs import evolve, frozen

from justchat.actions.abuse_alarm import AbuseAlarm
from justchat.actions.accounts import Accounts, new_key
from justchat.actions.announcing import Announcing
from justchat.actions.blocks import Blocks
from justchat.actions.complaints import Complaints
from justchat.actions.deletion import AccountDeletion
from justchat.actions.direct import DirectMessages
from justchat.actions.exports import Exports
from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.actions.held_messages import HeldActions
from justchat.actions.login_attempts import LoginAttempts, RoomPasswordAttempts, ServerKeyAttempts
from justchat.actions.messages import Messages
from justchat.actions.moderation import Moderation
from justchat.actions.money import Money
from justchat.actions.operating import OperatorActions
from justchat.actions.overview import Overview
from justchat.actions.removals import MessageRemovals
from justchat.actions.room_editing import RoomEditing
from justchat.actions.rooms import RoomActions
from justchat.actions.server_keys import ServerKeyActions, ServerKeyCheck
from justchat.actions.server_messages import ServerMessages
from justchat.actions.server_rooms import ServerRooms
from justchat.actions.server_users import ServerUsers
from justchat.actions.sms_budget import SmsBudget
from justchat.actions.token_sign_in import TokenSignIn
from justchat.actions.transfers import Transfers
from justchat.actions.uploads import UploadActions
from justchat.actions.word_filter import WordFilter
from justchat.config.limits import Limits
from justchat.config.settings import Settings
from justchat.interfaces.counters import CountAction
from justchat.interfaces.exports import IArchives
from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.outbound import ICaptcha, ISmsSender
from justchat.interfaces.pictures import IPictureStore
from justchat.interfaces.realtime import IArrivals, ISessionListener
from justchat.interfaces.tokens import ITokens
from justchat.interfaces.workers import IImages, IPasswords
from justchat.limits.rate_limiter import MakeWindow, SlidingWindow
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.model.rate import parse_rate
from justchat.policy import check_speak_by_server
from justchat.wiring.pictures import make_archive_content
from justchat.wiring.stores import Stores
from justchat.wiring.words import make_word_filter


@frozen(kw_only=True)
class Actions:
    """What users and operators can do."""

    accounts: Accounts
    token_sign_in: TokenSignIn
    deletion: AccountDeletion
    rooms: RoomActions
    editing: RoomEditing
    messages: Messages
    moderation: Moderation
    removals: MessageRemovals
    direct: DirectMessages
    blocks: Blocks
    money: Money
    transfers: Transfers
    gift_catalogue: GiftCatalogue
    complaints: Complaints
    held: HeldActions
    announcing: Announcing
    server_rooms: ServerRooms
    server_messages: ServerMessages
    uploads: UploadActions
    exports: Exports
    operating_as: Callable[[Actor], OperatorActions]
    """What somebody can do about others, written into the audit log."""
    overview_as: Callable[[Actor], Overview]
    keys_as: Callable[[Actor], ServerKeyActions]
    server_keys: ServerKeyCheck
    server_users: ServerUsers


def make_actions(
    settings: Settings,
    stores: Stores,
    *,
    session_listener: ISessionListener,
    arrivals: IArrivals | None,
    passwords: IPasswords,
    images: IImages,
    picture_store: IPictureStore,
    archives: IArchives,
    sms: ISmsSender,
    captcha: ICaptcha,
    tokens: ITokens,
    before_message: IBeforeMessage | None,
    secret_key: str,
    words: WordFilter,
    make_window: MakeWindow = SlidingWindow,
) -> Actions:
    """``secret_key`` is what top-ups are signed with. ``make_window`` makes the windows of rates."""
    limits = settings.limits
    alarm = AbuseAlarm(rate_windows=stores.rate_windows, clock=now)
    users, rooms, mailboxes, pictures = stores.users, stores.rooms, stores.mailboxes, stores.pictures
    transfers = make_transfers(stores)
    accounts = Accounts(
        users=users,
        sessions=stores.sessions,
        rooms=rooms,
        passwords=passwords,
        sms=sms,
        captcha=captcha,
        by_phone=settings.auth.phone,
        search_users=settings.privacy.search_users,
        captcha_always=settings.captcha.enabled,
        locked_text=settings.sms.burnt_text,
        session_listener=session_listener,
        clock=now,
        make_key=partial(new_key, settings.sms.key_digits),
        sms_text=settings.sms.text,
        invites=stores.invites,
        pictures=pictures,
        words=words,
        invite_text=settings.sms.invite_text,
        login_attempts=LoginAttempts(
            rate_windows=stores.rate_windows,
            alarm=alarm,
            per_phone=limits.rates(limits.wrong_keys_per_phone),
            per_address=limits.rates(limits.wrong_keys_per_address),
            per_network=limits.rates(limits.wrong_keys_per_network),
            in_all=limits.rates(limits.wrong_keys_in_all),
        ),
        sms_budget=SmsBudget(
            rate_windows=stores.rate_windows,
            alarm=alarm,
            per_phone=settings.sms_rates("sms_per_phone"),
            per_address=settings.sms_rates("sms_per_address"),
            per_network=settings.sms_rates("sms_per_network"),
            per_code=settings.sms_rates("sms_per_code"),
            in_all=settings.sms_rates("sms_in_all"),
            countries=settings.served_countries,
        ),
    )
    room_actions = RoomActions(
        users=users,
        rooms=rooms,
        words=words,
        passwords=passwords,
        password_attempts=RoomPasswordAttempts(
            rate_windows=stores.rate_windows,
            per_user=limits.rates(limits.wrong_passwords_per_user),
            per_address=limits.rates(limits.wrong_passwords_per_address),
            per_room=limits.rates(limits.wrong_passwords_per_room),
        ),
        clock=now,
        rooms_per_user=limits.rooms_per_user,
        count_entering=count_in_room("enter", limits, make_window),
        arrivals=arrivals,
    )
    # One count for all that a person does to others in a room.
    count_moderating = count_in_room("moderate", limits, make_window)
    message_removals = MessageRemovals(
        rooms=rooms,
        mailboxes=mailboxes,
        removals=stores.removals,
        clock=now,
        count_action=count_moderating,
    )
    editing = RoomEditing(
        rooms=rooms,
        words=words,
        passwords=passwords,
        clock=now,
        count_action=count_moderating,
    )
    messages = Messages(
        rooms=rooms,
        client_ids=stores.room_client_ids,
        pictures=pictures,
        words=words,
        clock=now,
        before=before_message,
    )
    moderation = Moderation(
        users=users,
        rooms=rooms,
        pictures=pictures,
        words=words,
        clock=now,
        count_action=count_moderating,
        arrivals=arrivals,
    )
    direct = DirectMessages(
        users=users,
        mailboxes=mailboxes,
        client_ids=stores.direct_client_ids,
        pictures=pictures,
        words=words,
        clock=now,
        before=before_message,
    )
    announcing = make_announcing(stores, words)
    operating_as = partial(
        make_operator_actions, settings, stores, announcing=announcing, session_listener=session_listener
    )
    token_sign_in = TokenSignIn(tokens=tokens, users=users, accounts=accounts, clock=now)
    deletion = AccountDeletion(
        users=users,
        sessions=stores.sessions,
        rooms=rooms,
        deletions=stores.deletions,
        erasure=stores.erasure,
        accounts=accounts,
        token_sign_in=token_sign_in,
        room_actions=room_actions,
        removals=message_removals,
        clock=now,
        grace=timedelta(days=settings.accounts.deletion_grace),
    )
    return Actions(
        accounts=accounts,
        token_sign_in=token_sign_in,
        deletion=deletion,
        rooms=room_actions,
        editing=editing,
        messages=messages,
        moderation=moderation,
        removals=message_removals,
        direct=direct,
        blocks=Blocks(users=users, mailboxes=mailboxes, clock=now, most=limits.blocks_per_user),
        money=Money(
            users=users,
            mailboxes=mailboxes,
            ledger=stores.ledger,
            transfers=transfers,
            catalogue=stores.catalogue,
            pictures=pictures,
            words=words,
            rate_windows=stores.rate_windows,
            clock=now,
            secret_key=secret_key,
            allow_unnumbered=settings.payments.allow_unnumbered,
            unnumbered=limits.rates(limits.unnumbered_top_ups),
            free_coins=settings.payments.free_coins,
        ),
        transfers=transfers,
        gift_catalogue=make_gift_catalogue(stores, images),
        complaints=Complaints(
            users=users, rooms=rooms, mailboxes=mailboxes, complaints=stores.complaints, pictures=pictures, clock=now
        ),
        held=HeldActions(rooms=rooms, mailboxes=mailboxes, held=stores.held, clock=now),
        announcing=announcing,
        # What the app's own server does is nobody's action, and counts among nobody's.
        server_rooms=ServerRooms(
            users=users,
            rooms=rooms,
            actions=evolve(room_actions, count_entering=_uncounted, rooms_per_user=None),
            editing=evolve(editing, count_action=_uncounted),
            moderation=evolve(moderation, count_action=_uncounted),
            removals=stores.removals,
        ),
        server_messages=ServerMessages(
            users=users,
            rooms=rooms,
            # An app's own server is not asked about what it says itself.
            messages=evolve(messages, check_speak=check_speak_by_server, before=None),
            direct=evolve(direct, before=None),
            announcing=announcing,
            removals=message_removals,
        ),
        uploads=UploadActions(
            images=images,
            pictures=pictures,
            clock=now,
            per_user=limits.upload_bytes_per_user if limits.enabled else None,
            per_address=limits.upload_bytes_per_address if limits.enabled else None,
            in_all=limits.upload_bytes_in_all if limits.enabled else None,
            orphans=timedelta(seconds=settings.uploads.orphan_lifetime),
        ),
        exports=Exports(
            exports=stores.exports,
            archives=archives,
            content=make_archive_content(stores, picture_store),
            rate_windows=stores.rate_windows,
            per_user=limits.rates(limits.exports_per_user),
            clock=now,
        ),
        operating_as=operating_as,
        overview_as=lambda actor: make_overview(stores, operating_as(actor)),
        keys_as=lambda actor: make_server_key_actions(stores, operating_as(actor)),
        server_keys=ServerKeyCheck(
            keys=stores.server_keys,
            attempts=ServerKeyAttempts(
                rate_windows=stores.rate_windows,
                per_address=limits.rates(limits.wrong_keys_per_address),
                per_network=limits.rates(limits.wrong_keys_per_network),
            ),
            clock=now,
        ),
        server_users=ServerUsers(users=users, rooms=rooms, accounts=accounts, deletion=deletion, clock=now),
    )


def make_announcing(stores: Stores, words: WordFilter) -> Announcing:
    """The actions on announcements."""
    return Announcing(
        users=stores.users,
        mailboxes=stores.mailboxes,
        announcements=stores.announcements,
        pictures=stores.pictures,
        words=words,
        clock=now,
    )


def _uncounted(user: Id, room: Id) -> None:
    """Counts nothing."""


def make_gift_catalogue(stores: Stores, images: IImages) -> GiftCatalogue:
    """The actions on the gift catalogue."""
    return GiftCatalogue(catalogue=stores.catalogue, images=images, pictures=stores.pictures, clock=now)


def make_transfers(stores: Stores) -> Transfers:
    """The steps of changes of balances."""
    return Transfers(users=stores.users, rooms=stores.rooms, ledger=stores.ledger, mailboxes=stores.mailboxes)


def make_operator_actions(
    settings: Settings,
    stores: Stores,
    actor: Actor,
    *,
    announcing: Announcing | None = None,
    session_listener: ISessionListener | None = None,
) -> OperatorActions:
    """The actions of an operator or a server, which need the stores alone."""
    return OperatorActions(
        users=stores.users,
        sessions=stores.sessions,
        rooms=stores.rooms,
        removals=stores.removals,
        deletions=stores.deletions,
        grace=timedelta(days=settings.accounts.deletion_grace),
        ledger=stores.ledger,
        transfers=make_transfers(stores),
        mailboxes=stores.mailboxes,
        complaints=stores.complaints,
        audit=stores.audit,
        actor=actor,
        session_listener=session_listener,
        held=stores.held,
        deliveries=stores.deliveries,
        announcing=announcing or make_announcing(stores, make_word_filter(settings)),
        clock=now,
        region=settings.sms.region,
    )


def make_overview(stores: Stores, operating: OperatorActions) -> Overview:
    """What operators look at."""
    return Overview(
        users=stores.users,
        rooms=stores.rooms,
        online=stores.online,
        load=stores.load,
        complaints=stores.complaints,
        held=stores.held,
        operating=operating,
        clock=now,
    )


def make_server_key_actions(stores: Stores, operating: OperatorActions) -> ServerKeyActions:
    """The actions of an operator on server keys."""
    return ServerKeyActions(keys=stores.server_keys, operating=operating, clock=now)


def count_in_room(name: str, limits: Limits, make_window: MakeWindow = SlidingWindow) -> CountAction:
    """Counts what a person does in a room, by a rate of ``[limits]``."""
    rate = parse_rate(getattr(limits, name)) if limits.enabled else None
    window = None if rate is None else make_window(name, rate, monotonic)

    def count(user: Id, room: Id) -> None:
        if window is not None:
            window.hit((user, room))

    return count
