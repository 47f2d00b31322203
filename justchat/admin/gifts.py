"""``justchat-admin gifts``: list, load, add, change and withdraw gifts."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from justchat.actions.gift_catalogue import gift_id
from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, short, table
from justchat.config.gift_file import NewGift, read_gifts
from justchat.config.settings import Settings
from justchat.errors import BadFile, GiftNotFound, NotAnImage, StartupError, TooLarge
from justchat.model.audit import Deed
from justchat.model.gift import Gift
from justchat.model.ids import Id, as_id
from justchat.model.moment import iso
from justchat.model.pictures import pictures_in
from justchat.protocol.documents import gift_document
from justchat.runtime.data_dir import check_owner
from justchat.workers.codecs import reencode_picture


async def list_gifts(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the gifts that can be bought, the cheapest first."""
    gifts = await context.catalogue.all()
    return _all(gifts, "There are no gifts.")


async def load(context: AdminContext, arguments: Namespace) -> Outcome:
    """Add the gifts in a TOML or JSON file, or change those whose ids exist. A gift without an id gets one derived
    from its name, so that the same file may be loaded again. If anything is wrong, nothing changes.
    """
    file = Path(arguments.file)
    try:
        gifts = read_gifts(file)
    except OSError as error:  # of a picture
        raise BadFile(f"{error.filename}: {error.strerror}") from error
    if not gifts:
        raise BadFile(f"{file}: it has no gifts")
    gifts = [gift if gift.id else evolve(gift, id=gift_id(gift.name)) for gift in gifts]
    await _check(context, file, gifts)
    catalogue = await context.gift_catalogue()
    for gift in gifts:
        await context.operating.record(Deed.LOAD_GIFT, gift.id, gift.name)
    return _all(await catalogue.put([await _unless_known(context, gift) for gift in gifts]), "")


async def add(context: AdminContext, arguments: Namespace) -> Outcome:
    """Add a gift. Its id is derived from its name."""
    image = await _picture(context, arguments.image)
    catalogue = await context.gift_catalogue()
    return _one(await catalogue.add(arguments.name, arguments.price, image, context.operating.record))


async def edit(context: AdminContext, arguments: Namespace) -> Outcome:
    """Change a gift. Users who received it keep it as it was."""
    image = None if arguments.image is None else await _picture(context, arguments.image)
    catalogue, record = await context.gift_catalogue(), context.operating.record
    changed = await catalogue.change(
        as_id(arguments.id), record, name=arguments.name, price=arguments.price, image=image
    )
    return _one(changed)


async def withdraw(context: AdminContext, arguments: Namespace) -> Outcome:
    """Withdraw a gift from sale. Users who received it keep it. To sell it again, load it with its id."""
    gift = as_id(arguments.id)
    await (await context.gift_catalogue()).withdraw(gift, context.operating.record)
    return Outcome(f"Gift {gift} is withdrawn.", {"withdrawn": gift})


async def _check(context: AdminContext, file: Path, gifts: Sequence[NewGift]) -> None:
    """Check what the file's schema does not. Raises BadFile with the row and the field."""
    rows: dict[Id | None, int] = {}
    for row, gift in enumerate(gifts, start=1):
        try:
            if not gift.name.strip():
                raise BadFile("name: empty")
            if gift.id in rows:
                raise BadFile(f"id: row {rows[gift.id]} has the same gift")
            rows[gift.id] = row
            await _check_picture(context, gift.image)
        except BadFile as error:
            raise BadFile(f"{file}: gifts.{row}.{error}") from error


async def _check_picture(context: AdminContext, image: bytes | str) -> None:
    """Raises BadFile unless ``image`` is a picture, or the path or URL of one."""
    settings = context.settings
    if isinstance(image, bytes):
        if len(image) > settings.limits.image:
            raise BadFile(f"image: more than {settings.limits.image} bytes")
        if settings.picture_store == "folder":
            _check_folder(settings)
        try:
            reencode_picture(image)
        except (NotAnImage, TooLarge) as error:
            raise BadFile(f"image: {error.detail}") from error
    elif image.startswith("uploads/"):
        if await _stored(context, image) is None:
            raise BadFile(f"image: there is no {image}")
    elif not image.startswith(("http://", "https://", "/")):
        raise BadFile(f"image: there is no file {image}; a path for clients begins with /")


def _check_folder(settings: Settings) -> None:
    if not (settings.data_dir / "uploads").is_dir():
        raise StartupError(f"--data-dir: {settings.data_dir} is not the daemon's: no pictures are served from it")
    check_owner(settings.data_dir)


async def _picture(context: AdminContext, written: str) -> bytes | str:
    """The picture in the file that an argument names, or the argument as it is."""
    image = _content(written)
    await _check_picture(context, image)
    return image


def _content(written: str) -> bytes | str:
    file = Path(written)
    try:
        return file.read_bytes() if "://" not in written and file.is_file() else written
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}") from error


async def _unless_known(context: AdminContext, gift: NewGift) -> NewGift:
    """The gift, with the path of its picture where the same picture is stored already."""
    assert gift.id is not None
    try:
        known = (await context.catalogue.get(gift.id)).image
    except GiftNotFound:
        return gift
    if isinstance(gift.image, bytes) and known.startswith("uploads/"):
        kept = await _stored(context, known)
        if kept is not None and kept.read_bytes() == reencode_picture(gift.image)[0]:
            return evolve(gift, image=known)
    return gift


async def _stored(context: AdminContext, image: str) -> Path | None:
    """A file with the content of a stored picture, by its path for clients; None where there is none."""
    name = image.removeprefix("uploads/")
    found: Path | None = await (await context.pictures()).find(name) if pictures_in(image) else None
    return found


def _all(gifts: Sequence[Gift], nothing: str) -> Outcome:
    rows = [(gift.id, gift.price, short(gift.name), gift.image, iso(gift.created_at)) for gift in gifts]
    text = table(("ID", "PRICE", "NAME", "IMAGE", "SINCE"), rows, nothing)
    return Outcome(text, {"gifts": [gift_document(gift) for gift in gifts]})


def _one(gift: Gift) -> Outcome:
    return Outcome(_all([gift], "").text, {"gift": gift_document(gift)})
