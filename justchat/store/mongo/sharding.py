"""Sharding: the keys by which a sharded MongoDB divides the collections, and a check that commands name them.

mongos sends a command that names a key's value to one shard, and any other to all of them. With many shards, a frequent
command that goes to all of them sets the limit of the whole database. So in strict mode (``JUSTCHAT_STRICT=1``, which
the tests set) such a command is refused, unless it states its ``Scatter``: that is the complete list of exceptions.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

Document = Mapping[str, Any]

SHARD_KEYS = {"log": "stream", "dialogs": "owner", "answers": "_id", "windows": "_id"}
"""By collection. The other collections are not divided (docs/database.rst has the reasons)."""


class Scatter(Enum):
    """The reasons for which a command may go to all shards. The name is the command's ``comment``, which MongoDB logs
    with a slow command.
    """

    MESSAGE_ID = "the caller has sent the id of a message, and nothing that says which stream it is in"
    LATEST_OF_ALL = "a start reads the latest entries of all streams, for what a crash left behind"
    ANY_STREAM = "a client_id counts for all streams of its author; never on a sharded database"
    COPIES = "the words of a removed message are looked for, in whatever stream quotes it"
    HELD = "an operator lists the held messages of all streams"
    PERSON = "the words of a deleted person are looked for, in all streams"
    WEBHOOKS = "webhooks are told of the entries of all streams"
    RELEASE = "the start of a daemon with a database of its own ends the calls that a crash interrupted"


class Untargeted(Exception):
    """A command would go to all shards, and does not say why."""


def check_targeted(command: Document) -> None:
    """Raises Untargeted for a command on a sharded collection that names no value of its key and no Scatter."""
    name = next(iter(command))
    collection = command[name]
    key = SHARD_KEYS.get(collection) if isinstance(collection, str) else None
    if key is None or command.get("comment") in Scatter.__members__:
        return
    if not all(_names(query, key, one=one) for query, one in _queries(name, command)):
        raise Untargeted(f"{name} of {collection} without {key}: {command}")


def _queries(name: str, command: Document) -> list[tuple[Document, bool]]:
    """The queries of a command; with each, whether it changes one document, for which mongos needs the one value."""
    if name == "find":
        return [(command["filter"], False)]
    if name == "aggregate":
        return [(command["pipeline"][0].get("$match", {}), False)]
    if name == "insert":
        return [(document, True) for document in command["documents"]]
    if name == "update":
        return [(update["q"], not update.get("multi")) for update in command["updates"]]
    if name == "delete":
        return [(delete["q"], delete["limit"] == 1) for delete in command["deletes"]]
    if name == "findAndModify":
        return [(command["query"], True)]
    return []


def _names(query: Document, key: str, *, one: bool) -> bool:
    if key in query:
        value = query[key]
        return not isinstance(value, Mapping) or (not one and "$in" in value)
    return not one and "$or" in query and all(_names(choice, key, one=one) for choice in query["$or"])
