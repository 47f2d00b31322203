"""Finished requests are freed at once: garbage collections are rare, so cycles would keep memory."""

import gc

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from werkzeug.routing import Map, Rule

from justchat.config.limits import Limits
from justchat.config.settings import Http
from justchat.http.site import JustChatSite
from justchat.http.site_channel import SiteChannel
from justchat.http.site_request import SiteRequest
from justchat.limits.client_address import ClientAddresses
from justchat.limits.http_connection_limiter import HttpConnectionLimiter
from tests.support.wire import a_request

BODY = b"x" * 1000
# Not what is answered in the middle of a request, which lingers for two seconds.
REFUSED = {
    "too large": a_request("POST /init/auth", body=b"x" * 70_000),
    "in chunks, too large": a_request("POST /init/auth", "Transfer-Encoding: chunked")
    + b"1000\r\n%b\r\n" % (b"x" * 4096) * 20
    + b"0\r\n\r\n",
    "encoded": a_request("POST /init/auth", "Content-Encoding: gzip", body=BODY),
    "nowhere": a_request("POST /nothing", body=BODY),
    "wrong method": a_request("PUT /init/auth", body=BODY),
    "expecting": a_request("POST /init/auth", "Expect: tea", body=BODY),
    "not text": a_request("GET /%ff"),
    "no such page": a_request("GET /nothing"),
}


class Garbage(TestCase):
    async def test_refused(self) -> None:
        """A refused request, its channel and its body are freed with their connection, without a garbage collection."""
        addresses = ClientAddresses([], "X-Forwarded-For", [])
        site = JustChatSite(
            Resource(),
            Http(),
            Limits(),
            addresses=addresses,
            connections=HttpConnectionLimiter(Limits(), addresses),
            rates=None,
            routes=Map([Rule("/init/auth", endpoint="/init/auth", methods=["POST"])]).bind(""),
            calls=["/init/auth"],
        )
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        left = {}
        for name, said in REFUSED.items():
            await self.ask(site, said)

            if any(type(one) in (SiteRequest, SiteChannel) for one in gc.get_objects()):
                left[name] = gc.collect()

        self.assertEqual({}, left)

    async def ask(self, site: JustChatSite, said: bytes) -> None:
        channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        assert channel is not None
        transport = StringTransportWithDisconnection()
        transport.protocol = channel
        channel.makeConnection(transport)
        channel.dataReceived(said)
        await deferLater(reactor, 0)  # a request is answered in the next turn of the reactor
        await deferLater(reactor, 0)
        if transport.connected:
            transport.loseConnection()
        transport.protocol = transport.producer = None  # as a connection that is lost does
        await deferLater(reactor, 0)
