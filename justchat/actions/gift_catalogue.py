"""The gift catalogue: what an operator can do with the gifts that users buy."""

import secrets
from collections.abc import Sequence

from attrs import evolve, frozen

from justchat.config.gift_file import NewGift
from justchat.errors import Conflict, GiftNotFound
from justchat.interfaces.audit import RecordDeed
from justchat.interfaces.money import ICatalogue
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.workers import IImages
from justchat.model.audit import Deed
from justchat.model.gift import Gift
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in


@frozen(kw_only=True)
class GiftCatalogue:
    """What an operator can do with gifts."""

    catalogue: ICatalogue
    images: IImages
    pictures: IPictureRecords
    clock: Clock

    async def put(self, gifts: Sequence[NewGift]) -> list[Gift]:
        """Add gifts, or replace those whose ids exist. Either all their pictures are stored, or no gift is.

        Raises NotAnImage, TooLarge, DiskFull, StoreAway.
        """
        made = [
            Gift(
                id=gift.id or new_id(),
                name=gift.name,
                price=gift.price,
                image=await self._picture(gift.image),
                created_at=self.clock(),
            )
            for gift in gifts
        ]
        for gift in made:
            await self.catalogue.put(gift)
        return made

    async def add_starters(self, gifts: Sequence[NewGift]) -> None:
        """Add the starter gifts to a catalogue that never had another gift.

        Their ids are derived from their names. So two daemons that start at once add no gift twice, and the next start
        completes what a crash interrupts.
        """
        starters = {derived_id("starter", gift.name): gift for gift in gifts}
        known = await self.catalogue.ids(len(starters) + 1)
        if known < starters.keys():
            await self.put([evolve(gift, id=id) for id, gift in starters.items() if id not in known])

    async def add(self, name: str, price: int, image: bytes | str, record: RecordDeed) -> Gift:
        """Add a gift, or sell one again that was withdrawn. Its id is derived from its name.

        Raises Conflict for a name that a gift has, and what ``put`` raises. ``record`` writes it into the audit log.
        """
        id = gift_id(name)
        try:
            await self.catalogue.get(id)
        except GiftNotFound:
            await record(Deed.LOAD_GIFT, id, name)
            (gift,) = await self.put([NewGift(id=id, name=name, price=price, image=image)])
            return gift
        raise Conflict(f"there is a gift with this name: {id}")

    async def change(
        self,
        gift: Id,
        record: RecordDeed,
        *,
        name: str | None = None,
        price: int | None = None,
        image: bytes | str | None = None,
    ) -> Gift:
        """Change the given fields of a gift. Raises GiftNotFound, and what ``put`` raises."""
        old = await self.catalogue.get(gift)
        await record(Deed.EDIT_GIFT, gift, None)
        new = evolve(
            old,
            name=old.name if name is None else name,
            price=old.price if price is None else price,
            image=old.image if image is None else await self._picture(image),
        )
        await self.catalogue.put(new)
        return new

    async def withdraw(self, gift: Id, record: RecordDeed) -> None:
        """Take a gift off sale. Users who received it keep it. Raises GiftNotFound."""
        await self.catalogue.get(gift)
        await record(Deed.WITHDRAW_GIFT, gift, None)
        await self.catalogue.withdraw(gift)

    async def _picture(self, image: bytes | str) -> str:
        if isinstance(image, str):
            await self.pictures.refer(pictures_in(image))
            return image
        stem = secrets.token_hex(16)
        await self.pictures.add(stem, None, len(image))
        name = await self.images.keep(image, stem)
        await self.pictures.refer([stem])
        return f"uploads/{name}"


def gift_id(name: str) -> Id:
    """The id of an operator's gift."""
    return derived_id("gift", name)
