"""A separate mongod, to be filled or for a peer, with the options of the daemon's."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pymongo import MongoClient

from bench.cores import LOAD_CORE, on_core
from justchat.runtime.mongod import find_binary, library_environment
from justchat.store.indexes import INDEXES


@contextmanager
def mongod(folder: Path, core: int | None = LOAD_CORE) -> Iterator[str]:
    """Run it on that folder: its URI. It is ready when this is entered."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "bench.sock"
    command = [find_binary(), "--dbpath", folder, "--bind_ip", socket, "--nounixsocket", "--quiet"]
    command += ["--logpath", folder.parent / "mongod.log", "--wiredTigerCacheSizeGB", "0.5", "--noscripting"]
    command += ["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    # It must not outlive us, however we end.
    command = ["setpriv", "--pdeathsig", "TERM", "--", *on_core(core, *command)]
    process = subprocess.Popen(command, env=library_environment(folder), stdout=subprocess.DEVNULL)
    uri = f"mongodb://{quote(str(socket), safe='')}"
    try:
        with MongoClient(uri, serverSelectionTimeoutMS=30_000) as client:
            client["justchat"].command("ping")
        yield uri
    finally:
        process.terminate()
        process.wait()


def fill(uri: str, collection: str, documents: Iterator[dict[str, object]], at_once: int = 20_000) -> None:
    """Insert all documents, in batches."""
    with MongoClient(uri) as client:
        portion: list[dict[str, object]] = []
        for document in documents:
            portion.append(document)
            if len(portion) == at_once:
                client["justchat"][collection].insert_many(portion)
                portion = []
        if portion:
            client["justchat"][collection].insert_many(portion)


def make_indexes(uri: str) -> None:
    """The daemon's own. On a filled database they take longer than the daemon waits for an answer."""
    with MongoClient(uri) as client:
        for collection, indexes in INDEXES.items():
            client["justchat"].command({"createIndexes": collection, "indexes": indexes})
