"""Word lists for tests, and what an operator decides on messages that are held because of one."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient

LISTED = "badword\nheck*\n"


def word_list_settings(action: str, folder: Path = Path()) -> str:
    """The settings of a daemon with a list of LISTED, which is a file in the folder."""
    file = (folder / "words.txt").absolute()
    file.write_text(LISTED)
    return f'[moderation]\nwords = "{file}"\naction = "{action}"\n'


def decide(uri: str, decision: str) -> str | None:
    """Decide on a held message, as ``justchat-admin words`` does; returns its id, or None where none is held."""
    options: Any = {"serverSelectionTimeoutMS": 1000, "socketTimeoutMS": 10_000}
    with MongoClient[dict[str, Any]](uri, **options) as client:
        database = client.get_default_database()
        entry = database["log"].find_one({"held": "waiting", "removed_at": None})
        if entry is None:
            return None
        decided = {"_id": entry["_id"], "stream": entry["stream"], "decision": decision, "order": 1}
        database["held"].update_one({"_id": entry["_id"]}, {"$setOnInsert": decided}, upsert=True)
        return str(entry["_id"])
