"""Server keys: who a call of an app's server is by, and what operators do about keys."""

import re
import secrets
from collections.abc import Callable, Collection
from datetime import timedelta

from attrs import frozen
from twisted.internet.defer import Deferred

from justchat.actions.login_attempts import ServerKeyAttempts
from justchat.actions.operating import OperatorActions
from justchat.errors import Conflict, DatabaseAway, NotFound, ScopeMissing, WrongServerKey
from justchat.interfaces.server_keys import IServerKeys
from justchat.metrics.declarations import WRONG_KEYS
from justchat.model.audit import Deed
from justchat.model.ids import new_id
from justchat.model.moment import Clock
from justchat.model.network import network_of
from justchat.model.server_key import Scope, ServerKey
from justchat.policy import check_hand_out

KEY_BYTES = 24
_WRITTEN = re.compile(r"jc_[0-9a-f]{48}\Z")
MOST_LISTED = 1000
USE_INTERVAL = timedelta(minutes=1)
"""The latest use of a key is written no more often than this."""


@frozen(kw_only=True)
class ServerKeyCheck:
    """Finds the key of a call."""

    keys: IServerKeys
    attempts: ServerKeyAttempts
    clock: Clock

    async def check(
        self,
        written: str | None,
        scopes: Collection[Scope],
        host: str | None,
        address: str | None,
        hit_wrong: Callable[[], None] = lambda: None,
    ) -> ServerKey:
        """The key that is written so, if it has one of these scopes. ``host`` is the client's address, ``address`` the
        one that it is counted by; None is not counted. ``hit_wrong`` is called before the database counts a wrong key.
        It may raise TooManyRequests.

        Raises WrongServerKey; TooManyRequests after too many wrong keys from this address; ScopeMissing.
        """
        if written is None:
            raise WrongServerKey
        # What cannot be a key costs the database no look.
        key = await self.keys.find(written) if _WRITTEN.match(written) else None
        if key is None or key.revoked_at is not None or not key.serves(host):
            WRONG_KEYS.count("server")
            hit_wrong()
            await self.attempts.count(address)
            raise WrongServerKey
        # Wrong keys of others at the same address, as behind a proxy that nobody has named, do not lock a server out.
        if not self._is_known(key, host):
            await self.attempts.check(address)
        self._note_use(key, host)
        if key.scopes.isdisjoint(scopes):
            raise ScopeMissing(f"the key {key.name} has no scope {' or '.join(scopes)}")
        return key

    def _is_known(self, key: ServerKey, host: str | None) -> bool:
        """Whether the key is bound to networks, or was used from this one lately."""
        if key.networks or host is None:
            return True
        return key.used_from is not None and network_of(key.used_from) == network_of(host)

    def _note_use(self, key: ServerKey, host: str | None) -> None:
        at = self.clock()
        if key.used_at is None or abs(at - key.used_at) >= USE_INTERVAL:  # the clock may have been set back
            # Nobody waits for this write, and nothing is lost when it fails.
            noting = Deferred.fromCoroutine(self.keys.note_use(key.id, at, host))
            noting.addErrback(lambda failure: failure.trap(DatabaseAway))


@frozen(kw_only=True)
class ServerKeyActions:
    """What an operator can do about keys."""

    keys: IServerKeys
    operating: OperatorActions
    clock: Clock

    async def add(
        self,
        name: str,
        scopes: Collection[Scope],
        networks: Collection[str],
        *,
        by: ServerKey | None = None,
        written: str | None = None,
    ) -> tuple[ServerKey, str]:
        """Make a key. Returns it as it is stored, and as it is written, which is shown this once.

        ``by`` is the key by which it is asked for, which hands out nothing that it has not: without networks the new
        one is bound to those of ``by``. ``written`` is how to write it, for a call that may be sent again.

        Raises Conflict for a name that another key has; ScopeMissing, and BeyondNetworks.
        """
        if by is not None:
            check_hand_out(by, scopes, networks)
            networks = networks or by.networks
        if written is not None and (known := await self.keys.find(written)) is not None:
            return known, written
        key = ServerKey(
            id=new_id(),
            name=name,
            scopes=frozenset(scopes),
            networks=tuple(networks),
            created_at=self.clock(),
        )
        if await self.keys.named(name) is not None:
            raise Conflict(f"there is a key {name} already; revoke it first, or choose another name")
        limits = f"; networks: {', '.join(networks)}" if networks else ""
        await self.operating.record(Deed.ADD_KEY, key.id, f"{name}; scopes: {', '.join(sorted(scopes))}{limits}")
        written = written or f"jc_{secrets.token_hex(KEY_BYTES)}"
        if not await self.keys.add(key, written):
            raise Conflict(f"there is a key {name} already; revoke it first, or choose another name")
        return key, written

    async def list_keys(self, limit: int = MOST_LISTED, *, revoked: bool, skip: int = 0) -> list[ServerKey]:
        """The keys, the latest first, without the first ``skip``; with ``revoked`` the revoked ones too."""
        return await self.keys.latest(limit, revoked=revoked, skip=skip)

    async def revoke(self, named: str) -> ServerKey:
        """Revoke a key, by its name, its id, or as it is written: no call takes it from now on, at no daemon. Raises
        NotFound; Conflict for a revoked one.
        """
        key = await (self.keys.find(named) if _WRITTEN.match(named) else self.keys.named(named))
        if key is None:
            raise NotFound("there is no such key")
        if key.revoked_at is not None:
            raise Conflict(f"the key {key.name} is revoked already")
        await self.operating.record(Deed.REVOKE_KEY, key.id, key.name)
        await self.keys.revoke(key.id, self.clock())
        return key
