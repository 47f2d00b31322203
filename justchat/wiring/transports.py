"""What the ports speak: HTTP, the raw WebSocket and Socket.IO, built from the calls and the stores."""

import os
from functools import partial
from itertools import product
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IProtocolFactory

from justchat import __version__
from justchat.actions.exports import Exports
from justchat.actions.server_keys import ServerKeyCheck
from justchat.config.limits import Limits
from justchat.config.settings import Settings
from justchat.errors import Incident, Unavailable
from justchat.http.access_log import AccessLog, note_user
from justchat.http.app import ForUsers, WebPages, make_app, upload_head_checks
from justchat.http.asyncapi import asyncapi
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import Endpoint
from justchat.http.exported_files import ExportedFiles
from justchat.http.fast_lane.channel import FastLane
from justchat.http.fields import FieldContext
from justchat.http.health import Health
from justchat.http.idempotency import Idempotency
from justchat.http.openapi import openapi
from justchat.http.site import JustChatSite
from justchat.http.sms_reports import SmsReports
from justchat.http.spool import Spool
from justchat.http.uploaded_files import UploadedFiles
from justchat.http.web.files import load_files
from justchat.http.web.sent_keys import SentKeys
from justchat.http.websocket_resource import SocketPortRoot, WebSocketResource
from justchat.interfaces.idempotency import IIdempotencyKeys
from justchat.interfaces.pictures import IPictureStore
from justchat.limits.client_address import ClientAddresses
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.limits.http_connection_limiter import HttpConnectionLimiter
from justchat.limits.other_daemons import OtherDaemonsOf, no_other_daemons
from justchat.limits.rate_limiter import RateLimiter
from justchat.metrics.declarations import FAILURES, SOCKETS_CLOSED
from justchat.model.phone import parse_phone
from justchat.outbound.sms.outbox import last_text
from justchat.protocol.close_codes import CloseCode, code_of_metrics
from justchat.realtime.session_binding import BindingServices
from justchat.realtime.socketio.resource import PassOn, SocketIoResource
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.socketio.sids import SessionIds
from justchat.realtime.websocket import RawWebSocketFactory
from justchat.wiring.hub import Hub
from justchat.wiring.stores import Stores


@frozen
class Peers:
    """The other workers on the same ports, as transports see them."""

    ids: SessionIds
    pass_on: PassOn


@frozen(kw_only=True)
class Transports:
    """The protocols of the ports, and the parts that a stop waits for."""

    factories: dict[str, IProtocolFactory]
    """By the table of the settings whose endpoint they serve."""
    dispatcher: Dispatcher
    connections: HttpConnectionLimiter
    websockets: RawWebSocketFactory
    engines: EngineSessions
    connection_limiter: ConnectionLimiter
    sites: list[JustChatSite]
    lanes: list[FastLane]
    sms_reports: SmsReports

    def count_open(self) -> dict[str, int]:
        """How many sockets are open, by protocol."""
        return {"websocket": len(self.websockets.sockets), "socketio": len(self.engines.all())}

    def change_limits(self, limits: Limits) -> None:
        """Have these limits from now on."""
        self.connections.change(limits)
        self.connection_limiter.change(limits)
        for site in self.sites:
            site.change_limits(limits)
        for lane in self.lanes:
            lane.heads.forget()

    async def close_sockets(self) -> None:
        """Close every socket, of either protocol. Returns when they are gone."""
        await gatherResults([Deferred.fromCoroutine(kind.close_all()) for kind in (self.websockets, self.engines)])


