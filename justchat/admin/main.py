"""Runs a command. Exit codes: 0 done, 1 refused, with one line that says why, 2 wrong arguments. ``doctor`` ends
with 1 where it finds something wrong."""

import os
import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from io import TextIOWrapper
from typing import Any

from twisted.internet import task
from twisted.logger import globalLogBeginner

from justchat.admin import doctor
from justchat.admin.arguments import parse
from justchat.admin.context import open_context
from justchat.admin.output import Outcome, as_json
from justchat.config.settings import Settings, load_settings
from justchat.errors import ApiError, BadFile, DatabaseAway, StartupError

IN_DOUBT = "the database went away; check whether it was done before you try again"


def main() -> None:
    """The console script."""
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal may lack a character, of the help or of a name
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = parse()
    # Operators need no log of the libraries.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    task.react(run, [arguments])


async def run(reactor: Any, arguments: Namespace) -> None:
    """Carry out a command. Its outcome is printed once the database is closed, since a reader of it may be slow."""
    # Twisted would stop the reactor and exit with 0. The kernel stops our mongod when this process dies.
    reactor.callWhenRunning(
        lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)]
    )
    try:
        given = {"mongo": arguments.mongo, "bus": arguments.bus}
        overrides = {table: {"uri": uri} for table, uri in given.items() if uri is not None}
        load = partial(load_settings, overrides=overrides, data_dir=arguments.data_dir)
        outcome = await _outcome_of(arguments, load, reactor)
    except DatabaseAway as error:
        raise refused(IN_DOUBT) from error
    except (ApiError, BadFile, StartupError) as error:
        raise refused(str(error)) from error
    except Exception as error:  # a bug
        traceback.print_exc()
        raise SystemExit(1) from error
    say(as_json(outcome.data) if arguments.json else outcome.text)
    if outcome.status:
        raise SystemExit(outcome.status)


async def _outcome_of(arguments: Namespace, load: Callable[..., Settings], reactor: Any) -> Outcome:
    outcome: Outcome
    if arguments.command is doctor.examine:  # settings that cannot be loaded are a part of what it says
        outcome = await doctor.examine(load, reactor, arguments)
        return outcome
    load = partial(load, arguments.config)
    if arguments.opens_database:
        async with open_context(load(secrets=False), load, reactor) as context:
            outcome = await arguments.command(context, arguments)
    else:
        outcome = await arguments.command(load(secrets=False), reactor, arguments)
    return outcome


def refused(why: str) -> SystemExit:
    """Print in one line why a command was not carried out; returns the exit."""
    sys.stderr.write(f"justchat-admin: {' '.join(why.split())}\n")
    return SystemExit(1)


def say(text: str) -> None:
    """Print a text, also where the reader has closed the pipe."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
