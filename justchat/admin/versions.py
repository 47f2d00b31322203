"""``justchat-admin database``: the versions of the database, and the step of the embedded one to a later series."""

from argparse import Namespace
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from twisted.internet.threads import deferToThread

from justchat import __version__
from justchat.admin.database import find_database
from justchat.admin.output import Outcome, record
from justchat.admin.recording import opened, write_line
from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.model.audit import Deed
from justchat.store.indexes import VERSIONS
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.uri import DEFAULT_NAME

Client = MongoClient[dict[str, Any]]
_ASKS_FOR_CONFIRMATION = 7
"""The first series of MongoDB that does."""


async def show_versions(settings: Settings, reactor: Any, arguments: Namespace) -> Outcome:
    """Show the versions of MongoDB, of its data, and of JustChat's schema."""
    async with find_database(settings, reactor) as uri:
        versions = await deferToThread(read_versions, uri)
    schema = versions["schema"]
    written = schema["version"] if schema["release"] is None else f"{schema['version']}, JustChat {schema['release']}"
    return Outcome(
        record(
            ("MongoDB", versions["mongodb"]),
            ("Feature compatibility", versions["feature_compatibility_version"]),
            ("Schema", written),
            ("Schema of this release", f"{schema['latest']}, JustChat {__version__}"),
        ),
        versions,
    )


async def upgrade(settings: Settings, reactor: Any, arguments: Namespace) -> Outcome:
    """Raise the featureCompatibilityVersion of the embedded database to the series of the mongod that runs it. After
    that, no mongod of an earlier series takes the data. Back up first.
    """
    if settings.mongo.uri is not None:
        raise StartupError(
            "[mongo] uri: only the embedded database is upgraded so; for one of your own, use mongosh:"
            ' db.adminCommand({setFeatureCompatibilityVersion: "…", confirm: true})'
        )
    async with find_database(settings, reactor) as uri:
        versions = await deferToThread(read_versions, uri)
        before, after = versions["feature_compatibility_version"], ".".join(versions["mongodb"].split(".")[:2])
        if before != after:
            async with opened(uri) as database:
                await write_line(database, Deed.UPGRADE_DATABASE, f"{before} to {after}")
            await deferToThread(_raise, uri, after)
    if before == after:
        text = f"The data have the featureCompatibilityVersion {after} already, which is the mongod's."
    else:
        text = f"The featureCompatibilityVersion was {before} and is {after}."
    return Outcome(text, {"before": before, "after": after})


def read_versions(uri: str) -> dict[str, Any]:
    """What ``show_versions`` shows. Blocks. Raises StartupError."""
    try:
        with Client(uri) as client:
            stored = client.get_default_database(DEFAULT_NAME)[VERSIONS].find_one({"_id": "schema"}) or {}
            return {
                "mongodb": client.admin.command("buildInfo")["version"],
                "feature_compatibility_version": _feature_compatibility(client),
                "schema": {
                    "version": stored.get("version", 0),
                    "release": stored.get("release"),
                    "latest": len(MIGRATIONS),
                },
            }
    except PyMongoError as error:
        raise StartupError(f"the database: {error}") from error


def _raise(uri: str, series: str) -> None:
    confirmation = {"confirm": True} if int(series.partition(".")[0]) >= _ASKS_FOR_CONFIRMATION else {}
    try:
        with Client(uri) as client:
            client.admin.command({"setFeatureCompatibilityVersion": series, **confirmation})
    except PyMongoError as error:
        raise StartupError(f"the database: {error}") from error


def _feature_compatibility(client: Client) -> str:
    answer = client.admin.command({"getParameter": 1, "featureCompatibilityVersion": 1})
    return str(answer["featureCompatibilityVersion"]["version"])
