"""The Klein app has the whole tree of the HTTP port."""

from pathlib import Path

from twisted.internet.defer import succeed
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from justchat.config.limits import Limits
from justchat.http.app import ForUsers, make_app
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import NONE, Requester, endpoints_of, post
from justchat.http.exported_files import ExportedFiles
from justchat.http.fields import Empty, FieldContext
from justchat.http.health import Health
from justchat.http.responses import Nothing
from justchat.http.sms_reports import SmsReports
from justchat.http.uploaded_files import UploadedFiles
from justchat.workers.picture_folder import PictureFolder


class OneCall:
    @post("/a/call", body=Empty, answer=Nothing, session=NONE)
    async def call(self, requester: Requester, body: Empty) -> Nothing:
        return {}


class Routes(TestCase):
    def test_whole_tree(self) -> None:
        """Calls, pages, the sockets and the uploaded files are routes of one app."""
        app = make_app(
            endpoints_of(OneCall()),
            Dispatcher(object(), FieldContext(Limits(), "RU", frozenset())),
            health=Health(lambda: succeed(None), {}),
            description={"info": {"version": "1"}},
            for_users=ForUsers(
                websocket=Resource(),
                socketio=Resource(),
                uploads=UploadedFiles(PictureFolder(Path())),
                exports=ExportedFiles(object()),
                sms_reports=SmsReports({}, None, object()),
                events={},
            ),
        )

        rules = {rule.rule for rule in app.url_map.iter_rules()}

        self.assertEqual(
            {
                *("/a/call", "/", "/livez", "/readyz", "/openapi.json", "/asyncapi.json", "/ws"),
                *("/uploads/<name>", "/exports/<name>"),
                "/sms/report/<sender>/<token>",
                *("/socket.io/", "/socket.io/<path:__rest__>"),
            },
            rules,
        )
