"""The Klein app of the HTTP port, or of the port for app's servers: every path that is served is a route here.

Calls are made from their endpoints. A route that takes over its connection or serves files returns a resource. The
fast lane (``fast_lane/``) takes plain calls before they come here; every call is served by these routes, too.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from hashlib import sha256
from io import BytesIO
from typing import Any, TypeVar

import orjson
from attrs import frozen
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import CACHED
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from justchat.errors import ApiError, MethodNotAllowed, NotFound
from justchat.http.answer import Answer
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import Endpoint
from justchat.http.exported_files import ExportedFiles
from justchat.http.fields import ImageBody
from justchat.http.headers import TRACEPARENT, CallFields, call_fields, trace_of
from justchat.http.health import Health
from justchat.http.site_request import HeadCheck, SiteRequest, write_answer, write_error
from justchat.http.sms_reports import SmsReports
from justchat.http.spool import Spool, SpoolFile
from justchat.http.uploaded_files import UploadedFiles
from justchat.http.web.files import ACCOUNT, CALLS, CLIENT, CONSOLE, EVENTS, WebFile, wants_page
from justchat.http.web.sent_keys import SentKeys
from justchat.protocol.handshake import asks_for_websocket
from justchat.runtime.logs.call_context import CallContext, in_call

_T = TypeVar("_T")


@frozen
class WebPages:
    """The files of the web client and the console by their names, none where they are off or were not built. ``keys``
    is None where keys are sent by a gateway.
    """

    files: Mapping[str, WebFile]
    keys: SentKeys | None


NO_PAGES = WebPages({}, None)


@frozen(kw_only=True)
class ForUsers:
    """What users are served beside the calls: the resources at ``/ws`` and ``/socket.io/``, and files."""

    websocket: IResource
    socketio: IResource
    uploads: UploadedFiles
    exports: ExportedFiles
    sms_reports: SmsReports
    events: Mapping[str, Any]
    """The AsyncAPI document of the sockets."""


SOCKETS = {"websocket": "/ws", "socket.io": "/socket.io/", "events": "/asyncapi.json"}
"""What the page of the daemon says of sockets."""


def make_app(
    endpoints: Sequence[Endpoint],
    dispatcher: Dispatcher,
    *,
    health: Health,
    description: Mapping[str, Any],
    for_users: ForUsers | None,
    pages: WebPages = NO_PAGES,
) -> Klein:
    """The Klein app. ``description`` is the OpenAPI document.

    ``for_users`` is None on a port for app's servers alone. The console is served where the calls are that it makes.
    """
    app = Klein()
    for endpoint in endpoints:
        _add_call(app, endpoint, dispatcher)
    front = None if for_users is None else pages.files.get(CLIENT)
    _add_documents(app, description, for_users, front)
    _add_health(app, health)
    if for_users is not None:
        _add_files(app, for_users.uploads, for_users.exports)
        _add_sms_reports(app, for_users.sms_reports)
        _add_sockets(app, for_users.websocket, for_users.socketio)
        _add_document(app, "/asyncapi.json", for_users.events)
    if front is not None:
        _add_sent_keys(app, pages.keys)
    if pages.files:
        _add_pages(app, pages.files, for_users, has_server_calls=any(each.scopes for each in endpoints))

    @app.handle_errors(WrongMethod)
    def wrong_method(request: IRequest, failure: Failure) -> bytes:
        allow = {*(getattr(failure.value, "valid_methods", None) or ()), "OPTIONS"}
        return write_error(request, MethodNotAllowed(allow=allow))

    @app.handle_errors(HTTPException)
    def no_route(request: IRequest, failure: Failure) -> bytes:
        return write_error(request, _not_found())

    @app.handle_errors(ApiError)
    def api_error(request: IRequest, failure: Failure) -> bytes:
        error = failure.value
        assert isinstance(error, ApiError)
        return write_error(request, error)

    return app


def _add_sockets(app: Klein, websocket: IResource, socketio: IResource) -> None:
    """Add the routes of sockets."""

    @app.route("/ws")
    def raw_websocket(request: IRequest) -> IResource:
        """The raw WebSocket."""
        if not asks_for_websocket(request):
            raise _not_found()
        return websocket

    @app.route("/socket.io/", branch=True, strict_slashes=False)
    def socket_io(request: IRequest) -> IResource:
        """Socket.IO, by polling and by WebSocket."""
        return socketio


def _not_found() -> NotFound:
    return NotFound("there is no such path")


def _answering_errors(route: Callable[..., Awaitable[_T]]) -> Callable[..., Awaitable[_T | bytes]]:
    """A route that waits for others, with the errors answered that ``handle_errors`` is for.

    Klein logs what comes to that after the client has left as a fault of ours. A proxy that checks every second does
    not wait for long.
    """

    @wraps(route)
    async def answer(request: IRequest, **arguments: Any) -> _T | bytes:
        try:
            return await route(request, **arguments)
        except ApiError as error:
            return write_error(request, error)

    return answer


def _add_call(app: Klein, endpoint: Endpoint, dispatcher: Dispatcher) -> None:
    """Add the route of a call."""

    @app.route(endpoint.path, methods=["POST"], endpoint=endpoint.path)
    def call(request: IRequest) -> Coroutine[Any, Any, bytes]:
        return _serve_call(request, endpoint, dispatcher)


def _add_documents(
    app: Klein, description: Mapping[str, Any], for_users: ForUsers | None, page: WebFile | None
) -> None:
    """Add the routes that describe the daemon. ``page`` is the web client."""
    front = {
        "name": "JustChat",
        "version": description["info"]["version"],
        "about": "This is the API of a chat. Calls are POST with a JSON object.",
        "calls": "/openapi.json",
        **({} if for_users is None else SOCKETS),
        "docs": "/docs" if page else 'README.rst, "Walk-through", and docs/protocol.rst, in the project\'s folder',
    }

    @app.route("/", methods=["GET"])
    def index(request: IRequest) -> bytes:
        """The web client, or what this server is."""
        if page is not None and wants_page(request.getHeader(b"accept")):
            return page.write(request)
        request.setHeader(b"Vary", b"Accept")
        return write_answer(request, Answer(200, orjson.dumps(front, option=orjson.OPT_INDENT_2) + b"\n"))

    _add_document(app, "/openapi.json", description)


def _add_document(app: Klein, path: str, document: Mapping[str, Any]) -> None:
    """Add the route of a JSON document that stays the same."""
    body = orjson.dumps(document)
    tag = b'"%s"' % sha256(body).hexdigest()[:16].encode()

    @app.route(path, methods=["GET"], endpoint=path)
    def describe(request: IRequest) -> bytes:
        if request.setETag(tag) is CACHED:
            return b""
        answer = write_answer(request, Answer(200, body))
        request.setHeader(b"Cache-Control", b"no-cache")
        return answer


def _add_pages(app: Klein, files: Mapping[str, WebFile], for_users: ForUsers | None, *, has_server_calls: bool) -> None:
    """Add the routes of pages, each where that is which it is about, and of their parts."""
    _add_page(app, "/docs", files[CALLS])
    if for_users is not None:
        _add_page(app, "/account/delete", files[ACCOUNT])
        _add_page(app, "/docs/events", files[EVENTS])
    if has_server_calls:
        _add_page(app, "/console", files[CONSOLE])
    _add_web_files(app, files)


def _add_page(app: Klein, path: str, page: WebFile) -> None:
    """Add the route of a page."""

    @app.route(path, methods=["GET"], endpoint=path)
    def show(request: IRequest) -> bytes:
        return page.write(request)


def _add_web_files(app: Klein, files: Mapping[str, WebFile]) -> None:
    """Add the route of the pages' parts."""

    @app.route("/web/<name>", methods=["GET"])
    def web_file(request: IRequest, name: str) -> bytes:
        """A part of a page."""
        file = files.get(name)
        if file is None or not file.is_named_by_content:
            raise _not_found()
        return file.write(request)