def make_transports(
    settings: Settings,
    stores: Stores,
    *,
    endpoints: list[Endpoint],
    rates: RateLimiter | None,
    hub: Hub,
    idempotency_keys: IIdempotencyKeys,
    pictures: IPictureStore,
    exports: Exports,
    server_keys: ServerKeyCheck,
    health: Health,
    others: OtherDaemonsOf = no_other_daemons,
    reactor: Any,
    peers: Peers | None = None,
) -> Transports:
    """``endpoints`` are the calls, ``rates`` their limits."""
    for protocol, code in product(("websocket", "socketio"), CloseCode):  # shown from the start
        SOCKETS_CLOSED.count(protocol, code_of_metrics(code), by=0)
    for status in (Incident.status, Unavailable.status):
        FAILURES.count(status, by=0)
    addresses = ClientAddresses(settings.http.proxies, settings.http.proxy_header, settings.limits.exempt)
    spool = _make_spool(settings)
    dispatcher = Dispatcher(
        stores.sessions,
        FieldContext(settings.limits, settings.sms.region, frozenset(settings.sms.number_types)),
        debug=settings.http.debug,
        strict=os.environ.get("JUSTCHAT_STRICT") == "1",
        idempotency=Idempotency(idempotency_keys),
        rates=rates,
        spool=spool,
        server_keys=server_keys,
        note_user=note_user if settings.log.access else None,
        is_measured=settings.metrics.endpoint is not None,
    )
    access = AccessLog(addresses) if settings.log.access else None
    health.is_closing = lambda: dispatcher.closing
    binding = BindingServices(
        sessions=stores.sessions,
        registry=hub.registry,
        positions=hub.positions,
        replay=hub.replay,
        blocks_of=stores.mailboxes.blocks,
        connection_limiter=ConnectionLimiter(settings.limits, addresses, reactor, others),
        count_init=partial(rates.hit_session, "read") if rates is not None else lambda _: None,
        access=access,
    )
    websockets = RawWebSocketFactory(settings=settings.websocket, services=binding, reactor=reactor)
    engines = EngineSessions(
        settings=settings.websocket, services=binding, reactor=reactor, ids=peers.ids if peers else SessionIds()
    )
    socketio = SocketIoResource(engines, settings.http.allows_origin, peers.pass_on if peers else None)
    websocket = WebSocketResource(websockets)
    shared: Any = {
        "addresses": addresses,
        "connections": HttpConnectionLimiter(settings.limits, addresses, others),
        "rates": rates,
        "access": access,
    }
    for_users = ForUsers(
        websocket=websocket,
        socketio=socketio,
        uploads=UploadedFiles(pictures),
        exports=ExportedFiles(exports),
        sms_reports=SmsReports(
            {each.called: each.sender for each in settings.sms.senders},
            settings.sms.report_secret,
            stores.sms_counts,
        ),
        events=asyncapi(__version__),
    )
    pages = _make_web_pages(settings)

    def calls_factory(table: str, served: list[Endpoint], for_users: ForUsers | None) -> IProtocolFactory:
        """What serves these calls on the port of a table."""
        app = make_app(
            served,
            dispatcher,
            health=health,
            description=openapi(served, settings.limits, __version__, for_users=for_users is not None),
            for_users=for_users,
            pages=pages,
        )
        site = JustChatSite(
            app.resource(),
            settings.http,
            settings.limits,
            **shared,
            table=table,
            routes=app.url_map.bind(""),
            calls=[endpoint.path for endpoint in served],
            head_checks=upload_head_checks(served, dispatcher, spool),
        )
        sites.append(site)
        if not settings.http.fast_lane:
            return site
        lanes.append(FastLane(served, dispatcher, site, reactor))
        return lanes[-1]

    of_sockets = SocketPortRoot(websocket, socketio)
    sites = [JustChatSite(of_sockets, settings.http, settings.limits, table="websocket", **shared)]
    lanes: list[FastLane] = []
    factories: dict[str, IProtocolFactory] = {"websocket": sites[0]}
    if settings.server.endpoint is None:
        factories["http"] = calls_factory("http", endpoints, for_users)
    else:
        of_servers = [endpoint for endpoint in endpoints if endpoint.scopes]
        of_users = [endpoint for endpoint in endpoints if not endpoint.scopes]
        factories["http"] = calls_factory("http", of_users, for_users)
        factories["server"] = calls_factory("server", of_servers, None)
    return Transports(
        factories=factories,
        dispatcher=dispatcher,
        connections=shared["connections"],
        websockets=websockets,
        engines=engines,
        connection_limiter=binding.connection_limiter,
        sites=sites,
        lanes=lanes,
        sms_reports=for_users.sms_reports,
    )


def _make_web_pages(settings: Settings) -> WebPages:
    def last_sms(written: str) -> str | None:
        try:
            return last_text(settings.data_dir / "sms-outbox.jsonl", parse_phone(written, settings.sms.region))
        except ValueError:
            return None

    files = load_files() if settings.web.enabled else {}
    return WebPages(files, None if settings.sms.has_gateway else SentKeys(last_sms))


def _make_spool(settings: Settings) -> Spool:
    """The folder of uploads under way. Together they may be half as large as that many of the largest images."""
    limits = settings.limits
    return Spool(
        settings.data_dir / "spool",
        free=settings.uploads.free_space,
        files=limits.uploads_per_address,
        bytes=limits.uploads_per_address * limits.image // 2,
        all_files=limits.uploads_in_all,
        all_bytes=limits.uploads_in_all * limits.image // 2,
    )
