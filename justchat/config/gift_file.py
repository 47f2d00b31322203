"""Gift files: an operator's gifts, as TOML or JSON (docs/operating-apps.rst)."""

import tomllib
from pathlib import Path
from typing import Annotated

from attrs import frozen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from justchat.errors import BadFile
from justchat.model.ids import Id
from justchat.model.text import composed, shows

NAME_LENGTH = 64


@frozen(kw_only=True)
class NewGift:
    """A gift for the catalogue. ``image`` is a picture, or its path or URL; ``id`` names an existing gift to change."""

    name: str
    price: int
    image: bytes | str
    id: Id | None = None


def _gift_name(written: str) -> str:
    name = composed(written)
    if not shows(name):
        raise ValueError("empty")
    if len(name) > NAME_LENGTH:
        raise ValueError(f"longer than {NAME_LENGTH} characters")
    return name


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: Annotated[str, AfterValidator(_gift_name)]
    price: Annotated[int, Field(ge=1, le=10**9)]
    image: Annotated[str, Field(min_length=1, max_length=1024)]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")] | None = None


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    gifts: list[_Row]


def read_gifts(file: Path) -> list[NewGift]:
    """The gifts in a file. Raises BadFile with the row and the field that is wrong."""
    try:
        text = file.read_text("utf-8-sig")
        content = tomllib.loads(text) if file.suffix.lower() == ".toml" else from_json(text)
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}") from error
    except ValueError as error:  # of either parser, or of UTF-8
        raise BadFile(f"{file}: {error}") from error
    try:
        rows = _File.model_validate({"gifts": content} if isinstance(content, list) else content).gifts
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in wrong["loc"])
        raise BadFile(f"{file}: {place}: {wrong['msg'].removeprefix('Value error, ')}") from error
    return [_gift(row, file.parent) for row in rows]


def _gift(row: _Row, folder: Path) -> NewGift:
    picture = folder / row.image
    try:
        image = picture.read_bytes() if "://" not in row.image and picture.is_file() else row.image
    except OSError as error:
        raise BadFile(f"{picture}: {error.strerror}") from error
    return NewGift(name=row.name, price=row.price, image=image, id=None if row.id is None else Id(row.id))