def _add_sent_keys(app: Klein, keys: SentKeys | None) -> None:
    """Add the route of the SMS that the web client shows."""

    @app.route("/web/key", methods=["GET"])
    def sent_key(request: IRequest) -> bytes:
        """The last SMS to a phone, for who tries JustChat on this machine."""
        text = None if keys is None else keys.find(request)
        if text is None:
            raise _not_found()
        for name in (b"access-control-allow-origin", b"access-control-expose-headers"):
            request.responseHeaders.removeHeader(name)
        return write_answer(request, Answer(200, orjson.dumps({"text": text})))


def _add_health(app: Klein, health: Health) -> None:
    """Add the routes for those who watch the daemon."""

    @app.route("/livez", methods=["GET"])
    def livez(request: IRequest) -> bytes:
        """The process answers."""
        return write_answer(request, health.live())

    @app.route("/readyz", methods=["GET"])
    @_answering_errors
    async def readyz(request: IRequest) -> bytes:
        """The process and its database answer, and the state of each part."""
        return write_answer(request, await health.ready())


def _add_files(app: Klein, uploads: UploadedFiles, exports: ExportedFiles) -> None:
    """Add the routes of files."""

    @app.route("/uploads/<name>")
    @_answering_errors
    async def uploaded_file(request: IRequest, name: str) -> IResource:
        """A picture that a user uploaded."""
        file = await uploads.find(name) if request.method in (b"GET", b"HEAD") else None
        if file is None:
            raise _not_found()
        return file

    @app.route("/exports/<name>", methods=["GET"])
    @_answering_errors
    async def exported_file(request: IRequest, name: str) -> bytes:
        """An archive of what belongs to a user."""
        export = await exports.find(name)
        if export is None:
            raise _not_found()
        await exports.send(export, request)
        return b""


