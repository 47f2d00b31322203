"""The table ``[limits]``: rates, connections, and the sizes of what clients send."""

from collections.abc import Mapping
from typing import Literal

from justchat.config.setting_types import Networks, Positive, RateText, RateTexts
from justchat.config.table import Table
from justchat.model.rate import Rate, parse_rate


class Limits(Table):
    """``[limits]``: ``enabled`` switches rates, connection limits and SMS limits, never the sizes below."""

    enabled: bool = True
    shared: bool = False
    """Whether all daemons of a bus count rates and connections together."""
    exempt: Networks = ()
    """Networks whose clients are not counted, unless they come through a proxy."""
    sign_in: RateText = "1000/minute"
    """Sign-ups and sign-ins from an address."""
    send: RateText = "6000/minute"
    """Messages, gifts and complaints of a session. The next three are for other calls of a session."""
    change: RateText = "3000/minute"
    read: RateText = "6000/minute"
    upload: RateText = "120/minute"
    server: RateText = "60000/minute"
    """Calls of one server key, and calls of an app's servers from one address."""
    enter: RateText = "60/minute"
    """Entries of one user into one room, each an event for everybody inside."""
    moderate: RateText = "120/minute"
    """Moderation calls of one user in one room."""
    kept_answers: RateText = "67108864/day"
    """Bytes of answers that are kept for Idempotency-Keys: of a user, or of an address where there is no session."""
    get: RateText = "12000/minute"
    """Requests from an address that are no calls, and requests that are refused."""
    upload_bytes_per_user: Positive = 256 * 1024 * 1024
    """Bytes of uploads in a day. The same holds for the next two."""
    upload_bytes_per_address: Positive = 1024 * 1024 * 1024
    upload_bytes_in_all: Positive = 20 * 1024 * 1024 * 1024
    share: Positive = 20
    """An address has this many times the rate of a session, since many users can share an address."""
    wrong_keys_per_phone: RateTexts = ("20/hour", "50/day")
    """Wrong keys for a phone, over all of its keys. One key allows five in any case."""
    wrong_keys_per_address: RateTexts = ("300/hour", "600/day")
    wrong_keys_per_network: RateTexts = ("600/hour", "1200/day")
    """From a /24 of IPv4 or a /48 of IPv6."""
    wrong_keys_in_all: RateTexts = ("2000/hour", "10000/day")
    wrong_passwords_per_user: RateTexts = ("10/minute", "60/day")
    """Wrong room passwords from one user."""
    wrong_passwords_per_address: RateTexts = ("300/hour", "1000/day")
    wrong_passwords_per_room: RateTexts = ("200/hour", "1000/day")
    """Wrong passwords for one room, from users who were never in it."""
    unnumbered_top_ups: RateTexts = ("20/day",)
    """Top-ups of a user without a payment_id, which bounds how often a signature can be replayed."""
    sms_per_phone: RateTexts | None = None
    """SMS to a phone. For this and the next four, None is SMS_RATES with a gateway, and no limit without."""
    sms_per_address: RateTexts | None = None
    sms_per_network: RateTexts | None = None
    sms_per_code: RateTexts | None = None
    """SMS to the phones of a country calling code, as 7."""
    sms_in_all: RateTexts | None = None
    connections: Positive = 20_000
    """HTTP connections that may be open; fewer where the process may open fewer files."""
    connections_per_address: Positive = 1000
    sockets_per_address: Positive = 2000
    """Sockets from one address, which a whole town may share."""
    sockets_per_session: Positive = 1000
    frames_per_minute: Positive = 600
    """Frames that a client may send on one socket: ``init``, and the answers to pings."""
    frame: Positive = 16 * 1024
    text: Positive = 4096
    name: Positive = 64
    room_name: Positive = 128
    password: Positive = 128
    client_id: Positive = 128
    payment_id: Positive = 128
    invites: Positive = 50
    """Phones in one ``/init/invite``."""
    photo: Positive = 1024
    rooms_per_user: Positive = 1000
    """Rooms that one user is the admin of."""
    exports_per_user: RateTexts = ("10/day",)
    """Archives that a user can ask for."""
    blocks_per_user: Positive = 5000
    announced_per_second: Positive = 500
    """People whom an announcement is told in a second, at most."""
    searches: Positive = 1
    """Slow searches that run at once."""
    searches_per_user: Positive = 8
    """Slow searches of one user, running or queued."""
    room_users: Positive = 100_000
    """The largest ``max_users`` of a room."""
    body: Positive = 64 * 1024
    image: Positive = 5 * 1024 * 1024
    uploads_per_address: Positive = 500
    """Uploads under way from one address. Together they may have half of this times ``image`` bytes so far."""
    uploads_in_all: Positive = 2000
    page: Positive = 500
    """The largest ``limit`` or ``per_page``; a larger one is reduced to it."""

    def rates(self, written: RateTexts) -> tuple[Rate, ...]:
        """The parsed rates; none where limits are disabled."""
        found = (parse_rate(rate) for rate in written if self.enabled)
        return tuple(rate for rate in found if rate is not None)


SmsLimit = Literal["sms_per_phone", "sms_per_address", "sms_per_network", "sms_per_code", "sms_in_all"]
SMS_RATES: Mapping[SmsLimit, RateTexts] = {
    "sms_per_phone": ("1/minute", "5/hour", "20/day"),
    "sms_per_address": ("100/hour", "200/day"),
    "sms_per_network": ("200/hour", "400/day"),
    "sms_per_code": ("5000/day",),
    "sms_in_all": ("10000/day",),
}
