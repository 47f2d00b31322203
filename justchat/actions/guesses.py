"""Wrong keys, counted beyond the five tries of one key: by phone, whatever its key is by now, and by address."""

from attrs import frozen

from justchat.interfaces import IWindows
from justchat.model.phone import Phone
from justchat.model.rate import Rate

OF_ADDRESS, OF_PHONE = "wrong-keys-per-address", "wrong-keys-per-phone"
ENDLESS = Rate(10**9, 60)


@frozen(kw_only=True)
class Guesses:
    """How many wrong keys are borne with."""

    windows: IWindows
    per_phone: tuple[Rate, ...]
    per_address: tuple[Rate, ...]

    async def begin(self, address: str | None) -> None:
        """Somebody tries a key: counted before it is looked at, so that tries at the same time are counted too.

        Raises TooManyRequests. An address of None is not counted.
        """
        if address is not None:
            await self.windows.hit(OF_ADDRESS, address, self.per_address)

    async def weigh(self, phone: Phone) -> None:
        """A key of the phone is tried, which there may or may not be. Raises TooManyRequests."""
        await self.windows.hit(OF_PHONE, phone, self.per_phone)

    async def weigh_nothing(self, phone: Phone) -> None:
        """There is no such key. Does as much work as counting a try of one, so that the time does not tell."""
        await self.windows.hit("no-key", phone, (ENDLESS,) * (1 + len(self.per_phone)))

    async def right(self, phone: Phone, address: str | None) -> None:
        """The key was right: nothing is held against its owner."""
        await self.windows.forget(OF_PHONE, phone, self.per_phone)
        if address is not None:
            await self.windows.give_back(OF_ADDRESS, address, self.per_address)
