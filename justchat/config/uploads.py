"""The settings of uploads."""

from typing import Annotated, Literal

from pydantic import Field

from justchat.config.setting_types import Origin, Positive, Seconds, SecretText
from justchat.config.table import Table

PictureStoreKind = Literal["folder", "gridfs", "s3"]


class S3(Table):
    """``[uploads.s3]``: the bucket, and the keys to it."""

    endpoint: Origin
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "us-east-1"
    access_key: SecretText
    secret_key: SecretText
    prefix: Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]*$", max_length=256)] = ""
    """What the names of the pictures begin with in the bucket."""
    timeout: Seconds = 20
    """For a picture, repetitions included."""

    @property
    def bucket_url(self) -> str:
        return f"{self.endpoint}/{self.bucket}"

    def url_of(self, name: str) -> str:
        """The URL of a picture in the bucket."""
        return f"{self.bucket_url}/{self.prefix}{name}"


class Uploads(Table):
    """``[uploads]``: whether ``/upload`` needs a session, where pictures are stored, and what is kept."""

    require_session: bool = False
    store: PictureStoreKind | None = None
    """None is the database, GridFS, where it is shared, and else the folder."""
    s3: S3 | None = None
    copies: Positive = 1024 * 1024 * 1024
    """Bytes of pictures that are copied to this machine, where they are served from, with "gridfs" and "s3"."""
    free_space: Annotated[int, Field(ge=0)] = 512 * 1024 * 1024
    """Bytes that must be free on the disk for an upload to be accepted."""
    orphan_lifetime: Seconds = 24 * 3600
    """Seconds after which an uploaded picture that nothing refers to is removed."""
