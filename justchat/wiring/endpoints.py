"""The calls that the daemon serves, and their rates."""

from time import monotonic
from typing import get_args

from attrs import evolve

from justchat.config.limits import Limits
from justchat.config.settings import Settings
from justchat.http.calls.accounts import AccountCalls
from justchat.http.calls.blocks import BlockCalls
from justchat.http.calls.complaints import ComplaintCalls
from justchat.http.calls.deletion import DeletionCalls
from justchat.http.calls.direct import DirectCalls
from justchat.http.calls.exports import ExportCalls
from justchat.http.calls.moderation import ModerationCalls
from justchat.http.calls.money import MoneyCalls
from justchat.http.calls.rooms import RoomCalls
from justchat.http.calls.server_coins import ServerCoinCalls
from justchat.http.calls.server_complaints import ServerComplaintCalls
from justchat.http.calls.server_console import ServerConsoleCalls
from justchat.http.calls.server_gifts import ServerGiftCalls
from justchat.http.calls.server_held import ServerHeldCalls
from justchat.http.calls.server_keys import ServerKeyCalls
from justchat.http.calls.server_messages import ServerMessageCalls
from justchat.http.calls.server_moderation import ServerModerationCalls
from justchat.http.calls.server_room_lists import ServerRoomLists
from justchat.http.calls.server_rooms import ServerRoomCalls
from justchat.http.calls.server_users import ServerUserCalls
from justchat.http.calls.uploads import UploadCalls
from justchat.http.endpoint import REQUIRED, Endpoint, Rated, endpoints_of
from justchat.limits.rate_limiter import MakeWindow, RateLimiter, SlidingWindow
from justchat.model.moment import now
from justchat.model.rate import Rate, parse_rate
from justchat.wiring.actions import Actions


def make_endpoints(settings: Settings, actions: Actions) -> list[Endpoint]:
    """The endpoints of every call."""
    return [
        *endpoints_of(
            AccountCalls(
                actions.accounts, actions.token_sign_in, settings.privacy.show_phones, settings.privacy.show_registered
            )
        ),
        *endpoints_of(DeletionCalls(actions.deletion)),
        *endpoints_of(RoomCalls(actions.rooms, actions.editing, actions.messages, now)),
        *endpoints_of(ModerationCalls(actions.moderation, actions.removals)),
        *endpoints_of(DirectCalls(actions.direct)),
        *endpoints_of(BlockCalls(actions.blocks)),
        *endpoints_of(MoneyCalls(actions.money, actions.accounts)),
        *endpoints_of(ExportCalls(actions.exports)),
        *endpoints_of(ComplaintCalls(actions.complaints)),
        *endpoints_of(
            ServerUserCalls(actions.accounts, actions.server_users, actions.operating_as, actions.overview_as, now)
        ),
        *endpoints_of(ServerRoomCalls(actions.server_rooms, actions.operating_as, now)),
        *endpoints_of(ServerModerationCalls(actions.server_rooms, actions.operating_as)),
        *endpoints_of(ServerRoomLists(actions.overview_as, now)),
        *endpoints_of(ServerMessageCalls(actions.server_messages, actions.operating_as)),
        *endpoints_of(ServerCoinCalls(actions.money, actions.accounts, actions.operating_as, now)),
        *endpoints_of(ServerComplaintCalls(actions.operating_as, now)),
        *endpoints_of(ServerHeldCalls(actions.operating_as)),
        *endpoints_of(ServerGiftCalls(actions.gift_catalogue, actions.operating_as)),
        *endpoints_of(ServerKeyCalls(actions.keys_as)),
        *endpoints_of(ServerConsoleCalls(actions.operating_as, actions.overview_as)),
        *(
            evolve(endpoint, session=REQUIRED) if settings.uploads.require_session else endpoint
            for endpoint in endpoints_of(UploadCalls(actions.uploads))
        ),
    ]


def make_rate_limiter(limits: Limits, make_window: MakeWindow = SlidingWindow) -> RateLimiter | None:
    """The rate limiter of ``[limits]``; None if it is turned off."""
    if not limits.enabled:
        return None
    rates, share, kept = rates_of(limits)
    return RateLimiter(rates, share, monotonic, kept, make_window)


def rates_of(limits: Limits) -> tuple[dict[str, Rate | None], int, Rate | None]:
    """What a RateLimiter is told: the rates by class of calls, the share of an address, the rate of kept answers."""
    rates = {name: parse_rate(getattr(limits, name)) for name in (*get_args(Rated), "get")}
    return rates, limits.share, parse_rate(limits.kept_answers)