def _add_sms_reports(app: Klein, reports: SmsReports) -> None:
    """Add the route that providers of SMS call."""

    @app.route("/sms/report/<sender>/<token>", methods=["GET", "POST"])
    @_answering_errors
    async def sms_report(request: IRequest, sender: str, token: str) -> bytes:
        """Delivery reports of SMS."""
        body = await reports.receive(sender, token, request)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        return body


async def _serve_call(request: Any, endpoint: Endpoint, dispatcher: Dispatcher) -> bytes:
    fields = call_fields(request.getHeader)
    address = request.channel.site.address_of(request)
    if endpoint.body is ImageBody:
        answering = await _respond_to_upload(request, endpoint, dispatcher, fields, address)
    else:
        host = request.channel.site.host_of(request) if endpoint.scopes else None
        answering = dispatcher.respond(endpoint, request.content.read(), fields, address, host=host)
    request.call = CallContext(trace_of(request.getHeader(TRACEPARENT)))
    answer = await _uncancelled(in_call(request.call, answering))
    if dispatcher.closing:
        request.setHeader(b"Connection", b"close")
    return write_answer(request, answer)


async def _respond_to_upload(
    request: Any, endpoint: Endpoint, dispatcher: Dispatcher, fields: CallFields, address: str | None
) -> Coroutine[Any, Any, Answer]:
    """The call whose body is in the request's spool file. Raises ApiError if the request is refused by its head."""
    if request.spool is None:  # an upload without a body, whose head is not checked yet
        site, path = request.channel.site, endpoint.path.encode()
        try:
            await site.head_checks[path](request)
        except ApiError as error:
            site.count_refusal(path, error)
            raise
    # From here on the file belongs to the call, which goes on if the connection is lost.
    body, request.spool, request.content = request.spool, None, BytesIO()
    return _close_after(body, dispatcher.respond(endpoint, body, fields, address, head_checked=True))


async def _close_after(spool: SpoolFile, answering: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return await answering
    finally:
        spool.close()


async def _uncancelled(answering: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer. Klein cancels a route whose client disconnects; a call that has begun is carried out to its end."""
    answered: Deferred[Answer] = Deferred()

    def deliver(answer: Answer) -> None:
        if not answered.called:
            answered.callback(answer)

    Deferred.fromCoroutine(answering).addCallback(deliver)
    return await answered


def upload_head_checks(
    endpoints: Sequence[Endpoint], dispatcher: Dispatcher, spool: Spool
) -> Mapping[bytes, HeadCheck]:
    """By path: check an upload by its head, then open a file for its body."""

    def head_check(endpoint: Endpoint) -> HeadCheck:
        async def check(request: SiteRequest) -> None:
            address = request.channel.site.address_of(request)
            await dispatcher.check_head(endpoint, call_fields(request.getHeader), address)
            request.spool = spool.open(address)

        return check

    return {endpoint.path.encode(): head_check(endpoint) for endpoint in endpoints if endpoint.body is ImageBody}
