"""``justchat-admin``: the operator's command line, on the daemon's actions and stores (docs/operating.rst)."""
