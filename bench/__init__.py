"""How fast the daemon is: `make bench` measures it, and prints a table (docs/design.rst says what is measured)."""
