"""What reading a long history costs: a page near its beginning, and one near its end."""

import time
from datetime import UTC, datetime
from statistics import median

from bson import ObjectId
from pymongo import MongoClient

from bench.daemon import Daemon

PAGE = 100
READS = 40


def history(daemon: Daemon, length: int) -> dict[str, dict[str, float]]:
    """Milliseconds of /room/chat in a room of ``length`` messages, at position 10 and at nine tenths of it."""
    key, room = daemon.a_speaker()
    author = ObjectId(daemon.call("/init/getUser", session_key=key)["data"]["user"]["_id"])
    daemon.stop()
    with daemon.mongod() as uri:
        database = MongoClient(uri)["justchat"]
        at = datetime.now(UTC)
        for start in range(2, length + 1, 20_000):
            database["log"].insert_many(
                {
                    "stream": ObjectId(room),
                    "seq": seq,
                    "kind": "message",
                    "author": author,
                    "create_at": at,
                    "text": "x",
                }
                for seq in range(start, min(start + 20_000, length + 1))
            )
        database["rooms"].update_one({"_id": ObjectId(room)}, {"$set": {"seq": length}})
    daemon.start()
    return {
        f"history, position {position:,} of {length:,}": {"p50_ms": _read(daemon, key, room, position)}
        for position in (10, length * 9 // 10)
    }


def _read(daemon: Daemon, key: str, room: str, position: int) -> float:
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        page = daemon.call("/room/chat", session_key=key, room=room, skip=position, limit=PAGE)["data"]["chat"]
        took.append((time.perf_counter() - began) * 1000)
        if [message["seq"] for message in page] != list(range(position + 1, position + PAGE + 1)):
            raise SystemExit(f"a wrong page at position {position}")
    return median(took)
