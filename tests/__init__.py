"""The tests. Daemons that they start are interrupted as from a terminal, also where the tests themselves run in the
background of a shell, which has its children ignore SIGINT. JustChat's own checks are on, in this process too.

A test that hangs is ended after ten minutes: on a busy machine some need more than the two that trial gives them.
"""

import os
import signal

from twisted.trial.unittest import TestCase

TestCase.timeout = 600
os.environ["JUSTCHAT_STRICT"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
