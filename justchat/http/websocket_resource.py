"""The resources by which a request becomes a raw WebSocket, and the root of the socket's own port."""

from typing import Any

from autobahn.twisted.resource import WebSocketResource as AutobahnResource
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from justchat.errors import ApiError, UpgradeRequired
from justchat.http.site_request import write_error
from justchat.protocol.handshake import asks_for_websocket, check_handshake


class WebSocketResource(AutobahnResource):  # type: ignore[misc]
    """Autobahn's resource, which turns the connection into a WebSocket, behind the checks of RFC 6455."""

    def render(self, request: Any) -> Any:
        """Check the handshake and hand the connection to Autobahn."""
        try:
            check_handshake(request, request.channel.site.settings.allows_origin)
        except ApiError as error:
            return write_error(request, error)
        channel = request.channel
        outcome = super().render(request)
        if outcome is NOT_DONE_YET:
            # The channel and its request refer to each other. Thousands of such pairs would stay until a full garbage
            # collection, and make it long.
            channel.requests.clear()
            request.channel = None
        return outcome


class SocketPortRoot(Resource):
    """The root of the socket's own port: the raw WebSocket at every path except ``/socket.io/``."""

    isLeaf = True

    def __init__(self, websocket: WebSocketResource, socketio: IResource) -> None:
        super().__init__()
        self._websocket = websocket
        self._socketio = socketio

    def render(self, request: Any) -> Any:
        """Render the resource of the request's path; 426 if it asks for no WebSocket."""
        if request.postpath[0] == b"socket.io":
            return self._socketio.render(request)
        if asks_for_websocket(request):
            return self._websocket.render(request)
        return write_error(request, UpgradeRequired())
