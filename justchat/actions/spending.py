"""What SMS may be sent: each costs money, and annoys somebody."""

from collections.abc import Iterator

from attrs import frozen

from justchat.errors import CountryNotServed, TooManyRequests
from justchat.interfaces import IWindows
from justchat.model.phone import Phone, country_of, dial_code_of
from justchat.model.rate import Rate

Window = tuple[str, str, tuple[Rate, ...]]
"""What is counted, of whom, and its limits."""


@frozen(kw_only=True)
class Spending:
    """Limits by phone, by address, by dial code and in all; ``countries`` are regions as ``RU``, none for any."""

    windows: IWindows
    per_phone: tuple[Rate, ...] = ()
    per_address: tuple[Rate, ...] = ()
    per_code: tuple[Rate, ...] = ()
    in_all: tuple[Rate, ...] = ()
    countries: frozenset[str] = frozenset()

    def check(self, phone: Phone) -> None:
        """Raises CountryNotServed."""
        if self.countries and country_of(phone) not in self.countries:
            raise CountryNotServed

    async def take(self, phone: Phone, address: str | None) -> None:
        """An SMS is to be sent to this phone, for somebody at this address. Raises TooManyRequests."""
        taken: list[Window] = []
        for window in self._windows(phone, address):
            try:
                await self.windows.hit(*window)
            except TooManyRequests:
                for earlier in taken:
                    await self.windows.give_back(*earlier)
                raise
            taken.append(window)

    async def give_back(self, phone: Phone, address: str | None) -> None:
        """It was surely not sent."""
        for window in self._windows(phone, address):
            await self.windows.give_back(*window)

    def _windows(self, phone: Phone, address: str | None) -> Iterator[Window]:
        if self.per_address and address is not None:
            yield "sms-per-address", address, self.per_address
        if self.per_phone:
            yield "sms-per-phone", phone, self.per_phone
        if self.per_code:
            yield "sms-per-code", str(dial_code_of(phone)), self.per_code
        if self.in_all:
            yield "sms-in-all", "", self.in_all
