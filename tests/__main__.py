"""``python -m tests [trial's options] [targets]`` runs the tests on several processes (``support/dealing.py``)."""

import sys

from twisted.scripts.trial import Options
from twisted.trial.runner import TestLoader

from tests.support.dealing import Dealing, PartsRunner


def main() -> int:
    options = Options()
    options.parseOptions()
    loader = TestLoader()
    suite = Dealing(loader.loadByNames(options["tests"] or ["tests"], recurse=True))
    runner = PartsRunner(
        options["reporter"],
        options["jobs"] or 2,
        [],
        tracebackFormat=options["tbformat"],
        realTimeErrors=options["rterrors"],
        workingDirectory=options["temp-directory"],
        logfile=options["logfile"],
    )
    result = runner.run(suite)
    print(runner.slowest())
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
