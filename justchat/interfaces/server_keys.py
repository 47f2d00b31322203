"""What actions ask of the store of server keys."""

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.server_key import ServerKey


class IServerKeys(Interface):
    """The store of server keys, by the digest of the key. Every method raises DatabaseAway."""

    async def add(key: ServerKey, written: str) -> bool:
        """Add a key, which is ``written`` so. False where a key of this name is not revoked."""

    async def find(written: str) -> ServerKey | None:
        """The key that is written so, also a revoked one; None for none."""

    async def named(name_or_id: str) -> ServerKey | None:
        """The key with this name that is not revoked, or with this id; None for none."""

    async def latest(limit: int, *, revoked: bool, skip: int = 0) -> list[ServerKey]:
        """Keys, the latest first, without the first ``skip``; with ``revoked`` the revoked ones too."""

    async def note_use(key: Id, at: Moment, address: str | None) -> None:
        """Write down when and from where a key was used."""

    async def revoke(key: Id, at: Moment) -> bool:
        """Revoke a key. False where it is revoked already."""
