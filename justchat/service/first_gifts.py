"""The gifts that a new daemon starts with."""

from twisted.logger import Logger

from justchat.actions.gift_catalogue import GiftCatalogue
from justchat.config.gift_file import read_gifts
from justchat.errors import StoreAway
from justchat.starter import CATALOGUE

_log = Logger()


async def add_first_gifts(catalogue: GiftCatalogue) -> None:
    """Add them where there was never a gift. A store of pictures that is away keeps nobody from chatting."""
    try:
        await catalogue.add_starters(read_gifts(CATALOGUE))
    except StoreAway as error:
        _log.warn("the first gifts are put off to the next start: {error}", error=error)
