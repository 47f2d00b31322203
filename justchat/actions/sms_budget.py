"""What SMS may be sent: each costs money, and annoys somebody.

There are three purses, so that strangers cannot use up what owners need to come back in: that of phones which never
signed in, and of invitations; that of phones which did, asked for from anywhere; and that of those whose owners ask
from a network where they signed in lately. Addresses and networks have one bound for the first two.
"""

from attrs import frozen

from justchat.actions.abuse_alarm import AbuseAlarm
from justchat.actions.login_attempts import is_known_network
from justchat.errors import CountryNotServed
from justchat.interfaces.counters import IRateWindows
from justchat.model.ids import Id
from justchat.model.network import network_of
from justchat.model.phone import Phone, country_of, dial_code_of
from justchat.model.rate import Rate, RateCounter, RateHit
from justchat.model.user import UserKey

USERS, OWNERS = "user", "owner"
A_DAY = (Rate(1, 24 * 3600),)
SHARE = 2 / 5
"""Of the keys that strangers may have sent to an owner's phone, one network has this part: some is left for others, of
whom one may be the owner.
"""


@frozen(kw_only=True)
class SmsBudget:
    """Limits by phone, by address and network, by dial code and in all; ``countries`` are regions as ``RU``, none for
    any. An address of None is not counted.
    """

    rate_windows: IRateWindows
    alarm: AbuseAlarm
    per_phone: tuple[Rate, ...] = ()
    per_address: tuple[Rate, ...] = ()
    per_network: tuple[Rate, ...] = ()
    per_code: tuple[Rate, ...] = ()
    in_all: tuple[Rate, ...] = ()
    countries: frozenset[str] = frozenset()

    def check_country(self, phone: Phone) -> None:
        """Raises CountryNotServed."""
        if self.countries and country_of(phone) not in self.countries:
            raise CountryNotServed

    async def check_key(self, phone: Phone, address: str | None, key: UserKey | None) -> bool:
        """Whether so many SMS were sent that a captcha is in order. Raises TooManyRequests. Counts nothing."""
        counters = self._of_key(phone, address, key)
        watched = [counter for counter in counters if counter.name in ("sms-per-code", "sms-in-all")]
        alarmed = await self.alarm.watch([counter for counter in counters if counter not in watched], watched)
        return alarmed and not is_known_network(key, address)

    async def take_key(self, phone: Phone, address: str | None, key: UserKey | None) -> list[RateHit]:
        """A key is to be sent to this phone, for somebody at this address; ``key`` is the present one.

        Raises TooManyRequests.
        """
        return await self.rate_windows.take(self._of_key(phone, address, key))

    async def take_invitation(self, user: Id, phone: Phone, address: str | None) -> list[RateHit]:
        """An invitation by a user is to be sent. Raises TooManyRequests."""
        per_user = RateCounter("invites-per-user", user, self.per_address)
        per_phone = RateCounter("invites-per-phone", phone, self.per_phone)
        return await self.rate_windows.take([*self._callers(address), per_user, per_phone, *self._totals(phone, "")])

    async def take_warning(self, phone: Phone) -> list[RateHit]:
        """An owner is to be told that their key was burnt: once a day. Raises TooManyRequests."""
        return await self.rate_windows.take([RateCounter("sms-burnt", phone, A_DAY), *self._totals(phone, USERS)])

    async def give_back(self, taken: list[RateHit]) -> None:
        """It was surely not sent."""
        await self.rate_windows.give_back(taken)

    def _of_key(self, phone: Phone, address: str | None, key: UserKey | None) -> list[RateCounter]:
        purse = ""
        if is_known_network(key, address):
            purse = OWNERS
        elif key is not None and key.phone_verified:
            purse = USERS
        callers = [] if purse == OWNERS else self._callers(address)
        if purse == USERS and address is not None:
            share = tuple(Rate(max(1, int(most * SHARE)), seconds) for most, seconds in self.per_phone)
            callers.append(RateCounter("sms-per-phone", f"{phone} {network_of(address)}", share, purse))
        return [*callers, RateCounter("sms-per-phone", phone, self.per_phone, purse), *self._totals(phone, purse)]

    def _callers(self, address: str | None) -> list[RateCounter]:
        if address is None:
            return []
        return [
            RateCounter("sms-per-address", address, self.per_address),
            RateCounter("sms-per-network", network_of(address), self.per_network),
        ]

    def _totals(self, phone: Phone, purse: str) -> list[RateCounter]:
        return [
            RateCounter("sms-per-code", str(dial_code_of(phone)), self.per_code, purse),
            RateCounter("sms-in-all", "", self.in_all, purse),
        ]
