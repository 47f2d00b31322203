"""What the words mean: frozen values, no I/O, no Twisted."""
