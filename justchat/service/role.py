"""What differs between a daemon on its own and one of several workers (``group``)."""

import os
from collections.abc import Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IProtocolFactory

from justchat.bus.bus import Bus
from justchat.config.settings import Settings
from justchat.runtime.systemd import Notifier
from justchat.runtime.tcp import TurnReactor
from justchat.service.metrics import MetricsPorts, OwnMetrics
from justchat.service.ports import Ports
from justchat.service.up_line import UpLine
from justchat.wiring.bus import make_bus
from justchat.wiring.transports import Peers


class Role:
    """That of a daemon on its own. A worker's overrides what differs."""

    is_alone = False
    """Whether nobody else uses the database, even though it is not embedded."""
    prepares = True
    """Whether the database is prepared: indexes, folded names, the first gifts."""
    reconciles = True
    """Whether derived data are corrected after the start."""
    is_quiet = False
    """Whether another process says what a reload has changed."""
    environ: Mapping[str, str] = os.environ
    """The environment that has systemd's variables."""

    def name(self) -> str:
        """The name of a worker, which its successor will have. Is called once the daemon starts."""
        return ""

    def bus(self, settings: Settings, reactor: Any) -> Bus | None:
        """The bus that joins the daemon with others. Raises StartupError."""
        return make_bus(settings, reactor)

    def peers(self, reactor: TurnReactor) -> Peers | None:
        """The other workers on the same ports."""
        return None

    def ports(
        self, endpoints: Mapping[str, str], factories: Mapping[str, IProtocolFactory], reactor: TurnReactor
    ) -> Ports:
        """The service that listens."""
        return Ports(endpoints, factories, reactor)

    def metrics(self, settings: Settings, own: OwnMetrics, reactor: Any) -> MetricsPorts | None:
        """What answers scrapes, with the numbers of this process."""
        return MetricsPorts(settings, own.collect, reactor)

    def announcement(self, settings: Settings, ports: Ports, notifier: Notifier) -> Service:
        """The service that says that the daemon is up. It starts last."""
        return UpLine(settings, ports, notifier)


ON_ITS_OWN: Any = Role()
