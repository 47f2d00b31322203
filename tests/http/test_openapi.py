"""The OpenAPI document: all that is declared, and nothing else; its examples work."""

import hashlib
import json
import secrets
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.trial.unittest import TestCase

from justchat.errors import EncodingNotSupported, LoginTimeout
from justchat.http.declared import all_declared
from justchat.http.dispatcher import ANY_CALL, SERVER_ERRORS
from justchat.http.endpoint import NONE
from justchat.http.fields import Body
from justchat.http.idempotency import IDEMPOTENCY_ERRORS
from justchat.http.schemas import camel
from tests.support.chat import ChatTestCase, Person, a_phone, a_room, register
from tests.support.client import call, request
from tests.support.declared import declared, field_names
from tests.support.schema import assert_allowed, every, operations
from tests.support.servers import headers_of
from tests.support.wire import OwnDaemonCase

USER, ROOM = "52efb7baf009c900003731c7", "52ee29b565e203779f2e37f3"
MESSAGE, GIFT = "530a30c649b9733ae9af7145", "530a30c649b9733ae9af7146"
COMPLAINT, OWN_GIFT = "530a30c649b9733ae9af7147", "530a30c649b9733ae9af7148"
DIRECT = ("/user/messages/mark-as-read", "/user/messages/remove")


