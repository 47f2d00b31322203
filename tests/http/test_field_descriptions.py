"""What the OpenAPI document says of each field."""

import re

from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.schema import every, operations


class Fields(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.document = (await request(self.daemon.http, "GET", "/openapi.json")).json

    async def test_described(self) -> None:
        """Every field of every object says what it is, and so does every parameter, header, call and kind of key."""
        components = self.document["components"]
        silent = [
            (name, field)
            for name, part in [*components["schemas"].items(), ("paths", self.document["paths"])]
            for schema in every(part)
            if schema.get("type") == "object"  # else it is a condition on fields that are described
            for field, said in schema.get("properties", {}).items()
            if not said.get("description")
        ]
        parts = [*components["parameters"].items(), *components["headers"].items()]
        parts += components["securitySchemes"].items()
        parts += [(path, each) for path, _, call in operations(self.document) for each in call.get("parameters", ())]
        silent += [("", name) for name, part in parts if "$ref" not in part and not part.get("description")]
        silent += [("", path) for path, _, call in operations(self.document) if not call.get("summary")]

        self.assertEqual([], silent)

    async def test_described_rightly(self) -> None:
        """What a field of a document says fits its type.

        No object is called an id, "always" is said of a constant, and null says what it stands for.
        """
        wrong = []
        for name, schema in self.document["components"]["schemas"].items():
            for field, said in schema.get("properties", {}).items():
                text, kinds = said["description"], str(said.get("type"))
                is_answer = name.endswith(("Document", "Data"))
                if is_answer and "null" in str(said) and kinds != "null" and not re.search("null|None", text):
                    wrong.append((name, field, text))
                if text.startswith("always ") and "const" not in said and kinds != "null":
                    wrong.append((name, field, text))
                if ("$ref" in said or "object" in str(said.get("anyOf"))) and re.search(r"'s id\b|\bid of\b", text):
                    wrong.append((name, field, text))

        self.assertEqual([], wrong)

    async def test_times(self) -> None:
        """Ids and times of answers are described as what they are."""
        answers = [(name, s) for name, s in self.document["components"]["schemas"].items() if "Request" not in name]
        fields = [
            (f"{name}.{field}", said)
            for name, schema in answers
            for each in every(schema)
            if isinstance(each.get("properties"), dict)
            for field, said in each["properties"].items()
            if "string" in str(said.get("type"))
        ]

        times = [
            name for name, said in fields if name.endswith(("_at", ".until")) and said.get("format") != "date-time"
        ]
        ids = [name for name, said in fields if name.endswith("._id") and said.get("pattern") != "^[0-9a-f]{24}$"]

        self.assertEqual(([], []), (times, ids))
