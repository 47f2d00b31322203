"""The daemon's lifecycle: the tree of its services (``daemon``), and the services themselves."""
