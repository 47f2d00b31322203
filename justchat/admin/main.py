"""Runs a command. Exit codes: 0 done, 1 refused, with one line that says why, 2 wrong arguments."""

import os
import signal
import sys
import traceback
from argparse import Namespace
from functools import partial
from io import TextIOWrapper
from typing import Any

from twisted.internet import task
from twisted.logger import globalLogBeginner

from justchat.admin.arguments import parse
from justchat.admin.context import open_context
from justchat.admin.output import as_json
from justchat.config.settings import load_settings
from justchat.errors import ApiError, BadFile, DatabaseAway, StartupError

IN_DOUBT = "the database went away; check whether it was done before you try again"


def main() -> None:
    """The console script."""
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
        settings = load_settings(arguments.config, overrides, arguments.data_dir, secrets=False)
        with_secrets = partial(load_settings, arguments.config, overrides, arguments.data_dir)
        if arguments.opens_database:
            async with open_context(settings, with_secrets, reactor) as context:
                outcome = await arguments.command(context, arguments)
        else:
            outcome = await arguments.command(settings, reactor, arguments)
    except DatabaseAway as error:
        raise refused(IN_DOUBT) from error
    except (ApiError, BadFile, StartupError) as error:
        raise refused(str(error)) from error
    except Exception as error:  # a bug
        traceback.print_exc()
        raise SystemExit(1) from error
    say(as_json(outcome.data) if arguments.json else outcome.text)


def refused(why: str) -> SystemExit:
    """Print in one line why a command was not carried out; returns the exit."""
    sys.stderr.write(f"justchat-admin: {' '.join(why.split())}\n")
    return SystemExit(1)


def say(text: str) -> None:
    """Print a text, also where the terminal lacks a character or the reader has closed the pipe."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
