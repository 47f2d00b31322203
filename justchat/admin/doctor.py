"""``justchat-admin doctor``: what is wrong with this installation, and what to do about it."""

import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThread

from justchat.admin.checks import (
    WITHOUT_DATABASE,
    Check,
    CheckState,
    Finding,
    clock,
    daemon,
    database_version,
    feature_compatibility,
    settings_file,
    sms_outcomes,
    time_now,
    unjoined_daemons,
    with_endpoints,
    written_endpoints,
)
from justchat.admin.database import find_database
from justchat.admin.output import Outcome, table
from justchat.admin.versions import read_versions
from justchat.config.settings import Settings
from justchat.errors import DatabaseAway, StartupError
from justchat.model.moment import now
from justchat.runtime.data_dir import check_owner
from justchat.runtime.running import read_running
from justchat.store.indexes import INDEXES
from justchat.store.lease import SignOfLife
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from justchat.store.schema import Schema
from justchat.store.sms_counts import SmsCounts
from justchat.wiring.settings_check import faults_of_settings

_RANK = {CheckState.WRONG: 0, CheckState.WARNING: 1, CheckState.OK: 2}


async def examine(load: Callable[..., Settings], reactor: Any, arguments: Namespace) -> Outcome:
    """Say what is wrong with this installation, and what to do. It looks at settings, data directory, disk, clocks,
    database, certificates, proxies and defaults, and changes nothing. The exit code is 1 if something is wrong.
    """
    # ``load`` loads the settings of a file, with their secrets or without.
    found: list[Finding] = []
    try:
        settings, load = _settings_of(load, arguments)
        found += settings_file(None if settings.file is None else str(settings.file))
    except StartupError as error:
        found += [Finding("settings", CheckState.WRONG, line, "correct it") for line in str(error).splitlines()]
    else:
        running = read_running(settings.data_dir)
        found += daemon(running, settings)
        settings = with_endpoints(settings, running)
        found += _of_secrets(load)
        # What systemd opens is not there for a command.
        opened = {table: each for table, each in written_endpoints(settings).items() if not each.startswith("systemd:")}
        faults = faults_of_settings(settings, opened)
        found += [Finding("settings", CheckState.WRONG, line, "correct it: no daemon starts") for line in faults]
        for name, check in WITHOUT_DATABASE:
            found += [each for each in _carried_out(name, check, settings) if each.what not in faults]
        found += await _of_database(settings, reactor)
    found.sort(key=lambda finding: _RANK[finding.state])
    is_wrong = any(each.state is CheckState.WRONG for each in found)
    checks = [
        {"name": each.name, "state": each.state.value, "found": each.what, "advice": each.advice} for each in found
    ]
    rows = [(each.state.value, each.name, each.sentence) for each in found]
    data = {"state": found[0].state.value, "checks": checks}
    return Outcome(table(("STATE", "PART", "FOUND"), rows, ""), data, status=1 if is_wrong else 0)


def _settings_of(load: Callable[..., Settings], arguments: Namespace) -> tuple[Settings, Callable[..., Settings]]:
    """The settings, and what loads them: without --config those of the daemon that runs, where they can be read."""
    settings = load(arguments.config, secrets=False)
    file = arguments.config
    if (
        file is None
        and (running := read_running(settings.data_dir))
        and running.config
        and os.access(running.config, os.R_OK)
    ):
        file = running.config
        settings = load(file, secrets=False)
    return settings, partial(load, file)


def _of_secrets(load: Callable[..., Settings]) -> list[Finding]:
    try:
        load()
    except StartupError as error:
        advice = "give it, unless systemd hands it to the daemon alone (LoadCredential=)"
        return [Finding("secrets", CheckState.WARNING, line, advice) for line in str(error).splitlines()]
    return []


def _carried_out(name: str, check: Check, settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except (StartupError, OSError, ValueError) as error:
        yield Finding(name, CheckState.WRONG, " ".join(str(error).split()), "correct it, then look again")


async def _of_database(settings: Settings, reactor: Any) -> list[Finding]:
    """What is found in the database, if there is one."""
    try:
        check_owner(settings.data_dir)
        if settings.mongo.uri is None and not (settings.data_dir / "mongo").is_dir():
            return [Finding("database", CheckState.WARNING, "there is none yet", "start the daemon, which makes it")]
        async with find_database(settings, reactor) as uri:
            database = Database(uri)
            database.open()
            try:
                found = await _looked_at(database, settings, reactor)
            finally:
                await database.close()
            if settings.mongo.uri is None:
                versions = await deferToThread(read_versions, uri)
                found.append(feature_compatibility(versions["mongodb"], versions["feature_compatibility_version"]))
            return found
    except (StartupError, DatabaseAway) as error:
        return [Finding("database", CheckState.WRONG, " ".join(str(error).split()), "start it, or correct [mongo] uri")]


async def _looked_at(database: Database, settings: Settings, reactor: Any) -> list[Finding]:
    hello = await database.command({"hello": 1})
    found = [
        clock(time_now(), hello["localTime"]),
        database_version((await database.command({"buildInfo": 1}))["version"]),
    ]
    try:
        await Schema(database, MIGRATIONS, None, reactor).check()
        found.append(Finding("schema", CheckState.OK, "that of this release"))
    except StartupError as error:
        found.append(Finding("schema", CheckState.WRONG, str(error), 'docs/operating.rst, "Upgrading"'))
    found += unjoined_daemons(len(await SignOfLife(database).others()), settings)
    found += sms_outcomes(await SmsCounts(database, now).latest(1))
    missing = await _missing_indexes(database)
    if missing:
        advice = "restart the daemon, which creates them"
        found.append(Finding("indexes", CheckState.WRONG, f"missing: {', '.join(missing)}", advice))
    else:
        found.append(Finding("indexes", CheckState.OK, "all are there"))
    return found


async def _missing_indexes(database: Database) -> list[str]:
    """Indexes of collections that exist, by collection and name."""
    listed = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 1000}})
    there = {each["name"] for each in listed["cursor"]["firstBatch"]}
    missing = []
    for collection, indexes in INDEXES.items():
        if collection in there:
            answer = await database.command({"listIndexes": collection, "cursor": {"batchSize": 1000}})
            names = {index["name"] for index in answer["cursor"]["firstBatch"]}
            missing += [f"{collection}.{index['name']}" for index in indexes if index["name"] not in names]
    return missing
