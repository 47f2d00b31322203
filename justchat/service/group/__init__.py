"""Several processes of one daemon: a parent that owns the ports and the database, and workers that it supervises."""
