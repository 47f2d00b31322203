"""The web client at ``/`` and the console at ``/console``: the files that ``clients/`` is built into."""
