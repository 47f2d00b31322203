"""A reactor whose resolver returns only addresses within a reach, so that clients connect to no others.

Twisted's HostnameEndpoint resolves a name once, and connects to the addresses that it was given. So what is checked is
what is connected to, and a name that later resolves to a private address (DNS rebinding) is refused then.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from justchat.model.reach import Reach


@implementer(IReactorPluggableNameResolver, IReactorTCP, IReactorTime)
class GuardedReactor:
    """``reactor``, with a resolver of its own."""

    def __init__(self, reactor: Any, reach: Reach) -> None:
        self._reactor = reactor
        self.nameResolver = _GuardedResolver(reactor, reach)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    @property
    def refused(self) -> frozenset[str]:
        """The hosts of which the latest resolution had no address within the reach, but others. At most MOST."""
        return frozenset(self.nameResolver.refused)


MOST = 16


@implementer(IHostnameResolver)
class _GuardedResolver:
    def __init__(self, reactor: Any, reach: Reach) -> None:
        self._reactor = reactor
        self._reach = reach
        self.refused: set[str] = set()

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        checking = _CheckingReceiver(resolutionReceiver, self._reach, hostName, self.refused)
        began: IHostResolution = self._reactor.nameResolver.resolveHostName(
            checking, hostName, portNumber, addressTypes, transportSemantics
        )
        return began


@implementer(IResolutionReceiver)
class _CheckingReceiver:
    """Passes on the addresses within the reach."""

    def __init__(self, receiver: IResolutionReceiver, reach: Reach, host: str, refused: set[str]) -> None:
        self._receiver = receiver
        self._reach = reach
        self._host = host
        self._refused = refused
        self._passed = self._dropped = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:
        if self._reach.includes(address.host):
            self._passed += 1
            self._receiver.addressResolved(address)
        else:
            self._dropped += 1

    def resolutionComplete(self) -> None:
        self._refused.discard(self._host)
        if self._dropped and not self._passed and len(self._refused) < MOST:
            self._refused.add(self._host)
        self._receiver.resolutionComplete()