def names(schema: dict[str, Any], document: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of a schema's properties."""
    found: set[str] = set()
    for option in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if "$ref" in option:
            option = document["components"]["schemas"][option["$ref"].rpartition("/")[2]]
        for name, inner in option.get("properties", {}).items():
            found |= {prefix + name, *names(inner, document, f"{prefix}{name}.")}
    return found


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema that is meant, where this is a reference to one."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def codes(response: dict[str, Any], document: dict[str, Any]) -> list[str | None]:
    """The codes of an error's description; that of a success has None."""
    schema = resolved(response["content"]["application/json"]["schema"], document)
    found: list[str | None] = schema.get("properties", {}).get("code", {}).get("enum", [None])
    return found


NOTHING_HERE = {"/server/held/release", "/server/held/drop", "/server/announcements/stop"}
"""Calls about what the shared daemon has none of."""
OFF_BY_DEFAULT = {"/user/search"}
"""Calls that are 403 until the operator switches them on."""


class Document(ChatTestCase):
    fast_lane = False
    """The examples, which are of every call, are served by Klein; other tests make all calls in the fast lane."""

    async def setUp(self) -> None:
        await super().setUp()
        self.document = (await request(self.daemon.http, "GET", "/openapi.json")).json

    def operation(self, path: str) -> dict[str, Any]:
        operation: dict[str, Any] = self.document["paths"][path]["post"]
        return operation

    async def test_valid(self) -> None:
        """The document is valid OpenAPI 3.1."""
        self.assertEqual([], list(OpenAPIV31SpecValidator(self.document).iter_errors()))

    async def test_calls(self) -> None:
        """Every declared call is in it, and no other."""
        described = {path for path, item in self.document["paths"].items() if "post" in item}

        self.assertEqual({endpoint.path for endpoint in declared()} | {"/upload"}, described)

    async def test_fields(self) -> None:
        """Every field of every call is in it."""
        for endpoint in declared():
            assert issubclass(endpoint.body, Body)
            schema = self.operation(endpoint.path)["requestBody"]["content"]["application/json"]["schema"]

            sortable = {name for name in names(schema, self.document) if name.startswith("sort.")}
            self.assertEqual(field_names(endpoint.body), names(schema, self.document) - {"session_key"} - sortable)

    async def test_answers(self) -> None:
        """A call has the statuses and codes that it declares, those of every call, and no others."""
        for endpoint in all_declared():
            errors = {*ANY_CALL, EncodingNotSupported, *endpoint.raises} - (
                {LoginTimeout} if endpoint.session is NONE else set()
            )
            errors |= set(IDEMPOTENCY_ERRORS) if endpoint.takes_idempotency_key else set()
            errors |= set(SERVER_ERRORS) if endpoint.scopes else set()
            expected = {(str(status), None) for status in endpoint.statuses}
            expected |= {(str(error.status), error.code) for error in errors}

            responses = self.operation(endpoint.path)["responses"]

            described = {
                (status, code) for status, response in responses.items() for code in codes(response, self.document)
            }
            self.assertEqual(expected, described, endpoint.path)

    async def test_sessions(self) -> None:
        """A call that takes a session takes its key in the header or in the body, another in neither."""
        for endpoint in all_declared():
            operation = self.operation(endpoint.path)
            takes = endpoint.session is not NONE

            content = next(iter(operation["requestBody"]["content"].values()))

            properties = resolved(content["schema"], self.document)["properties"]
            self.assertEqual(takes, "session_key" in properties, endpoint.path)
            without = [] if not endpoint.scopes else [{"serverKey": []}]
            self.assertEqual([{"session": []}, {}] if takes else without, operation["security"], endpoint.path)

    async def test_headers(self) -> None:
        """Every 503 has Retry-After, every 429 the RateLimit fields besides; no other answer has either."""
        declared: dict[str, set[frozenset[str]]] = {}
        for item in self.document["paths"].values():
            for operation in item.values():
                for status, response in operation["responses"].items():
                    declared.setdefault(status, set()).add(frozenset(response.get("headers", ())))

        self.assertEqual({frozenset({"Retry-After"})}, declared.pop("503"))
        self.assertEqual({frozenset({"Retry-After", "RateLimit", "RateLimit-Policy"})}, declared.pop("429"))
        self.assertEqual({frozenset()}, set.union(*declared.values()))

    async def test_statuses(self) -> None:
        """Every call may answer the statuses of every call, 440 where it takes a session (contract, sections 1, 3)."""
        for endpoint in all_declared():
            expected = {"400", "413", "415", "429", "500", "503", *(() if endpoint.session is NONE else ("440",))}

            self.assertEqual(set(), expected - set(self.operation(endpoint.path)["responses"]), endpoint.path)

    async def test_named(self) -> None:
        """Every body and every JSON answer, an error and nothing too, is a schema with a name, or one of several."""
        for path, _, operation in operations(self.document):
            said = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (each.get("content", {}) for each in said):
                for kind, media in content.items():
                    if kind == "application/json":
                        references = media["schema"].get("anyOf", [media["schema"]])
                        self.assertEqual([["$ref"]] * len(references), [list(each) for each in references], path)

    async def test_names_of_errors(self) -> None:
        """The schema of an error is named by its status, and by the call if it is the call's own: by no code."""
        for path, name, operation in operations(self.document):
            for status, response in operation["responses"].items():
                if int(status) < 400 or "content" not in response:
                    continue
                schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                phrase = response["description"].title().replace(" ", "").removesuffix("Error") + "Error"
                self.assertIn(schema, (phrase, camel(path if name == "post" else operation["operationId"]) + phrase))

    async def test_operations(self) -> None:
        """Every operation has an id of its own, a tag and a security that are declared, and a place that serves it."""
        tags = [tag["name"] for tag in self.document["tags"]]
        schemes = self.document["components"]["securitySchemes"]
        ids = [operation["operationId"] for _, _, operation in operations(self.document)]

        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(["/"], [server["url"] for server in self.document["servers"]])
        for path, _, operation in operations(self.document):
            self.assertEqual([], [tag for tag in operation["tags"] if tag not in tags], path)
            self.assertEqual([], [name for each in operation["security"] for name in each if name not in schemes], path)

    async def test_no_stumbling_blocks(self) -> None:
        """It has nothing that client generators read differently.

        No default, no title of a schema, no list without a type of its items, no enumeration without a type, no schema
        that nobody uses.
        """
        for schema in every(self.document["components"]["schemas"]):
            self.assertNotIn("default", schema)
            self.assertNotIsInstance(schema.get("title"), str)
            if schema.get("type") == "array":
                self.assertTrue(schema.get("items"), schema)
            if isinstance(schema.get("enum"), list):
                self.assertIn("type", schema)
        used = {each["$ref"] for each in every(self.document) if isinstance(each.get("$ref"), str)}
        defined = {f"#/components/schemas/{name}" for name in self.document["components"]["schemas"]}
        self.assertEqual(set(), defined - used)

    async def test_pictures(self) -> None:
        """An upload may be a form, bytes of no kind, or a picture of each kind."""
        kinds = self.operation("/upload")["requestBody"]["content"]

        pictures = {"image/png", "image/jpeg", "image/gif", "image/webp"}
        self.assertEqual({"multipart/form-data", "application/octet-stream", *pictures}, set(kinds))
        self.assertEqual(pictures, set(self.document["paths"]["/uploads/{name}"]["get"]["responses"]["200"]["content"]))

    async def test_no_example_that_works_once(self) -> None:
        """No example has a field that makes a second message by the same example a repetition of the first."""
        for endpoint in declared():
            self.assertNotIn("client_id", json.dumps(endpoint.example))

    async def test_pages(self) -> None:
        """Every GET path is in it, and answers with a declared status."""
        described = {path: item["get"] for path, item in self.document["paths"].items() if "get" in item}

        self.assertEqual(
            {"/", "/livez", "/readyz", "/openapi.json", "/asyncapi.json", "/uploads/{name}"}, set(described)
        )
        for path, operation in described.items():
            answer = await request(self.daemon.http, "GET", path)

            self.assertIn(str(answer.status), operation["responses"], path)

    async def test_not_again(self) -> None:
        """A client that has the document does not get it again (ETag)."""
        answer = await request(self.daemon.http, "GET", "/openapi.json")
        (tag,) = answer.headers.getRawHeaders("etag")

        again = await request(self.daemon.http, "GET", "/openapi.json", headers={"If-None-Match": tag})

        self.assertEqual((304, None), (again.status, again.json))

    async def test_examples(self) -> None:
        """Every example is answered with success, once its ids exist."""
        people: list[Person] = []
        for endpoint in declared():
            content = self.operation(endpoint.path)["requestBody"]["content"]["application/json"]
            people = people or [await self.a_person(), await self.a_person()]
            body = await self.real(endpoint.path, json.dumps(content["example"]), *people)

            answer = await call(self.daemon.http, endpoint.path, body, await headers_of(self.daemon, endpoint.path))

            expected = (403,) if endpoint.path in OFF_BY_DEFAULT else endpoint.statuses
            if endpoint.path in NOTHING_HERE:
                expected = (404,)
            self.assertIn(answer.status, expected, (endpoint.path, answer.json))
            if endpoint.rate != "read" and not endpoint.path.startswith("/room/"):
                people.clear()  # the next call may refuse what this one has made of them

    async def a_complaint(self, by: Person, about: Person) -> str:
        made = await by.call("/complaints/new", user=about.id, text="rude")
        id: str = made.json["complaint"]["_id"]
        return id

    async def by_server(self, path: str, **body: Any) -> Any:
        answer = await call(self.daemon.http, path, body, await headers_of(self.daemon, path))
        return answer.json.get("data")

    async def a_gift(self) -> str:
        """A gift that no other test buys."""
        new = {"name": secrets.token_hex(4), "price": 900, "image": "/gifts/x.png"}
        id: str = (await self.by_server("/server/gifts/add", **new))["gift"]["_id"]
        return id

    async def real(self, path: str, example: str, admin: Person, member: Person) -> dict[str, Any]:
        """The example, in a room in which everything that it names exists."""
        room = await a_room(admin, admin, member, password="baz")
        message = (await member.say(room, "hello")).data["message"]["_id"]
        if path in DIRECT:
            sent = await member.call("/user/sendMessage", message={"user": admin.id, "text": "hello"})
            message = sent.data["message"][0]["_id"]
        gift = (await admin.call("/gifts")).data["gifts"][0]["_id"]
        complaint = "" if COMPLAINT not in example else await self.a_complaint(admin, member)
        if path == "/server/complaints/reopen":
            await self.by_server("/server/complaints/close", complaint=complaint, note="x")
        own_gift = "" if OWN_GIFT not in example else await self.a_gift()
        for placeholder, id in (
            (COMPLAINT, complaint),
            (USER, member.id),
            (ROOM, room),
            (MESSAGE, message),
            (GIFT, gift),
            (OWN_GIFT, own_gift),
        ):
            example = example.replace(placeholder, id)
        body: dict[str, Any] = {"session_key": admin.session_key, **json.loads(example)}
        secret = (self.daemon.data / "payments-secret-key").read_text()
        signed = {"balance": 200, "secret": hashlib.md5(f"{secret}200".encode()).hexdigest()}
        if path == "/user/updateBalance":
            body |= signed
        if path == "/gifts/send":
            await admin.call("/user/updateBalance", **signed)
        if path == "/user/delete":
            body["key"] = int(admin.key)
        if path == "/init/auth":
            body["phone"] = a_phone()
            body["key"] = int(await register(self.daemon, body["phone"]))
        return body


class Limits(OwnDaemonCase):
    async def test_configured(self) -> None:
        """The limits in the document are the configured ones."""
        await self.start("[limits]\ntext = 10")
        anna = await self.a_person()
        room = await a_room(anna, anna)

        document = (await request(self.daemon.http, "GET", "/openapi.json")).json

        self.assertEqual(10, document["components"]["schemas"]["NewMessage"]["properties"]["text"]["maxLength"])
        self.assertEqual(200, (await anna.say(room, "x" * 10)).status)
        self.assertEqual(400, (await anna.say(room, "x" * 11)).status)


class Checked(TestCase):
    """How the tests compare answers with the document."""

    document = {
        "components": {"schemas": {"A": {"type": "object", "properties": {"a": {"type": "integer"}}}}},
        "paths": {
            "/call": {
                "post": {
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
                    }
                }
            }
        },
    }

    def test_as_described(self) -> None:
        """An answer that is as described passes, and so does one of a path that is not described."""
        assert_allowed(self.document, "/call", 200, {"a": 1})
        assert_allowed(self.document, "/another", 404, {"a": "x"})

    def test_not_as_described(self) -> None:
        """A status, a value or a field that is not described fails."""
        for status, body in ((404, {"a": 1}), (200, {"a": "x"}), (200, {"a": 1, "b": 1})):
            with self.assertRaises(AssertionError, msg=(status, body)):
                assert_allowed(self.document, "/call", status, body)
