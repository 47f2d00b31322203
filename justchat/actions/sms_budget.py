"""Limits on SMS: each costs money and may annoy its receiver.

There are three budgets, so that nobody else can use up the SMS that owners need to sign in again:

- newcomers: phones that never signed in, and invitations;
- users: phones that signed in before, requested from anywhere;
- owners: phones that signed in before, requested from a known network of theirs.

The limits per address and per network span the first two.
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

NEWCOMERS, USERS, OWNERS = "", "user", "owner"
"""The budgets, as groups of counters."""
A_DAY = (Rate(1, 24 * 3600),)
SHARE = 2 / 5
"""The part of the limit per phone that one network can use in the users' budget. The rest is left for other networks,
one of which may be the owner's.
"""


@frozen(kw_only=True)
class SmsBudget:
    """Limits per phone, per address and network, per dial code and in all.

    ``countries`` are the regions served, such as ``RU``; empty for all. An address of None is not counted.
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
        """Whether the caller needs a captcha, since many SMS were sent. Raises TooManyRequests. Counts nothing."""
        counters = self._of_key(phone, address, key)
        watched = [counter for counter in counters if counter.name in ("sms-per-code", "sms-in-all")]
        alarmed = await self.alarm.watch([counter for counter in counters if counter not in watched], watched)
        return alarmed and not is_known_network(key, address)

    async def take_key(self, phone: Phone, address: str | None, key: UserKey | None) -> list[RateHit]:
        """Count an SMS with a new key to a phone, requested from an address. ``key`` is the phone's present key.

        Raises TooManyRequests.
        """
        return await self.rate_windows.take(self._of_key(phone, address, key))

    async def take_invitation(self, user: Id, phone: Phone, address: str | None) -> list[RateHit]:
        """Count an invitation by a user. Raises TooManyRequests."""
        per_user = RateCounter("invites-per-user", user, self.per_address)
        per_phone = RateCounter("invites-per-phone", phone, self.per_phone)
        return await self.rate_windows.take(
            [*self._of_caller(address), per_user, per_phone, *self._totals(phone, NEWCOMERS)]
        )

    async def take_warning(self, phone: Phone) -> list[RateHit]:
        """Count a warning to an owner that their key was locked. Raises TooManyRequests after one a day."""
        return await self.rate_windows.take([RateCounter("sms-burnt", phone, A_DAY), *self._totals(phone, USERS)])

    async def give_back(self, taken: list[RateHit]) -> None:
        """Give back the counts of an SMS that was certainly not sent."""
        await self.rate_windows.give_back(taken)

    def _of_key(self, phone: Phone, address: str | None, key: UserKey | None) -> list[RateCounter]:
        budget = NEWCOMERS
        if is_known_network(key, address):
            budget = OWNERS
        elif key is not None and key.phone_verified:
            budget = USERS
        of_caller = [] if budget == OWNERS else self._of_caller(address)
        if budget == USERS and address is not None:
            share = tuple(Rate(max(1, int(most * SHARE)), seconds) for most, seconds in self.per_phone)
            of_caller.append(RateCounter("sms-per-phone", f"{phone} {network_of(address)}", share, budget))
        return [*of_caller, RateCounter("sms-per-phone", phone, self.per_phone, budget), *self._totals(phone, budget)]

    def _of_caller(self, address: str | None) -> list[RateCounter]:
        if address is None:
            return []
        return [
            RateCounter("sms-per-address", address, self.per_address),
            RateCounter("sms-per-network", network_of(address), self.per_network),
        ]

    def _totals(self, phone: Phone, budget: str) -> list[RateCounter]:
        return [
            RateCounter("sms-per-code", str(dial_code_of(phone)), self.per_code, budget),
            RateCounter("sms-in-all", "", self.in_all, budget),
        ]
