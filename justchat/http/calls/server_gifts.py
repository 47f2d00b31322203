"""The calls ``/server/gifts/…``: the catalogue of gifts."""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.actions.operating import OperatorActions
from justchat.errors import Conflict, GiftNotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, Coins, GiftImage, IdField, Limit, Offset, ShortName, invalid
from justchat.http.operator_responses import CatalogueGiftAnswer
from justchat.http.responses import GiftsAnswer, Nothing
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.server_key import Scope
from justchat.protocol.documents import gift_document

_NO_CHANGE: Any = {"properties": {name: {"type": "null"} for name in ("name", "price", "image")}}


class ListGifts(Body):
    skip: Offset = 0
    limit: Limit = 100


class AddGift(Body):
    name: ShortName
    price: Coins
    image: GiftImage


class GiftBody(Body):
    gift: IdField


class EditGift(GiftBody):
    model_config = ConfigDict(json_schema_extra={"not": _NO_CHANGE})
    name: ShortName | None = None
    price: Coins | None = None
    image: GiftImage | None = None

    @model_validator(mode="after")
    def _changes(self) -> "EditGift":
        if self.name is None and self.price is None and self.image is None:
            raise invalid("one of name, price and image is required")
        return self


@frozen
class ServerGiftCalls:
    """See docs/protocol.rst, "An app's own server"."""

    gifts: GiftCatalogue
    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/gifts/list",
        scopes=(Scope.CONSOLE,),
        body=ListGifts,
        example={"skip": 0, "limit": 100},
        answer=GiftsAnswer,
        keeps_answer=False,
    )
    async def list_gifts(self, requester: Requester, body: ListGifts) -> GiftsAnswer:
        """List the gifts that can be bought, the cheapest first."""
        gifts = await self.gifts.catalogue.all()
        return {"data": {"gifts": list(map(gift_document, gifts[body.skip : body.skip + body.limit]))}}

    @server_post(
        "/server/gifts/add",
        scopes=(Scope.CONSOLE,),
        body=AddGift,
        example={"name": "a rose", "price": 10, "image": "/gifts/rose.png"},
        answer=CatalogueGiftAnswer,
        statuses=(201,),
        raises=(Conflict,),
    )
    async def add(self, requester: Requester, body: AddGift) -> CatalogueGiftAnswer:
        """Add a gift to the catalogue."""
        record = self.operating_as(requester.actor).record
        return {"data": {"gift": gift_document(await self.gifts.add(body.name, body.price, body.image, record))}}

    @server_post(
        "/server/gifts/edit",
        scopes=(Scope.CONSOLE,),
        body=EditGift,
        example={"gift": "530a30c649b9733ae9af7148", "price": 12},
        answer=CatalogueGiftAnswer,
        raises=(GiftNotFound,),
    )
    async def edit(self, requester: Requester, body: EditGift) -> CatalogueGiftAnswer:
        """Change a gift. Users who received it keep it as it was."""
        record = self.operating_as(requester.actor).record
        changed = await self.gifts.change(Id(body.gift), record, name=body.name, price=body.price, image=body.image)
        return {"data": {"gift": gift_document(changed)}}

    @server_post(
        "/server/gifts/remove",
        scopes=(Scope.CONSOLE,),
        body=GiftBody,
        example={"gift": "530a30c649b9733ae9af7148"},
        answer=Nothing,
        raises=(GiftNotFound,),
    )
    async def remove(self, requester: Requester, body: GiftBody) -> Nothing:
        """Take a gift off sale. Users who received it keep it."""
        await self.gifts.withdraw(Id(body.gift), self.operating_as(requester.actor).record)
        return {}
