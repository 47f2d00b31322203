"""The tests. Daemons that they start are interrupted as from a terminal, also where the tests themselves run in the
background of a shell, which has its children ignore SIGINT. JustChat's own checks are on, in this process too.
"""

import os
import signal

os.environ["JUSTCHAT_STRICT"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
