"""``justchat-admin``: the operator's command, over the same actions and stores as the daemon (docs/operating.rst)."""
