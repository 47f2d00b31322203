"""The domain's values: frozen, no I/O, no Twisted."""
