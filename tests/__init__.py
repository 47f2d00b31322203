"""The tests. Daemons that they start are interrupted as from a terminal, also where the tests themselves run in the
background of a shell, which has its children ignore SIGINT.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
