"""The shop: what an operator does about the gifts that can be bought."""

from collections.abc import Sequence

from attrs import evolve, frozen

from justchat.config.gift_file import NewGift
from justchat.interfaces.money import ICatalogue
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.workers import IImages
from justchat.model.gift import Gift
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in


@frozen(kw_only=True)
class GiftCatalogue:
    """What an operator can do about gifts."""

    catalogue: ICatalogue
    images: IImages
    pictures: IPictureRecords
    clock: Clock

    async def stock(self, gifts: Sequence[NewGift]) -> list[Gift]:
        """Add gifts, or change those whose ids are known. No gift is kept unless all their pictures can be.

        Raises NotAnImage, TooLarge, DiskFull.
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

    async def open(self, gifts: Sequence[NewGift]) -> None:
        """Stock a shop that has never had another gift than these. Their ids follow from their names, so that two
        daemons that do this at once give no gift twice, and a crash in the middle leaves what the next start completes.
        """
        starters = {derived_id("starter", gift.name): gift for gift in gifts}
        known = await self.catalogue.ids(len(starters) + 1)
        if known < starters.keys():
            await self.stock([evolve(gift, id=id) for id, gift in starters.items() if id not in known])

    async def change(
        self, gift: Id, *, name: str | None = None, price: int | None = None, image: bytes | str | None = None
    ) -> Gift:
        """Change what is given of a gift. Raises GiftNotFound, and what stock() does."""
        old = await self.catalogue.get(gift)
        new = evolve(
            old,
            name=old.name if name is None else name,
            price=old.price if price is None else price,
            image=old.image if image is None else await self._picture(image),
        )
        await self.catalogue.put(new)
        return new

    async def withdraw(self, gift: Id) -> None:
        """Sell a gift no more; who has it keeps it. Raises GiftNotFound."""
        await self.catalogue.withdraw(gift)

    async def _picture(self, image: bytes | str) -> str:
        if isinstance(image, str):
            await self.pictures.refer(pictures_in(image))
            return image
        return f"uploads/{await self.images.keep(image)}"
