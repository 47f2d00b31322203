"""A small database as a release of JustChat writes it, kept as a file of extended JSON.

    python -m tests.support.database_dump RELEASE FILE

starts ``twistd justchat`` of the environment that this runs in, has two people do a bit of everything through the API,
and writes what is in the database then. With another release's code at the front of PYTHONPATH it is that release's.

The first line of a file has what a client would know; each other line is a collection, with its indexes.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from bson import json_util
from pymongo import MongoClient

from tests.support.waiting import block_until

DUMPS = Path(__file__).parent / "dumps"
PHONES = ("79161234501", "79161234502")
LOOPBACK = "tcp:0:interface=127.0.0.1"
PATIENCE = 60.0


class _Release:
    """A daemon of the release."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        twistd = Path(sys.executable).with_name("twistd")
        command = [str(twistd), "--nodaemon", "--pidfile=", "justchat", "--data-dir", str(self.data)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, "--http", LOOPBACK, "--websocket", LOOPBACK],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        block_until(self._port, lambda: self.log.read_text(), PATIENCE)

    def _port(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"http listens on 127\.0\.0\.1:(\d+)", self.log.read_text())
        return found[1] if found else None

    def call(self, path: str, **body: Any) -> Any:
        """The ``data`` of a call. None where the release does not have it."""
        url = f"http://127.0.0.1:{self._port()}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())) as answer:
                return json.load(answer).get("data", {})
        except HTTPError as error:
            if error.code == 404:
                return None
            raise AssertionError(f"{path}: {error.code} {error.read()!r}") from error

    def key_of(self, phone: str) -> str:
        """The key that was sent to a phone."""
        lines = map(json.loads, (self.data / "sms-outbox.jsonl").read_text().splitlines())
        return re.findall(r"\d+", [line["text"] for line in lines if line["phone"] == phone][-1])[0]

    @property
    def uri(self) -> str:
        return f"mongodb://{quote(str(self.data / 'mongo' / 'mongod.sock'), safe='')}/justchat"


def _live(release: _Release) -> dict[str, Any]:
    """Two people do a bit of everything; returns what they know."""
    people = []
    for phone, nickname in zip(PHONES, ("Ann", "Bob"), strict=True):
        release.call("/init/reg", phone=phone, nickname=nickname)
        key = release.key_of(phone)
        signed_in = release.call("/init/auth", phone=phone, key=key)
        person = {"id": signed_in["user"]["_id"], "session_key": signed_in["session_key"]}
        people.append({"phone": phone, "key": key, **person})
    ann, bob = (person["session_key"] for person in people)
    room = release.call("/room/create", session_key=ann, room={"name": "Kitchen"})["room"]["_id"]
    for session_key in (ann, bob):
        release.call("/room/enter", session_key=session_key, room={"id": room})

    def say(session_key: str, text: str, **more: Any) -> str:
        message = {"room_id": room, "text": text, **more}
        said: str = release.call("/room/sendMessage", session_key=session_key, message=message)["message"]["_id"]
        return said

    tea = say(ann, "Tea is ready.")
    say(bob, "I come.", ref_message=tea)
    say(bob, "With cake.")
    for text in ("Are you there?", "Hello?"):
        release.call("/user/sendMessage", session_key=bob, message={"user": people[0]["id"], "text": text})
    release.call("/user/dialog", session_key=ann, user=people[1]["id"])
    release.call("/user/sendMessage", session_key=ann, message={"user": people[1]["id"], "text": "I am."})
    release.call("/user/free-coins", session_key=ann, type="vk")
    gift = release.call("/gifts", session_key=ann)["gifts"][0]["_id"]
    release.call("/gifts/send", session_key=ann, gift=gift, user=people[1]["id"], text="for you")
    release.call("/complaints/new", session_key=bob, message=tea, text="It was cold.")
    release.call("/user/block", session_key=bob, user=people[0]["id"])
    release.call("/room/leave", session_key=bob, room_id=room)
    return {"people": people, "room": room, "tea": tea}


def write_dump(name: str, file: Path) -> None:
    """Have the release of this environment write a database, and keep that."""
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        release = _Release(Path(folder))
        try:
            known = {"release": name, "at": datetime.now(UTC).isoformat(), **_live(release)}
            with MongoClient[dict[str, Any]](release.uri, tz_aware=True) as client:
                database = client.get_default_database()
                lines = [json.dumps(known)]
                for collection in sorted(database.list_collection_names()):
                    indexes = [
                        {key: value for key, value in index.items() if key != "v"}
                        for index in database[collection].list_indexes()
                        if index["name"] != "_id_"
                    ]
                    documents = list(database[collection].find())
                    content = {"collection": collection, "indexes": indexes, "documents": documents}
                    lines.append(json_util.dumps(content, separators=(",", ":"), ensure_ascii=False))
        finally:
            release.process.terminate()
            release.process.wait(PATIENCE)
    file.write_text("\n".join(lines) + "\n")


def load_dump(release: str, uri: str) -> dict[str, Any]:
    """Fill a database with what a release has written; returns what its people know.

    All times are moved, so that the release has just done it: otherwise sessions would have expired.
    """
    first, *rest = (DUMPS / f"{release}.json").read_text().splitlines()
    known: dict[str, Any] = json.loads(first)
    passed = datetime.now(UTC) - datetime.fromisoformat(known["at"])
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        database = client.get_default_database()
        for line in rest:
            content = json_util.loads(line)
            collection = database.create_collection(content["collection"])
            if content["indexes"]:
                database.command({"createIndexes": collection.name, "indexes": content["indexes"]})
            if content["documents"]:
                collection.insert_many([_moved(document, passed) for document in content["documents"]])
    return known


def _moved(value: Any, passed: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + passed
    if isinstance(value, dict):
        return {name: _moved(each, passed) for name, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, passed) for each in value]
    return value


if __name__ == "__main__":
    write_dump(sys.argv[1], Path(sys.argv[2]))
