"""Word lists for tests, and what an operator decides on messages that are held because of one."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient

Document = dict[str, Any]
LISTED = "badword\nheck*\n"


def word_list_settings(action: str, folder: Path = Path()) -> str:
    """The settings of a daemon with a list of LISTED, which is a file in the folder."""
    file = (folder / "words.txt").absolute()
    file.write_text(LISTED)
    return f'[moderation]\nwords = "{file}"\naction = "{action}"\n'


def held_message(uri: str) -> Document | None:
    """The entry of a message that is held and on which nobody has decided yet. Raises PyMongoError."""
    with _client(uri) as client:
        database = client.get_default_database()
        decided = [each["_id"] for each in database["held"].find()]
        return database["log"].find_one({"held": "waiting", "removed_at": None, "_id": {"$nin": decided}})


def decide(uri: str, message: Document, decision: str) -> None:
    """Decide on a held message, as ``justchat-admin words`` does. Raises PyMongoError; then nobody knows."""
    decided = {"_id": message["_id"], "stream": message["stream"], "decision": decision, "order": 1}
    with _client(uri) as client:
        client.get_default_database()["held"].update_one(
            {"_id": message["_id"]}, {"$setOnInsert": decided}, upsert=True
        )


def _client(uri: str) -> MongoClient[Document]:
    # Durable, as what daemons write: a database that is killed forgets nothing that was decided.
    options: Any = {"serverSelectionTimeoutMS": 1000, "socketTimeoutMS": 10_000, "w": "majority", "journal": True}
    return MongoClient(uri, **options)
